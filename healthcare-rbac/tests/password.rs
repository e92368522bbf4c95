//! Passwords and the brake on guessing them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_core::ManualClock;
use healthcare_rbac::{
    password::{
        CommonPasswords, HashParams, HasherConfig, NewPasswordRules, Password, PasswordError, PasswordHash,
        PasswordHasher, PasswordRefused, Verdict,
    },
    throttle::{Throttle, ThrottleConfig},
};
use proptest::prelude::*;
use std::{net::IpAddr, sync::Arc, time::Duration};

fn config() -> HasherConfig {
    HasherConfig { params: HashParams { memory_kib: 64, passes: 1, lanes: 1 }, parallel: 1, queue: 1 }
}

fn hasher() -> PasswordHasher {
    PasswordHasher::new(config()).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(text).unwrap()
}

#[tokio::test]
async fn the_cost_stands_in_the_hash_and_every_hash_has_its_own_salt() {
    let hasher = hasher();
    let one = hasher.hash(&password("a long walk by the river")).await.unwrap();
    let two = hasher.hash(&password("a long walk by the river")).await.unwrap();
    assert!(one.as_str().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", one.as_str());
    assert_ne!(one, two);
    assert_eq!(
        hasher.verify(&password("a long walk by the river"), Some(&one)).await.unwrap(),
        Verdict::Right
    );
    assert_eq!(
        hasher.verify(&password("a long walk by the rivet"), Some(&one)).await.unwrap(),
        Verdict::Wrong
    );
    assert_eq!(hasher.verify(&password("a long walk by the river"), None).await.unwrap(), Verdict::Wrong);
    assert_eq!(format!("{one:?} {:?}", password("secret words")), "PasswordHash(..) Password(..)");
    let standard = HashParams::default();
    assert_eq!(
        (standard.memory_kib, standard.passes, standard.lanes),
        (19 * 1024, 2, 1),
        "OWASP's first choice"
    );
}

#[tokio::test]
async fn reads_the_hash_of_another_program() {
    // Made with the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 24 -e`.
    let text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b3dWRWJTmaaJObG";
    let Ok(stored) = text.parse::<PasswordHash>() else { panic!("{text}") };
    let strong = HashParams { memory_kib: 65_536, passes: 2, lanes: 1 };
    let hasher = PasswordHasher::new(HasherConfig { params: strong, ..config() }).unwrap();
    assert_eq!(hasher.verify(&password("passwore"), Some(&stored)).await.unwrap(), Verdict::Wrong);
}

#[test]
fn a_stored_hash_that_asks_for_too_much_or_is_none_is_refused() {
    let tail = "$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    for head in [
        "$argon2id$v=19$m=2097152,t=2,p=1",
        "$argon2id$v=19$m=64,t=17,p=1",
        "$argon2id$v=19$m=4294967295,t=4294967295,p=1",
        "$argon2i$v=19$m=64,t=1,p=1",
        "$argon2id$v=16$m=64,t=1,p=1",
        "$2b$12",
        "",
    ] {
        let read = format!("{head}{tail}").parse::<PasswordHash>();
        assert!(matches!(read, Err(PasswordError::Unreadable)), "{head}");
    }
    assert!(format!("$argon2id$v=19$m=64,t=1,p=1{tail}").parse::<PasswordHash>().is_ok());
}

#[tokio::test]
async fn the_same_keys_on_two_keyboards_are_the_same_password() {
    let hasher = hasher();
    let stored = hasher.hash(&password("caf\u{e9} am gro\u{df}en Flu\u{df} \u{fb01}n")).await.unwrap();
    let other = password("cafe\u{301} am gro\u{df}en Flu\u{df} fin");
    assert_eq!(hasher.verify(&other, Some(&stored)).await.unwrap(), Verdict::Right);
}

#[test]
fn a_new_password_is_long_and_not_what_everybody_takes() {
    let rules = NewPasswordRules::single_factor(&CommonPasswords);
    assert_eq!(rules.check(&password("fourteen chars")), Err(PasswordRefused::TooShort { min: 15 }));
    assert_eq!(rules.check(&password("fifteen chars ok")), Ok(()));
    // Code points, not bytes: 15 of three bytes each pass, 5 do not.
    assert_eq!(rules.check(&password("川沿いの長い散歩道は楽しいです")), Ok(()));
    assert_eq!(rules.check(&password("川沿いの道")), Err(PasswordRefused::TooShort { min: 15 }));
    for common in [
        "passwordpassword",
        "PasswordPassword",
        "aaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "qwertyuiopasdfgh",
        "9876543210987654",
    ] {
        assert_eq!(rules.check(&password(common)), Err(PasswordRefused::Common), "{common}");
    }
    assert_eq!(Password::new(&"a".repeat(1025)).unwrap_err(), PasswordRefused::TooLong);
    assert!(
        Password::new(&"\u{fdfa}".repeat(341)).is_ok(),
        "what grows under NFKC is bounded by what was sent"
    );
}

#[test]
fn a_configuration_out_of_range_is_refused() {
    let with =
        |params, parallel, queue| PasswordHasher::new(HasherConfig { params, parallel, queue }).is_err();
    let good = HashParams { memory_kib: 64, passes: 1, lanes: 1 };
    assert!(!with(good, 1, 0));
    assert!(with(good, 0, 0) && with(good, 1, 100_000) && with(good, 2000, 0));
    assert!(with(HashParams { memory_kib: 7, ..good }, 1, 0) && with(HashParams { passes: 0, ..good }, 1, 0));
    assert!(with(HashParams { lanes: 17, ..good }, 1, 0));
}

const ACCOUNT: [u8; 32] = [1; 32];

fn ip(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([203, 0, 113, last]))
}

fn throttle(config: ThrottleConfig) -> (Arc<ManualClock>, Throttle) {
    let clock = Arc::new(ManualClock::at("2026-03-01T08:00:00Z".parse().unwrap()));
    (clock.clone(), Throttle::new(config, clock))
}

/// Seconds to wait, after failing when admitted.
fn fail(throttle: &Throttle, account: [u8; 32], source: Option<IpAddr>) -> u64 {
    throttle.admit(account, source).map_or_else(
        |throttled| throttled.retry_after.as_secs(),
        |attempt| {
            drop(attempt);
            0
        },
    )
}

#[test]
fn waits_double_up_to_a_quarter_of_an_hour() {
    let (clock, throttle) = throttle(ThrottleConfig::default());
    for _ in 0..5 {
        assert_eq!(fail(&throttle, ACCOUNT, ip(1)), 0);
    }
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(fail(&throttle, ACCOUNT, ip(1)), wait);
        clock.advance(Duration::from_secs(wait) - Duration::from_millis(1));
        assert_eq!(fail(&throttle, ACCOUNT, ip(1)), 1, "rounded up");
        clock.advance(Duration::from_millis(1));
        assert_eq!(fail(&throttle, ACCOUNT, ip(1)), 0);
    }
    clock.advance(Duration::from_secs(86_400));
    for _ in 0..5 {
        assert_eq!(fail(&throttle, ACCOUNT, ip(1)), 0, "forgotten after a day");
    }
}

#[test]
fn a_thousand_at_the_same_moment_are_a_thousand_failures() {
    let (_, throttle) = throttle(ThrottleConfig::default());
    let admitted: Vec<_> = (0..1000).filter_map(|_| throttle.admit(ACCOUNT, ip(1)).ok()).collect();
    assert_eq!(admitted.len(), 5);
}

#[test]
fn an_attacker_elsewhere_cannot_lock_the_owner_out() {
    let (clock, throttle) = throttle(ThrottleConfig::default());
    throttle.admit(ACCOUNT, ip(1)).unwrap().succeeded();
    for source in 2..=60 {
        for _ in 0..5 {
            fail(&throttle, ACCOUNT, ip(source));
        }
    }
    assert!(fail(&throttle, ACCOUNT, ip(61)) > 0, "strangers queue");
    throttle.admit(ACCOUNT, ip(1)).unwrap().succeeded();
    for source in 100..=200 {
        fail(&throttle, ACCOUNT, ip(source));
    }
    // From a place the owner never used before: one attempt in half a minute among all strangers.
    let wait = fail(&throttle, ACCOUNT, ip(250));
    assert!((1..=30).contains(&wait), "{wait}");
    clock.advance(Duration::from_secs(wait));
    assert_eq!(fail(&throttle, ACCOUNT, ip(250)), 0);
    assert_eq!(fail(&throttle, ACCOUNT, ip(251)), 30, "the next stranger's turn comes later");
}

#[test]
fn one_source_that_tries_many_accounts_is_slowed_and_one_good_account_buys_it_nothing() {
    let (_, throttle) = throttle(ThrottleConfig::default());
    let mut admitted = 0;
    for account in 0..200_u8 {
        if account % 10 == 0
            && let Ok(attempt) = throttle.admit([255; 32], ip(9))
        {
            attempt.succeeded();
        }
        admitted += u32::from(fail(&throttle, [account; 32], ip(9)) == 0);
    }
    assert_eq!(admitted, 50);
    assert_eq!(fail(&throttle, [201; 32], ip(10)), 0, "another source is not concerned");
}

#[test]
fn a_subscribers_whole_ipv6_network_is_one_source() {
    let (_, throttle) = throttle(ThrottleConfig::default());
    let from = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, last]));
    for last in 0..5 {
        assert_eq!(fail(&throttle, ACCOUNT, from(last)), 0);
    }
    assert_eq!(fail(&throttle, ACCOUNT, from(99)), 2);
    let mapped: IpAddr = "::ffff:203.0.113.5".parse().unwrap();
    for _ in 0..5 {
        assert_eq!(fail(&throttle, [2; 32], Some(mapped)), 0);
    }
    assert_eq!(fail(&throttle, [2; 32], ip(5)), 2, "the same address in either form");
}

#[test]
fn a_withdrawn_attempt_counts_for_nothing() {
    let (_, throttle) = throttle(ThrottleConfig::default());
    for _ in 0..500 {
        throttle.admit(ACCOUNT, ip(1)).unwrap().withdrawn();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn memory_stays_within_its_limit(attempts in prop::collection::vec((any::<[u8; 2]>(), any::<u8>()), 1..2000)) {
        let (_, throttle) = throttle(ThrottleConfig { entries: 100, ..ThrottleConfig::default() });
        for (account, source) in attempts {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&account);
            fail(&throttle, key, ip(source));
            prop_assert!(throttle.entries() <= 300, "{}", throttle.entries());
        }
    }
}
