//! A boundary, a store that counts what it is asked, and records to write.

use async_trait::async_trait;
use healthcare_cache::{CacheLevel, CacheNode, CachePolicy, CachedReader, PurgingWriter, RowKey, TtlClass};
use healthcare_core::{
    AccessError, Change, Committed, Create, Delete, Grant, Guard, Id, List, MemoryStore, PageRequest, Phi,
    Read, Reader, Record, Released, RequestContext, Row, Rows, Update, Writer, record, testing::Stage,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::Semaphore;

record! {
    /// Somebody who is treated.
    pub struct Patient in patient = "patient" {
        subject: this,
        plain {
            /// Whether they still come.
            active: bool,
        },
        protected {
            /// What they are called.
            Name = name: String,
        },
    }
}
record! {
    /// A visit of a patient.
    pub struct Visit in visit = "visit" {
        subject: Patient,
        plain {
            /// How many there were before.
            number: i64,
        },
        protected {
            /// What was said.
            Note = note: String,
        },
    }
}

record! {
    /// A bed; it is about nobody.
    pub struct Bed in bed = "bed" {
        subject: none,
        plain {
            /// On which floor.
            floor: i64,
        },
        protected {},
    }
}

/// Counts what it is asked; an answer waits for its turn after it was read, and so does a commit, before and after it is done.
#[derive(Debug, Clone)]
pub struct Store {
    pub rows: Arc<MemoryStore>,
    pub finds: Arc<AtomicUsize>,
    pub answers: Arc<Semaphore>,
    pub steps: Arc<Semaphore>,
    pub ending: Arc<Mutex<Ending>>,
}

/// What becomes of a commit, as far as its writer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Truth,
    Unknown,
    Conflict,
}

impl Store {
    pub fn new(stage: &Stage) -> Self {
        Self {
            rows: Arc::new(MemoryStore::new(stage.door())),
            finds: Arc::default(),
            answers: Arc::new(Semaphore::new(MANY)),
            steps: Arc::new(Semaphore::new(MANY)),
            ending: Arc::new(Mutex::new(Ending::Truth)),
        }
    }
    pub fn finds(&self) -> usize {
        self.finds.load(Ordering::SeqCst)
    }
    /// From now on an answer waits for a permit.
    pub fn hold_answers(&self) {
        self.answers.forget_permits(MANY);
    }
    /// From now on each of a commit's two steps waits for a permit.
    pub fn hold_commits(&self) {
        self.steps.forget_permits(MANY);
    }
    pub fn end(&self, how: Ending) {
        *self.ending.lock().unwrap() = how;
    }
}

const MANY: usize = 1_000_000;

#[async_trait]
impl<T: Record> Reader<T> for Store {
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        let row = self.rows.find(grant).await;
        self.answers.acquire().await.unwrap().forget();
        row
    }
    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.rows.find_for_update(grant).await
    }
    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.rows.find_for_delete(grant).await
    }
    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError> {
        self.finds.fetch_add(1, Ordering::SeqCst);
        self.rows.list(grant, page).await
    }
}

#[async_trait]
impl<T: Record> Writer<T> for Store {
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError> {
        let how = *self.ending.lock().unwrap();
        self.steps.acquire().await.unwrap().forget();
        if how == Ending::Conflict {
            return Err(AccessError::VersionConflict);
        }
        let done = self.rows.commit_guarded(change, guard).await;
        self.steps.acquire().await.unwrap().forget();
        if how == Ending::Unknown { Err(AccessError::CommitUnknown) } else { done }
    }
}

/// One process: its node, and the repositories on it.
pub struct World {
    pub stage: Arc<Stage>,
    pub context: RequestContext,
    pub node: CacheNode,
    pub store: Store,
    pub patients: CachedReader<Patient, Store>,
    pub visits: CachedReader<Visit, Store>,
    pub beds: CachedReader<Bed, Store>,
    pub writer: PurgingWriter<Store>,
}

pub const LONGEST: Duration = Duration::from_secs(30);

impl World {
    /// The only one there is.
    pub fn new() -> Self {
        let stage = Arc::new(Stage::default());
        let node = CacheNode::with_clock(Arc::clone(&stage.clock) as _);
        let store = Store::new(&stage);
        Self::with(stage, store, node)
    }

    pub fn with(stage: Arc<Stage>, store: Store, node: CacheNode) -> Self {
        Self::at(CacheLevel::Sensitive, stage, store, node)
    }

    pub fn at(level: CacheLevel, stage: Arc<Stage>, store: Store, node: CacheNode) -> Self {
        let policy = CachePolicy::of(TtlClass::Patient).level(level).jitter(0.0).build().unwrap();
        let patients = RowKey::cache(policy).node(&node).shared_rows(&stage.door()).build().unwrap();
        let visits = RowKey::cache(policy).node(&node).shared_rows(&stage.door()).build().unwrap();
        let beds = RowKey::cache(policy).node(&node).shared_rows(&stage.door()).build().unwrap();
        let beds = CachedReader::new(store.clone(), stage.door(), beds);
        let patients = CachedReader::new(store.clone(), stage.door(), patients);
        let visits = CachedReader::new(store.clone(), stage.door(), visits);
        let writer = PurgingWriter::new(store.clone(), &node).longest_commit(LONGEST);
        Self { context: stage.context(), stage, node, store, patients, visits, beds, writer }
    }

    /// A new patient, stored past every cache.
    pub async fn patient(&self, name: &str) -> Id<Patient> {
        let id = Id::random();
        let protected = patient::Protected { name: Phi::new(name.to_owned()) };
        let row = Patient::new(id, self.stage.clinic, patient::Plain { active: true }, protected);
        let grant = self.stage.boundary.gate.open(&self.context, Create::new(id)).await.unwrap();
        self.store.rows.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
    }

    /// A new visit, ready to be committed.
    pub async fn visiting(&self, of: Id<Patient>, note: &str) -> Change<Visit> {
        let id = Id::random();
        let protected = visit::Protected { note: Phi::new(note.to_owned()) };
        let row = Visit::new(id, self.stage.clinic, of, visit::Plain { number: 1 }, protected);
        let ask = Create::about(id, of.as_uuid());
        let grant = self.stage.boundary.gate.open(&self.context, ask).await.unwrap();
        grant.fill(row).await.unwrap()
    }

    /// A new visit, stored past every cache.
    pub async fn visit(&self, of: Id<Patient>, note: &str) -> Id<Visit> {
        let change = self.visiting(of, note).await;
        let id = change.id();
        self.store.rows.commit(change).await.unwrap();
        id
    }

    pub async fn note(&self, id: Id<Visit>) -> String {
        let grant = self.stage.boundary.gate.open(&self.context, Read::new(id)).await.unwrap();
        let row = self.visits.find(&grant).await.unwrap();
        grant.release(row).await.unwrap().reveal(visit::Note).unwrap().clone()
    }

    /// A new bed, stored past every cache.
    pub async fn bed(&self, floor: i64) -> Id<Bed> {
        let id = Id::random();
        let row = Bed::new(id, self.stage.clinic, bed::Plain { floor }, bed::Protected {});
        let grant = self.stage.boundary.gate.open(&self.context, Create::new(id)).await.unwrap();
        self.store.rows.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
    }

    pub async fn floor(&self, id: Id<Bed>) -> i64 {
        let grant = self.stage.boundary.gate.open(&self.context, Read::new(id)).await.unwrap();
        let row = self.beds.find(&grant).await.unwrap();
        grant.release(row).await.unwrap().floor
    }

    /// A bed's way to another floor, ready to be committed.
    pub async fn moving(&self, id: Id<Bed>, floor: i64) -> Change<Bed> {
        let grant = self.stage.boundary.gate.open(&self.context, Update::new(id)).await.unwrap();
        let row = self.beds.find_for_update(&grant).await.unwrap();
        let mut draft = grant.edit(row).await.unwrap();
        draft.plain_mut().floor = floor;
        draft.change().await.unwrap()
    }

    pub async fn reading(&self, id: Id<Patient>) -> Grant<Read<Patient>> {
        self.stage.boundary.gate.open(&self.context, Read::new(id)).await.unwrap()
    }

    /// Reads and releases through the cache.
    pub async fn read(&self, id: Id<Patient>) -> Result<Released<Patient>, AccessError> {
        let grant = self.reading(id).await;
        let row = self.patients.find(&grant).await?;
        grant.release(row).await
    }

    pub async fn name(&self, id: Id<Patient>) -> String {
        self.read(id).await.unwrap().reveal(patient::Name).unwrap().clone()
    }

    /// A change of a patient's name, ready to be committed.
    pub async fn renaming(&self, id: Id<Patient>, name: &str) -> Change<Patient> {
        let grant = self.stage.boundary.gate.open(&self.context, Update::new(id)).await.unwrap();
        let row = self.patients.find_for_update(&grant).await.unwrap();
        let mut draft = grant.edit(row).await.unwrap();
        draft.set(patient::Name, Phi::new(name.to_owned())).unwrap();
        draft.change().await.unwrap()
    }
}

/// Polls once.
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
