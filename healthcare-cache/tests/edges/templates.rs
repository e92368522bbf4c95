//! Key types that are written down once.

use healthcare_cache::{CacheKey, CachedAs, KeyPart, KeyWriter, cache_key};
use healthcare_core::{ClinicId, Id, UserId};
use proptest::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

struct Ward;

cache_key! {
    /// With one of each.
    pub struct Full as "full/1" {
        pub clinic: ClinicId,
        /// Whose.
        pub ward: Id<Ward> as subject,
        by: Option<UserId>,
        name: Arc<str>,
        text: String,
        day: u32,
        shift: i64,
        is_open: bool,
    }
}
cache_key! { struct Pair as "pair" { clinic: ClinicId, from: Option<u32>, to: Option<u32> } }
cache_key! { struct Plain as "plain" { clinic: ClinicId } }

fn bytes(key: &impl CachedAs) -> KeyWriter {
    let mut out = KeyWriter::default();
    key.write(&mut out);
    out
}

#[test]
fn a_key_has_its_clinic_its_subject_and_its_kind() {
    let plain = Plain { clinic: ClinicId::random() };
    assert_eq!((plain.subject(), Plain::KIND), (None, "plain"));
    assert_eq!(bytes(&plain), KeyWriter::default(), "the clinic is written already");
    let ward = Uuid::from_u128(4);
    let key = full(ward.as_u128(), None, "a", "b", 1, -1, true);
    assert_eq!(
        (key.subject(), key.clinic(), Full::KIND),
        (Some(ward), ClinicId::from_uuid(Uuid::nil()), "full/1")
    );
}

fn full(ward: u128, by: Option<u128>, name: &str, text: &str, day: u32, shift: i64, is_open: bool) -> Full {
    Full {
        clinic: ClinicId::from_uuid(Uuid::nil()),
        ward: Id::from_uuid(Uuid::from_u128(ward)),
        by: by.map(|by| UserId::from_uuid(Uuid::from_u128(by))),
        name: name.into(),
        text: text.into(),
        day,
        shift,
        is_open,
    }
}

fn any() -> impl Strategy<Value = Full> {
    // Few values, so that fields are often equal and parts could be taken for each other.
    let text = || prop_oneof![Just(""), Just("a"), Just("ab"), Just("b"), Just("\u{0}t")];
    let parts = (0..2_u128, proptest::option::of(0..2_u128), text(), text(), 0..2_u32, -1..2_i64, any_bool());
    parts.prop_map(|(ward, by, name, text, day, shift, is_open)| {
        full(ward, by, name, text, day, shift, is_open)
    })
}

fn any_bool() -> impl Strategy<Value = bool> {
    proptest::bool::ANY
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]
    #[test]
    fn two_keys_write_the_same_when_they_are_equal_and_only_then(one in any(), other in any()) {
        prop_assert_eq!(one == other, bytes(&one) == bytes(&other));
    }
}

#[test]
fn what_is_missing_is_not_taken_for_its_neighbour() {
    let pair = |from, to| bytes(&Pair { clinic: ClinicId::from_uuid(Uuid::nil()), from, to });
    assert_ne!(pair(Some(1), None), pair(None, Some(1)));
    assert_ne!(pair(None, None), pair(Some(0), None));
}

#[test]
fn each_field_counts() {
    let key = || full(1, None, "a", "b", 1, 1, true);
    let mut others = [key(), key(), key(), key(), key(), key(), key()];
    others[0].ward = Id::from_uuid(Uuid::nil());
    others[1].by = Some(UserId::from_uuid(Uuid::nil()));
    others[2].name = "".into();
    others[3].text = "a".into();
    others[4].day = 2;
    others[5].shift = -1;
    others[6].is_open = false;
    for other in &others {
        assert_ne!(bytes(other), bytes(&key()), "{other:?}");
    }
    let (mut none, mut some) = (KeyWriter::default(), KeyWriter::default());
    (None::<bool>, Some(false)).0.write(&mut none);
    Some(false).write(&mut some);
    assert_ne!(none, some);
}
