use std::{fmt, net::IpAddr};

/// An address as a key of a limit: an IPv4 address whole, an IPv6 address by the first 64 bits.
///
/// Whoever has one IPv6 address commonly has the 2⁶⁴ of its network (RFC 4291 section 2.5.4, RFC 6177), so a limit by
/// whole address limits nobody. An IPv4 address written as IPv6 is that IPv4 address. `Debug` shows no address, because a
/// log is no place for one.
///
/// ```
/// use healthcare_resilience::AddressKey;
/// use std::net::IpAddr;
/// # fn main() -> Result<(), std::net::AddrParseError> {
/// let one: IpAddr = "2001:db8:1:2::1".parse()?;
/// let other: IpAddr = "2001:db8:1:2:ffff::9".parse()?;
/// assert_eq!(AddressKey::from(one), AddressKey::from(other));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey {
    /// The family, then the address or its network.
    bytes: [u8; 9],
}

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        let (family, part) = match address.to_canonical() {
            IpAddr::V4(address) => (4, u64::from(u32::from(address))),
            IpAddr::V6(address) => (6, (u128::from(address) >> 64) as u64),
        };
        let [a, b, c, d, e, f, g, h] = part.to_be_bytes();
        Self { bytes: [family, a, b, c, d, e, f, g, h] }
    }
}

/// For a limit over Redis, which takes keys as bytes and signs them.
impl AsRef<[u8]> for AddressKey {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressKey(..)")
    }
}
