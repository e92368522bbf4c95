//! A boundary, a store that counts what it is asked, and records to write.

use async_trait::async_trait;
use healthcare_cache::{CacheNode, CachePolicy, CachedReader, RowKey, TtlClass};
use healthcare_core::{
    AccessError, Change, Committed, Create, Delete, Grant, Guard, Id, List, MemoryStore, PageRequest, Phi,
    Read, Reader, Record, Released, RequestContext, Row, Rows, Update, Writer, record, testing::Stage,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
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

/// Counts what it is asked; an answer waits for its turn after it was read.
#[derive(Debug, Clone)]
pub struct Store {
    pub rows: Arc<MemoryStore>,
    pub finds: Arc<AtomicUsize>,
    pub answers: Arc<Semaphore>,
}

impl Store {
    pub fn finds(&self) -> usize {
        self.finds.load(Ordering::SeqCst)
    }
    /// From now on an answer waits for a permit.
    pub fn hold(&self) {
        self.answers.forget_permits(usize::MAX >> 4);
    }
}

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
        self.rows.commit_guarded(change, guard).await
    }
}

pub struct World {
    pub stage: Stage,
    pub context: RequestContext,
    pub node: CacheNode,
    pub store: Store,
    pub patients: CachedReader<Patient, Store>,
    pub visits: CachedReader<Visit, Store>,
}

impl World {
    pub fn new() -> Self {
        let stage = Stage::default();
        let node = CacheNode::with_clock(Arc::clone(&stage.clock) as _);
        let store = Store {
            rows: Arc::new(MemoryStore::new(stage.door())),
            finds: Arc::default(),
            answers: Arc::new(Semaphore::new(1_000_000)),
        };
        let policy = CachePolicy::of(TtlClass::Patient).build().unwrap();
        let patients = RowKey::cache(policy).node(&node).build().unwrap();
        let visits = RowKey::cache(policy).node(&node).build().unwrap();
        let patients = CachedReader::new(store.clone(), stage.door(), patients);
        let visits = CachedReader::new(store.clone(), stage.door(), visits);
        Self { context: stage.context(), stage, node, store, patients, visits }
    }

    /// A new patient, stored past every cache.
    pub async fn patient(&self, name: &str) -> Id<Patient> {
        let id = Id::random();
        let protected = patient::Protected { name: Phi::new(name.to_owned()) };
        let row = Patient::new(id, self.stage.clinic, patient::Plain { active: true }, protected);
        let grant = self.stage.boundary.gate.open(&self.context, Create::new(id)).await.unwrap();
        self.store.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
    }

    /// A new visit, stored past every cache.
    pub async fn visit(&self, of: Id<Patient>, note: &str) -> Id<Visit> {
        let id = Id::random();
        let protected = visit::Protected { note: Phi::new(note.to_owned()) };
        let row = Visit::new(id, self.stage.clinic, of, visit::Plain { number: 1 }, protected);
        let ask = Create::about(id, of.as_uuid());
        let grant = self.stage.boundary.gate.open(&self.context, ask).await.unwrap();
        self.store.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
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
