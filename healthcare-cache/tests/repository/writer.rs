//! What a write makes the caches of its node forget, whatever becomes of the write.

use crate::rig::{Ending, LONGEST, Patient, Visit, World, poll};
use async_trait::async_trait;
use healthcare_cache::{
    Cache, CacheKey, CachePolicy, CachedAs, KeyWriter, Loaded, Look, PurgingWriter, Put, TtlClass, rows_tag,
};
use healthcare_core::{AccessError, ClinicId, Guard, Id, TransactionView, Writer};
use std::time::Duration;
use uuid::Uuid;

/// What is known of one person, or of all rows of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(ClinicId, Option<Uuid>);

impl CacheKey for Key {
    fn clinic(&self) -> ClinicId {
        self.0
    }
    fn subject(&self) -> Option<Uuid> {
        self.1
    }
}
impl CachedAs for Key {
    const KIND: &'static str = "known";
    fn write(&self, out: &mut KeyWriter) {
        out.flag(self.1.is_some()).id(self.1.unwrap_or_default());
    }
}

/// A world, and a cache of the host's own beside the rows.
struct It {
    world: World,
    known: Cache<Key, u8>,
    patient: Id<Patient>,
}

impl It {
    async fn new() -> Self {
        let world = World::new();
        let policy = CachePolicy::of(TtlClass::Patient).build().unwrap();
        let known = Cache::builder(policy).node(&world.node).build().unwrap();
        let patient = world.patient("Ada").await;
        Self { world, known, patient }
    }

    fn key(&self) -> Key {
        Key(self.world.stage.clinic, Some(self.patient.as_uuid()))
    }

    fn knows(&self, key: &Key) -> bool {
        self.known.get(key).is_some()
    }

    /// Loads, and says whether it is known then.
    async fn learns(&self, key: &Key, tag: &str) -> bool {
        match self.known.look_up(key).await {
            Look::Hit(_) => true,
            Look::Miss(vacancy) => vacancy.keep(Loaded::new(1).tag(tag)).await == Put::Stored,
        }
    }

    async fn learns_of_patient(&self) -> bool {
        self.learns(&self.key(), "").await
    }
}

#[tokio::test]
async fn nothing_is_known_from_the_start_of_the_commit_until_its_end() {
    let it = It::new().await;
    let list = Key(it.world.stage.clinic, None);
    let tag = rows_tag("patient");
    assert!(it.learns_of_patient().await && it.learns(&list, &tag).await);
    assert_eq!(it.world.name(it.patient).await, "Ada");
    let change = it.world.renaming(it.patient, "Grace").await;
    it.world.store.hold_commits();
    let mut commit = Box::pin(it.world.writer.commit(change));
    assert!(poll(commit.as_mut()).is_pending());
    assert!(!it.knows(&it.key()) && !it.knows(&list), "forgotten before the commit");
    assert!(!it.learns_of_patient().await && !it.learns(&list, &tag).await, "and not learnt while it runs");
    assert_eq!(it.world.name(it.patient).await, "Ada");
    it.world.store.steps.add_permits(1);
    assert!(poll(commit.as_mut()).is_pending());
    assert!(!it.learns_of_patient().await, "committed, but the writer does not know it yet");
    it.world.store.steps.add_permits(1);
    assert!(commit.await.is_ok());
    assert!(!it.knows(&it.key()) && !it.knows(&list));
    assert_eq!(it.world.name(it.patient).await, "Grace");
    assert!(it.learns_of_patient().await && it.learns(&list, &tag).await, "now they see the commit");
    let finds = it.world.store.finds();
    assert_eq!(it.world.name(it.patient).await, "Grace");
    assert_eq!(it.world.store.finds(), finds, "and rows are remembered again");
}

#[tokio::test]
async fn a_load_from_before_the_commit_is_not_kept_after_it() {
    let it = It::new().await;
    let change = it.world.renaming(it.patient, "Grace").await;
    it.world.store.hold_answers();
    let grant = it.world.reading(it.patient).await;
    let mut reading = Box::pin(healthcare_core::Reader::find(&it.world.patients, &grant));
    assert!(poll(reading.as_mut()).is_pending(), "it has Ada, and has not returned");
    it.world.writer.commit(change).await.unwrap();
    it.world.store.answers.add_permits(1_000);
    drop(reading.await.unwrap());
    assert_eq!(it.world.name(it.patient).await, "Grace");
}

#[tokio::test]
async fn a_commit_that_surely_did_not_happen_lifts_its_bar() {
    let it = It::new().await;
    it.world.store.end(Ending::Conflict);
    let change = it.world.renaming(it.patient, "Grace").await;
    assert!(matches!(it.world.writer.commit(change).await, Err(AccessError::VersionConflict)));
    assert!(it.learns_of_patient().await);
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_bar_for_as_long_as_a_commit_can_take_and_purges_then() {
    let it = It::new().await;
    let change = it.world.renaming(it.patient, "Grace").await;
    it.world.store.end(Ending::Unknown);
    // A look-up that begins under the bar, and has what it loads only after it.
    assert!(matches!(it.world.writer.commit(change).await, Err(AccessError::CommitUnknown)));
    assert!(!it.learns_of_patient().await);
    let Look::Miss(late) = it.known.look_up(&it.key()).await else { panic!("it knows") };
    it.world.stage.clock.advance(LONGEST - Duration::from_millis(1));
    assert!(!it.learns_of_patient().await);
    it.world.stage.clock.advance(Duration::from_millis(1));
    assert_eq!(late.keep(1).await, Put::Stale);
    assert!(it.learns_of_patient().await);
}

#[tokio::test]
async fn a_writer_dropped_anywhere_keeps_the_bar() {
    // Dropped before the store commits, and after it did.
    for permits in 0..2 {
        let it = It::new().await;
        assert!(it.learns_of_patient().await);
        let change = it.world.renaming(it.patient, "Grace").await;
        it.world.store.hold_commits();
        let mut commit = Box::pin(it.world.writer.commit(change));
        for step in 0..=permits {
            assert!(poll(commit.as_mut()).is_pending());
            if step < permits {
                it.world.store.steps.add_permits(1);
            }
        }
        drop(commit);
        assert!(!it.knows(&it.key()) && !it.learns_of_patient().await, "with {permits} steps done");
        it.world.stage.clock.advance(LONGEST);
        // The first to notice that it ran out began before it purged.
        it.learns_of_patient().await;
        assert!(it.learns_of_patient().await, "and then it is over");
    }
    // Never polled: nothing began, nothing is barred.
    let it = It::new().await;
    let change = it.world.renaming(it.patient, "Grace").await;
    drop(it.world.writer.commit(change));
    assert!(it.learns_of_patient().await);
}

#[tokio::test]
async fn a_guarded_commit_purges_as_well() {
    struct Agrees;
    #[async_trait]
    impl Guard for Agrees {
        async fn check(&self, _: &mut dyn TransactionView) -> Result<(), AccessError> {
            Ok(())
        }
    }
    let it = It::new().await;
    assert!(it.learns_of_patient().await);
    let change = it.world.renaming(it.patient, "Grace").await;
    it.world.writer.commit_guarded(change, &Agrees).await.unwrap();
    assert!(!it.knows(&it.key()));
}

#[tokio::test]
async fn a_row_of_a_person_forgets_what_is_known_of_the_person_and_lists_of_its_kind() {
    let it = It::new().await;
    let (visits, patients) = (Key(it.world.stage.clinic, None), it.key());
    let visit = it.world.visit(it.patient, "cough").await;
    assert_eq!(it.world.note(visit).await, "cough");
    assert_eq!(it.world.name(it.patient).await, "Ada");
    assert!(it.learns_of_patient().await && it.learns(&visits, &rows_tag("visit")).await);
    let finds = it.world.store.finds();
    let change = it.world.visiting(it.patient, "fever").await;
    Writer::<Visit>::commit(&it.world.writer, change).await.unwrap();
    assert!(!it.knows(&patients) && !it.knows(&visits));
    assert_eq!(it.world.note(visit).await, "cough");
    it.world.name(it.patient).await;
    assert_eq!(it.world.store.finds(), finds + 2, "all rows about the person are read anew");
}

#[tokio::test]
async fn a_row_about_nobody_is_forgotten_by_its_own_name() {
    let it = It::new().await;
    let beds = [it.world.bed(1).await, it.world.bed(2).await];
    for bed in beds {
        it.world.floor(bed).await;
    }
    let finds = it.world.store.finds();
    let change = it.world.moving(beds[0], 3).await;
    it.world.writer.commit(change).await.unwrap();
    assert_eq!((it.world.floor(beds[0]).await, it.world.floor(beds[1]).await), (3, 2));
    assert_eq!(it.world.store.finds(), finds + 2, "the one that was edited and read anew, and no other");
}

#[tokio::test]
async fn others_keep_what_they_know() {
    let it = It::new().await;
    let others: Vec<Key> = (0..64).map(|_| Key(it.world.stage.clinic, Some(Uuid::now_v7()))).collect();
    for key in &others {
        it.learns(key, "").await;
    }
    let change = it.world.renaming(it.patient, "Grace").await;
    it.world.writer.commit(change).await.unwrap();
    assert!(others.iter().filter(|key| it.knows(key)).count() >= 60);
}

#[tokio::test]
async fn a_write_that_cannot_be_barred_does_not_happen() {
    let it = It::new().await;
    for longest in [Duration::ZERO, Duration::from_secs(86_400)] {
        let writer = PurgingWriter::new(it.world.store.clone(), &it.world.node).longest_commit(longest);
        let change = it.world.renaming(it.patient, "Grace").await;
        assert!(matches!(writer.commit(change).await, Err(AccessError::Unavailable(_))));
        assert_eq!(it.world.name(it.patient).await, "Ada");
    }
}
