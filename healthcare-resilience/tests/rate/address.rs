use healthcare_resilience::AddressKey;
use std::net::IpAddr;

fn key(address: &str) -> AddressKey {
    address.parse::<IpAddr>().unwrap().into()
}

#[test]
fn addresses_of_one_network_are_one_key() {
    assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
}

#[test]
fn an_old_address_is_whole_however_it_is_written() {
    assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
}

#[test]
fn families_do_not_collide() {
    // The network ::c000:201 has the same number as 192.0.2.1.
    assert_ne!(key("192.0.2.1"), key("0:0:c000:201::"));
    assert_ne!(key("0.0.0.0"), key("::"));
}

#[test]
fn it_is_bytes_for_redis_and_nothing_for_logs() {
    assert_eq!(key("192.0.2.1").as_ref(), [4, 0, 0, 0, 0, 192, 0, 2, 1]);
    assert_eq!(key("2001:db8::").as_ref(), [6, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0]);
    assert_eq!(format!("{:?}", key("192.0.2.1")), "AddressKey(..)");
}
