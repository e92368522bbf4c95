//! Relations that are remembered.

use crate::rig::{World as Process, poll};
use async_trait::async_trait;
use healthcare_cache::{CachePolicy, CachedRelations, Namer, RelationKey, TtlClass};
use healthcare_core::{
    ClinicId, MemoryRelations, Profile, RelationError, RelationSource, RequestContext, Writer,
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

const LIFE: Duration = Duration::from_secs(1_800);

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
    process: Process,
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
        let process = Process::new();
        let policy = CachePolicy::of(TtlClass::Patient).jitter(0.0).build().unwrap();
        let cache = RelationKey::cache(policy).node(&process.node).build().unwrap();
        let cached = CachedRelations::new(source.clone(), cache);
        let doctor = Profile { kind: Cow::Borrowed("practitioner"), id: Uuid::now_v7() };
        Self { process, source, cached, doctor, patient: Uuid::now_v7() }
    }

    fn relate(&self) {
        self.source.relations.add(self.process.stage.clinic, self.doctor.clone(), self.patient);
    }

    fn end(&self) {
        self.source.relations.remove(self.process.stage.clinic, self.doctor.clone(), self.patient);
    }

    async fn related(&self) -> bool {
        self.cached.related(&self.process.context, &self.doctor, self.patient).await.unwrap()
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
    world.process.stage.clock.advance(LIFE - Duration::from_millis(1));
    assert!(world.related().await, "the stated bound: another process's write is seen when the life is over");
    world.process.stage.clock.advance(Duration::from_millis(1));
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
    let answer = world.cached.related(&world.process.context, &world.doctor, world.patient).await;
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
    let elsewhere = world.process.stage.context_in(ClinicId::random());
    let somebody = Profile { id: Uuid::now_v7(), ..world.doctor.clone() };
    let another_kind = Profile { kind: Cow::Borrowed("patient"), ..world.doctor.clone() };
    let context = &world.process.context;
    for (context, party, subject) in [
        (&elsewhere, &world.doctor, world.patient),
        (context, &somebody, world.patient),
        (context, &another_kind, world.patient),
        (context, &world.doctor, Uuid::now_v7()),
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
    world.process.node.purge_subject(world.process.stage.clinic, world.patient).await;
    assert!(!world.related().await);
}

#[tokio::test]
async fn a_look_up_that_was_under_way_does_not_outlive_the_purge() {
    let world = World::new();
    world.relate();
    // The look-up has its answer from the source and has not returned with it.
    world.source.answers.acquire_many(1_000).await.unwrap().forget();
    let context = &world.process.context;
    let mut under_way = Box::pin(world.cached.related(context, &world.doctor, world.patient));
    assert!(poll(under_way.as_mut()).is_pending());
    assert_eq!(world.asked(), 1);
    // Meanwhile the relation ends, and the write that ended it purges.
    world.end();
    world.process.node.purge_subject(world.process.stage.clinic, world.patient).await;
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
        let context = &world.process.context;
        let mut under_way = Box::pin(world.cached.related(context, &world.doctor, world.patient));
        for _ in 0..polls {
            assert!(poll(under_way.as_mut()).is_pending());
        }
        drop(under_way);
        world.source.answers.add_permits(10);
        let before = world.asked();
        assert!(world.related().await);
        assert_eq!(world.asked(), before + 1, "nothing was remembered by the dropped one");
        world.process.node.purge_subject(world.process.stage.clinic, world.patient).await;
    }
}

#[tokio::test]
async fn a_write_about_the_patient_asks_the_source_again() {
    let mut world = World::new();
    let patient = world.process.patient("Ada").await;
    world.patient = patient.as_uuid();
    world.relate();
    assert!(world.related().await);
    let change = world.process.visiting(patient, "the last one").await;
    world.end();
    world.process.writer.commit(change).await.unwrap();
    assert!(!world.related().await);
}

/// In memory the keys themselves are compared; in the shared tier their names are all there is.
#[test]
fn no_two_relations_share_a_name() {
    let namer = Namer::random();
    let (clinic, doctor, patient) = (ClinicId::random(), Uuid::now_v7(), Uuid::now_v7());
    let name = |clinic, kind: &'static str, id, subject| {
        namer.key(&RelationKey::new(clinic, Profile { kind: Cow::Borrowed(kind), id }, subject))
    };
    let names = [
        name(clinic, "practitioner", doctor, patient),
        name(ClinicId::random(), "practitioner", doctor, patient),
        name(clinic, "patient", doctor, patient),
        name(clinic, "practitioner", Uuid::now_v7(), patient),
        name(clinic, "practitioner", doctor, Uuid::now_v7()),
        name(clinic, "practitioner", patient, doctor),
    ];
    for (nth, one) in names.iter().enumerate() {
        assert!(names.iter().skip(nth + 1).all(|other| one != other), "{nth}");
    }
    assert_eq!(names[0], name(clinic, "practitioner", doctor, patient));
}
