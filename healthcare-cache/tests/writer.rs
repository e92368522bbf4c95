//! What a write makes the caches forget, whatever becomes of the write.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use async_trait::async_trait;
use common::{Patient, Rig, Room, Visit, poll};
use healthcare_cache::{Bar, CacheKey, Lookup, MemoryTier, Purge, PurgeScope, PurgingWriter, Put, TierError};
use healthcare_core::{
    AccessError, Change, ClinicId, Committed, Guard, Id, ManualClock, MemoryStore, Record, Writer,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(ClinicId, Uuid);
impl CacheKey for Key {
    fn clinic(&self) -> ClinicId {
        self.0
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.1)
    }
}

/// Waits before and after the store commits, and then answers as it was told.
#[derive(Debug)]
struct Slow {
    store: MemoryStore,
    steps: Arc<Semaphore>,
    answer: AtomicU8,
}

const TRUTH: u8 = 0;
const UNKNOWN: u8 = 1;
const CONFLICT: u8 = 2;

#[async_trait]
impl<T: Record> Writer<T> for Slow {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        self.steps.acquire().await.unwrap().forget();
        if self.answer.load(Ordering::SeqCst) == CONFLICT {
            return Err(AccessError::VersionConflict);
        }
        let done = self.store.commit_guarded(change, guard).await;
        self.steps.acquire().await.unwrap().forget();
        if self.answer.load(Ordering::SeqCst) == UNKNOWN { Err(AccessError::CommitUnknown) } else { done }
    }
}

struct World {
    rig: Rig,
    clock: Arc<ManualClock>,
    tier: MemoryTier<Key, u8>,
    writer: PurgingWriter<Slow>,
    steps: Arc<Semaphore>,
    patient: Id<Patient>,
}

impl World {
    fn new(answer: u8) -> Self {
        let rig = Rig::new();
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let tier: MemoryTier<Key, u8> = MemoryTier::builder().clock(clock.clone()).build().unwrap();
        let steps = Arc::new(Semaphore::new(0));
        let slow = Slow {
            store: MemoryStore::new(rig.boundary.storage.clone()),
            steps: steps.clone(),
            answer: answer.into(),
        };
        let purge: Arc<dyn Purge> = Arc::new(tier.clone());
        let writer = PurgingWriter::new(slow, [purge]).longest_commit(LONGEST);
        Self { rig, clock, tier, writer, steps, patient: Id::random() }
    }

    fn key(&self) -> Key {
        Key(self.rig.clinic, self.patient.as_uuid())
    }

    fn knows(&self) -> bool {
        matches!(self.tier.lookup(&self.key()), Lookup::Hit(_))
    }

    /// Loads and stores, and says whether it was kept.
    fn learns(&self) -> bool {
        match self.tier.lookup(&self.key()) {
            Lookup::Hit(_) => true,
            Lookup::Miss(fence) => self.tier.store(fence, 1, Duration::from_secs(600)) == Put::Stored,
        }
    }
}

#[tokio::test]
async fn nothing_is_known_from_the_start_of_the_commit_until_its_end() {
    let world = World::new(TRUTH);
    assert!(world.learns() && world.knows());
    let visit = world.rig.visit(world.patient).await;
    let mut commit = Box::pin(Writer::<Visit>::commit(&world.writer, visit));
    assert!(poll(commit.as_mut()).is_pending());
    assert!(!world.knows() && !world.learns(), "forgotten before the commit, and not learnt while it runs");
    world.steps.add_permits(1);
    assert!(poll(commit.as_mut()).is_pending());
    assert!(!world.learns(), "committed, but the writer does not know it yet");
    world.steps.add_permits(1);
    assert!(commit.await.is_ok());
    assert!(
        !world.knows() && world.learns(),
        "when the call returns, loads see the commit and are kept again"
    );
}

#[tokio::test]
async fn a_commit_that_surely_did_not_happen_lifts_its_bar() {
    let world = World::new(CONFLICT);
    world.steps.add_permits(2);
    let visit = world.rig.visit(world.patient).await;
    assert!(matches!(Writer::<Visit>::commit(&world.writer, visit).await, Err(AccessError::VersionConflict)));
    assert!(world.learns());
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_bar_for_as_long_as_a_commit_can_take() {
    let world = World::new(UNKNOWN);
    world.steps.add_permits(2);
    let visit = world.rig.visit(world.patient).await;
    assert!(matches!(Writer::<Visit>::commit(&world.writer, visit).await, Err(AccessError::CommitUnknown)));
    assert!(!world.learns());
    world.clock.advance(LONGEST - Duration::from_millis(1));
    assert!(!world.learns());
    world.clock.advance(Duration::from_millis(1));
    assert!(world.learns());
}

#[tokio::test]
async fn a_writer_dropped_anywhere_keeps_the_bar() {
    // Dropped before the store commits, and after it did.
    for permits in 0..2 {
        let world = World::new(TRUTH);
        assert!(world.learns());
        let visit = world.rig.visit(world.patient).await;
        let mut commit = Box::pin(Writer::<Visit>::commit(&world.writer, visit));
        for step in 0..=permits {
            assert!(poll(commit.as_mut()).is_pending());
            if step < permits {
                world.steps.add_permits(1);
            }
        }
        drop(commit);
        assert!(!world.knows() && !world.learns(), "with {permits} steps done");
        world.clock.advance(LONGEST);
        assert!(world.learns(), "and then it is over");
    }
    // Never polled: nothing began, nothing is barred.
    let world = World::new(TRUTH);
    let visit = world.rig.visit(world.patient).await;
    drop(Writer::<Visit>::commit(&world.writer, visit));
    assert!(world.learns());
}

#[tokio::test]
async fn a_guarded_commit_purges_as_well() {
    struct Agrees;
    #[async_trait]
    impl Guard for Agrees {
        async fn check(&self, _: &mut dyn healthcare_core::TransactionView) -> Result<(), AccessError> {
            Ok(())
        }
    }
    let world = World::new(TRUTH);
    assert!(world.learns());
    world.steps.add_permits(2);
    let visit = world.rig.visit(world.patient).await;
    Writer::<Visit>::commit_guarded(&world.writer, visit, &Agrees).await.unwrap();
    assert!(!world.knows());
}

#[tokio::test]
async fn others_keep_what_they_know() {
    let world = World::new(TRUTH);
    let others: Vec<Key> = (0..64).map(|_| Key(world.rig.clinic, Uuid::now_v7())).collect();
    let knows = |key: &Key| matches!(world.tier.lookup(key), Lookup::Hit(_));
    for key in &others {
        if let Lookup::Miss(fence) = world.tier.lookup(key) {
            world.tier.store(fence, 1, Duration::from_secs(600));
        }
    }
    world.steps.add_permits(2);
    let visit = world.rig.visit(world.patient).await;
    Writer::<Visit>::commit(&world.writer, visit).await.unwrap();
    assert!(others.iter().filter(|key| knows(key)).count() >= 60);
}

#[tokio::test]
async fn what_is_about_nobody_bars_nobody() {
    let world = World::new(TRUTH);
    world.steps.add_permits(2);
    let room = world.rig.room().await;
    Writer::<Room>::commit(&world.writer, room).await.unwrap();
    assert_eq!(world.tier.usage().bars, 0);
}

/// A cache that cannot be barred.
#[derive(Debug)]
struct Away;

#[async_trait]
impl Purge for Away {
    async fn purge(&self, _: PurgeScope) -> Result<(), TierError> {
        Err(TierError("away".into()))
    }
    async fn bar(&self, _: ClinicId, _: Uuid, _: Duration) -> Result<Bar, TierError> {
        Err(TierError("away".into()))
    }
    async fn lift(&self, _: Bar) -> Result<(), TierError> {
        Err(TierError("away".into()))
    }
}

#[tokio::test]
async fn a_write_does_not_happen_behind_the_back_of_a_cache() {
    let rig = Rig::new();
    let store = Arc::new(MemoryStore::new(rig.boundary.storage.clone()));
    #[derive(Debug)]
    struct Shared(Arc<MemoryStore>);
    #[async_trait]
    impl Writer<Visit> for Shared {
        async fn commit_guarded(
            &self,
            change: Change<Visit>,
            guard: &dyn Guard,
        ) -> Result<Committed, AccessError> {
            self.0.commit_guarded(change, guard).await
        }
    }
    let purge: Arc<dyn Purge> = Arc::new(Away);
    let writer = PurgingWriter::new(Shared(store.clone()), [purge]);
    let visit = rig.visit(Id::random()).await;
    assert!(matches!(writer.commit(visit).await, Err(AccessError::Unavailable(_))));
    assert!(store.outbox().is_empty(), "nothing was done");
}
