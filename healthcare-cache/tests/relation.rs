#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use async_trait::async_trait;
use common::{Rig, poll};
use healthcare_cache::{
    Bar, CacheTier, CachedRelations, Fence, Lookup, Purge, PurgeScope, Put, RELATION_LIFE, Related,
    RelationKey, TierError,
};
use healthcare_core::{
    ClinicId, ManualClock, MemoryRelations, Profile, RelationError, RelationSource, RequestContext,
};
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Counts what it is asked; can be held up after it has looked, and can fail.
#[derive(Debug, Clone)]
struct Source {
    relations: Arc<MemoryRelations>,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
    is_down: Arc<AtomicBool>,
}

#[async_trait]
impl RelationSource for Source {
    async fn related(
        &self,
        context: &RequestContext,
        party: &Profile,
        subject: Uuid,
    ) -> Result<bool, RelationError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.relations.related(context, party, subject).await;
        self.answers.acquire().await.unwrap().forget();
        if self.is_down.load(Ordering::SeqCst) { Err(RelationError("down".into())) } else { answer }
    }
}

struct World {
    rig: Rig,
    clock: Arc<ManualClock>,
    source: Source,
    cached: CachedRelations<Source>,
    doctor: Profile,
    patient: Uuid,
}

impl World {
    fn new() -> Self {
        let source = Source {
            relations: Arc::default(),
            asked: Arc::default(),
            answers: Arc::new(Semaphore::new(1_000)),
            is_down: Arc::default(),
        };
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let cached = CachedRelations::in_memory(source.clone(), 1 << 20, clock.clone()).unwrap();
        let doctor = Profile { kind: Cow::Borrowed("practitioner"), id: Uuid::now_v7() };
        Self { rig: Rig::new(), clock, source, cached, doctor, patient: Uuid::now_v7() }
    }

    fn relate(&self) {
        self.source.relations.add(self.rig.clinic, self.doctor.clone(), self.patient);
    }

    fn end(&self) {
        self.source.relations.remove(self.rig.clinic, self.doctor.clone(), self.patient);
    }

    async fn related(&self) -> bool {
        self.cached.related(&self.rig.context(), &self.doctor, self.patient).await.unwrap()
    }

    fn asked(&self) -> usize {
        self.source.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_yes_is_remembered_for_half_an_hour() {
    let world = World::new();
    world.relate();
    assert!(world.related().await && world.related().await);
    assert_eq!(world.asked(), 1);
    world.end(); // as another process would
    world.clock.advance(RELATION_LIFE - Duration::from_millis(1));
    assert!(world.related().await, "the stated bound: another process's write is seen when the life is over");
    world.clock.advance(Duration::from_millis(1));
    assert!(!world.related().await);
}

#[tokio::test]
async fn a_no_is_never_remembered() {
    let world = World::new();
    for _ in 0..3 {
        assert!(!world.related().await);
    }
    assert_eq!(world.asked(), 3);
    world.relate(); // as an import in another process would
    assert!(world.related().await, "a relation counts the moment it exists");
}

#[tokio::test]
async fn an_error_is_passed_on_and_not_remembered() {
    let world = World::new();
    world.relate();
    world.source.is_down.store(true, Ordering::SeqCst);
    let answer = world.cached.related(&world.rig.context(), &world.doctor, world.patient).await;
    assert!(answer.is_err());
    world.source.is_down.store(false, Ordering::SeqCst);
    assert!(world.related().await);
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn the_clinic_the_party_and_the_subject_are_all_in_the_key() {
    let world = World::new();
    world.relate();
    assert!(world.related().await);
    let elsewhere = world.rig.context_of(ClinicId::random());
    let somebody = Profile { id: Uuid::now_v7(), ..world.doctor.clone() };
    let another_kind = Profile { kind: Cow::Borrowed("patient"), ..world.doctor.clone() };
    let context = world.rig.context();
    for (context, party, subject) in [
        (&elsewhere, &world.doctor, world.patient),
        (&context, &somebody, world.patient),
        (&context, &another_kind, world.patient),
        (&context, &world.doctor, Uuid::now_v7()),
    ] {
        assert!(!world.cached.related(context, party, subject).await.unwrap());
    }
}

#[tokio::test]
async fn a_purge_ends_what_is_remembered_of_the_subject_in_that_clinic() {
    let world = World::new();
    world.relate();
    assert!(world.related().await);
    world.end();
    world.cached.purge_subject(world.rig.clinic, world.patient).await.unwrap();
    assert!(!world.related().await);
}

#[tokio::test]
async fn a_look_up_that_was_under_way_does_not_outlive_the_purge() {
    let world = World::new();
    world.relate();
    // The look-up has its answer from the source and has not returned with it.
    world.source.answers.acquire_many(1_000).await.unwrap().forget();
    let context = world.rig.context();
    let mut under_way = Box::pin(world.cached.related(&context, &world.doctor, world.patient));
    assert!(poll(under_way.as_mut()).is_pending());
    assert_eq!(world.asked(), 1);
    // Meanwhile the relation ends, and the write that ended it purges.
    world.end();
    world.cached.purge_subject(world.rig.clinic, world.patient).await.unwrap();
    world.source.answers.add_permits(1_000);
    assert!(under_way.await.unwrap(), "who asked before the end may still be told the old answer");
    assert!(!world.related().await, "nobody who asks after it may");
}

#[tokio::test]
async fn a_look_up_dropped_anywhere_remembers_nothing_and_breaks_nothing() {
    let world = World::new();
    world.relate();
    for polls in 0..3 {
        world
            .source
            .answers
            .acquire_many(u32::try_from(world.source.answers.available_permits()).unwrap())
            .await
            .unwrap()
            .forget();
        let context = world.rig.context();
        let mut under_way = Box::pin(world.cached.related(&context, &world.doctor, world.patient));
        for _ in 0..polls {
            assert!(poll(under_way.as_mut()).is_pending());
        }
        drop(under_way);
        world.source.answers.add_permits(10);
        let before = world.asked();
        assert!(world.related().await);
        assert_eq!(world.asked(), before + 1, "nothing was remembered by the dropped one");
        world.cached.purge_subject(world.rig.clinic, world.patient).await.unwrap();
    }
}

/// A tier that cannot be reached.
#[derive(Debug)]
struct Away;

fn away<T>() -> Result<T, TierError> {
    Err(TierError("away".into()))
}

#[async_trait]
impl Purge for Away {
    async fn purge(&self, _: PurgeScope) -> Result<(), TierError> {
        away()
    }
    async fn bar(&self, _: ClinicId, _: Uuid, _: Duration) -> Result<Bar, TierError> {
        away()
    }
    async fn lift(&self, _: Bar) -> Result<(), TierError> {
        away()
    }
}
#[async_trait]
impl CacheTier<RelationKey, Related> for Away {
    async fn get(&self, _: &RelationKey) -> Result<Lookup<RelationKey, Related>, TierError> {
        away()
    }
    async fn put(&self, _: Fence<RelationKey>, _: Related, _: Duration) -> Result<Put, TierError> {
        away()
    }
    async fn purge_key(&self, _: &RelationKey) -> Result<(), TierError> {
        away()
    }
}

#[tokio::test]
async fn without_its_tier_the_source_is_asked() {
    let world = World::new();
    world.relate();
    let cached = CachedRelations::new(world.source.clone(), Arc::new(Away));
    for _ in 0..2 {
        assert!(cached.related(&world.rig.context(), &world.doctor, world.patient).await.unwrap());
    }
    assert_eq!(world.asked(), 2);
    assert!(
        cached.purge_subject(world.rig.clinic, world.patient).await.is_err(),
        "a purge that did not happen says so"
    );
}
