//! A key, a source that can be held back, and a cache over them.

use healthcare_cache::{
    Cache, CacheBuilder, CacheKey, CacheNode, CachePolicy, CachedAs, KeyWriter, Load, Loaded, Namer,
};
use healthcare_core::{ClinicId, ManualClock};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) clinic: ClinicId,
    pub(crate) patient: Uuid,
    pub(crate) number: u64,
}

impl CacheKey for Key {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.patient)
    }
}
impl CachedAs for Key {
    const KIND: &'static str = "test";
    fn write(&self, out: &mut KeyWriter) {
        out.id(self.patient).number(self.number);
    }
}

pub(crate) fn key(number: u64) -> Key {
    key_of(1, 1, number)
}

pub(crate) const fn key_of(clinic: u128, patient: u128, number: u64) -> Key {
    Key { clinic: ClinicId::from_uuid(Uuid::from_u128(clinic)), patient: Uuid::from_u128(patient), number }
}

pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// What is true, and how often it was asked.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) value: AtomicU64,
    /// Loads that have read the value.
    pub(crate) read: watch::Sender<usize>,
    pub(crate) running: AtomicUsize,
    pub(crate) most: AtomicUsize,
    /// Loads end only with a permit.
    pub(crate) gate: Semaphore,
}

impl Source {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            value: AtomicU64::new(1),
            read: watch::Sender::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            gate: Semaphore::new(0),
        })
    }

    pub(crate) fn write(&self, value: u64) {
        self.value.store(value, Ordering::SeqCst);
    }

    pub(crate) fn loads(&self) -> usize {
        *self.read.borrow()
    }

    pub(crate) async fn has_read(&self, times: usize) {
        self.read.subscribe().wait_for(|count| *count >= times).await.unwrap();
    }

    /// Reads at once, and answers when the gate lets it.
    pub(crate) async fn slow(self: Arc<Self>) -> io::Result<Loaded<u64>> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let value = self.value.load(Ordering::SeqCst);
        self.read.send_modify(|count| *count += 1);
        self.gate.acquire().await.unwrap().forget();
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Loaded::new(value).tag("tag"))
    }

    pub(crate) async fn quick(self: Arc<Self>) -> io::Result<Loaded<u64>> {
        self.read.send_modify(|count| *count += 1);
        Ok(Loaded::new(self.value.load(Ordering::SeqCst)).tag("tag"))
    }
}

pub(crate) struct Rig {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) source: Arc<Source>,
    pub(crate) cache: Cache<Key, u64>,
}

impl Rig {
    pub(crate) fn new(policy: CachePolicy) -> Self {
        Self::with(policy, |builder| builder)
    }

    pub(crate) fn with(
        policy: CachePolicy,
        change: impl FnOnce(CacheBuilder<Key, u64>) -> CacheBuilder<Key, u64>,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        // With this key, none of the marks of these tests share a slot: see model.rs.
        let node = CacheNode::with_namer(clock.clone(), Namer::with_key([3; 16]));
        let cache = change(Cache::builder(policy).node(&node)).build().unwrap();
        Self { clock, source: Source::new(), cache }
    }

    pub(crate) fn slow(&self) -> impl FnOnce(Load<u64>) -> Slow + Send + 'static {
        let source = Arc::clone(&self.source);
        move |_| Box::pin(source.slow())
    }

    pub(crate) async fn quick(&self, key: &Key) -> Result<u64, healthcare_cache::LoadError> {
        let source = Arc::clone(&self.source);
        self.cache.get_or_load(key, move |_| source.quick()).await.map(|value| *value)
    }

    /// Until no load is under way.
    pub(crate) async fn settle(&self) {
        let mut turns = 0;
        while self.cache.usage().flights > 0 {
            turns += 1;
            assert!(turns < 1_000_000, "a load does not land");
            tokio::task::yield_now().await;
        }
        self.cache.validate().unwrap();
    }
}

pub(crate) type Slow = std::pin::Pin<Box<dyn Future<Output = io::Result<Loaded<u64>>> + Send>>;
