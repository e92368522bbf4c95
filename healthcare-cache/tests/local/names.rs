use healthcare_cache::{CacheKey, CachedAs, KeyWriter, Namer};
use healthcare_core::ClinicId;
use proptest::prelude::*;
use std::collections::HashSet;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Two {
    clinic: ClinicId,
    parts: (String, String),
}
impl CacheKey for Two {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        None
    }
}
impl CachedAs for Two {
    const KIND: &'static str = "two";
    fn write(&self, out: &mut KeyWriter) {
        out.text(&self.parts.0).text(&self.parts.1);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Other(Two);
impl CacheKey for Other {
    fn clinic(&self) -> ClinicId {
        self.0.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        None
    }
}
impl CachedAs for Other {
    const KIND: &'static str = "other";
    fn write(&self, out: &mut KeyWriter) {
        self.0.write(out);
    }
}

fn awkward() -> impl Strategy<Value = String> {
    prop_oneof!["[a:{}|/\\x00 ]{0,4}", "\\PC{0,12}", "t.{0,9}", Just(String::new()), Just("x".repeat(5_000))]
}

proptest! {
    #[test]
    fn two_keys_share_a_mark_only_when_they_are_equal(
        names in prop::collection::vec((0_u128..2, awkward(), awkward()), 2..12)
    ) {
        let namer = Namer::random();
        let keys: HashSet<Two> = names
            .into_iter()
            .map(|(clinic, a, b)| Two { clinic: ClinicId::from_uuid(Uuid::from_u128(clinic)), parts: (a, b) })
            .collect();
        let marks: HashSet<_> = keys.iter().map(|key| namer.key(key)).collect();
        prop_assert_eq!(marks.len(), keys.len());
        for key in keys {
            prop_assert_eq!(namer.key(&key), namer.key(&key.clone()));
            prop_assert!(!marks.contains(&namer.key(&Other(key))), "the kind does not count");
        }
    }
}

#[test]
fn a_key_a_subject_a_tag_and_a_clinic_never_share_a_mark() {
    let namer = Namer::random();
    let id = Uuid::from_u128(7);
    let clinic = ClinicId::from_uuid(id);
    let key = Two { clinic, parts: (String::new(), String::new()) };
    let marks = HashSet::from([
        namer.key(&key).0,
        namer.subject(clinic, id).0,
        namer.tag(clinic, "").0,
        namer.tag(clinic, &id.to_string()).0,
        namer.scope(clinic).0,
    ]);
    assert_eq!(marks.len(), 5);
}

#[test]
fn marks_of_another_namer_mean_nothing_and_none_shows_what_it_names() {
    let clinic = ClinicId::random();
    assert_ne!(Namer::random().tag(clinic, "ward"), Namer::random().tag(clinic, "ward"));
    let mut out = KeyWriter::default();
    out.text("Miller");
    let shown = format!("{:?} {:?} {:?}", out, Namer::random(), Namer::with_key([77; 16]));
    assert!(!shown.contains("Miller") && !shown.contains("77"), "{shown}");
}
