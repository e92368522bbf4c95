//! What can be enqueued.

use healthcare_core::ClinicId;
use healthcare_messaging::{JobConfigError, JobKind, NewJob, NewJobBuilder, UniqueKey};
use std::time::Duration;
use uuid::Uuid;

struct Broken;

impl serde::Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("Canary"))
    }
}
impl<'de> serde::Deserialize<'de> for Broken {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}
impl JobKind for Broken {
    const QUEUE: &'static str = "mail";
    const KIND: &'static str = "broken";
}

fn raw(queue: &'static str, kind: &'static str) -> NewJobBuilder {
    NewJob::raw(ClinicId::random(), queue, kind, "{}")
}

#[test]
fn what_cannot_be_kept_is_refused_when_it_is_described() {
    let refused = |job: NewJobBuilder| job.build().map(drop).unwrap_err();
    assert_eq!(refused(raw("Mail", "kind")), JobConfigError::Name);
    assert_eq!(refused(raw("mail", "ada@example.org")), JobConfigError::Name);
    let key = UniqueKey::new("Ada Lovelace", Uuid::nil(), 1);
    assert_eq!(refused(raw("mail", "kind").once(key)), JobConfigError::Name);
    let large = NewJob::raw(ClinicId::random(), "mail", "kind", vec![b' '; 16 * 1_024 + 1]);
    assert!(matches!(refused(large), JobConfigError::Payload { .. }));
    for tries in [0, 101, u32::MAX] {
        assert!(matches!(refused(raw("mail", "kind").tries(tries)), JobConfigError::Tries { .. }));
    }
    assert!(matches!(refused(raw("mail", "kind").after(Duration::MAX)), JobConfigError::Delay { .. }));
    let broken = refused(NewJob::builder(ClinicId::random(), &Broken));
    assert_eq!(broken, JobConfigError::Encode);
    assert!(!format!("{broken} {broken:?}").contains("Canary"));
}

#[test]
fn what_is_printed_of_a_job_is_ids_and_names() {
    let job = NewJob::raw(ClinicId::random(), "mail", "kind", "Canary").build().unwrap();
    assert!(!format!("{job:?}").contains("Canary"));
    assert_eq!(UniqueKey::new("reminder", Uuid::nil(), 3).to_string(), format!("reminder/{}/3", Uuid::nil()));
}
