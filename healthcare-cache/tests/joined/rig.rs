//! Several nodes over one shared tier in which things go wrong on command, and one source for all of them.

use crate::held::Held;
use healthcare_cache::{
    Cache, CacheKey, CacheNode, CachePolicy, CachedAs, ChaosShared, Fetched, Forget, JsonCodec, KeyWriter,
    Load, LoadError, Loaded, Mark, MemoryServer, MemoryShared, Namer, ScopeMark, SharedEntry, SharedLimits,
    SharedTier as _, Verb,
};
use healthcare_core::{
    CacheCipher, ClinicId, Clock, KeyError, KeyId, MasterKey, MemoryKeys, MemoryScopeKeys, ScopeKeyStore,
    Vault, WrappedKey,
};
use jiff::Timestamp;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};
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

pub(crate) const fn key(number: u64) -> Key {
    key_of(1, 1, number)
}

pub(crate) const fn key_of(clinic: u128, patient: u128, number: u64) -> Key {
    Key { clinic: ClinicId::from_uuid(Uuid::from_u128(clinic)), patient: Uuid::from_u128(patient), number }
}

pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Time as tokio has it, so that pausing it pauses everything.
#[derive(Debug)]
pub(crate) struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.checked_add(self.0.elapsed()).unwrap()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed() + secs(1)
    }
}

/// What is true, and how often it was asked.
#[derive(Debug)]
pub(crate) struct Source {
    value: AtomicU64,
    reads: watch::Sender<usize>,
    /// Slow loads end only with a permit.
    pub(crate) gate: Semaphore,
}

pub(crate) type Loading = std::pin::Pin<Box<dyn Future<Output = io::Result<Loaded<u64>>> + Send>>;
pub(crate) type LoadingMany =
    std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<(Key, Loaded<u64>)>>> + Send>>;

impl Source {
    pub(crate) fn write(&self, value: u64) {
        self.value.store(value, Ordering::SeqCst);
    }

    pub(crate) fn loads(&self) -> usize {
        *self.reads.borrow()
    }

    pub(crate) async fn has_read(&self, times: usize) {
        self.reads.subscribe().wait_for(|count| *count >= times).await.unwrap();
    }

    fn read(&self) -> u64 {
        let value = self.value.load(Ordering::SeqCst);
        self.reads.send_modify(|count| *count += 1);
        value
    }

    pub(crate) fn quick(self: &Arc<Self>) -> impl Fn(Load<u64>) -> Loading + Send + Sync + 'static {
        let source = Arc::clone(self);
        move |_| {
            let source = Arc::clone(&source);
            Box::pin(async move { Ok(Loaded::new(source.read()).tag("tag")) })
        }
    }

    /// Reads at once, and answers when the gate lets it.
    pub(crate) fn slow(self: &Arc<Self>) -> impl Fn(Load<u64>) -> Loading + Send + Sync + 'static {
        let source = Arc::clone(self);
        move |_| Arc::clone(&source).load_slowly()
    }

    pub(crate) fn load_slowly(self: Arc<Self>) -> Loading {
        Box::pin(async move {
            let value = self.read();
            self.gate.acquire().await.unwrap().forget();
            Ok(Loaded::new(value).tag("tag"))
        })
    }

    /// As [`slow`](Self::slow), for several.
    pub(crate) fn slow_many(self: &Arc<Self>) -> impl Fn(Vec<Key>) -> LoadingMany + Send + Sync + 'static {
        let source = Arc::clone(self);
        move |wanted| {
            let source = Arc::clone(&source);
            Box::pin(async move {
                let value = source.read();
                source.gate.acquire().await.unwrap().forget();
                Ok(wanted.into_iter().map(|key| (key, Loaded::new(value).tag("tag"))).collect())
            })
        }
    }

    pub(crate) fn failing(self: &Arc<Self>) -> impl Fn(Load<u64>) -> Loading + Send + Sync + 'static {
        let source = Arc::clone(self);
        move |_| {
            source.read();
            Box::pin(async { Err(io::Error::other("down")) })
        }
    }
}

pub(crate) const BOUND: Duration = secs(3);
pub(crate) const SECRET: [u8; 32] = [3; 32];

pub(crate) type Tier = ChaosShared<MemoryShared>;

/// One process.
pub(crate) struct Node {
    pub(crate) node: CacheNode,
    pub(crate) tier: Tier,
    pub(crate) held: Held<Tier>,
    pub(crate) cache: Cache<Key, u64>,
    hearing: tokio::task::JoinHandle<()>,
    stop: Arc<tokio::sync::Notify>,
    source: Arc<Source>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.hearing.abort();
    }
}

impl Node {
    pub(crate) async fn read(&self, key: &Key) -> Result<u64, LoadError> {
        self.cache.get_or_load(key, self.source.quick()).await.map(|value| *value)
    }

    pub(crate) fn memory(&self, key: &Key) -> Option<u64> {
        self.cache.get(key).map(|value| *value)
    }

    /// A read that waits for the gate, as a task.
    pub(crate) fn slow(&self, key: &Key) -> tokio::task::JoinHandle<Result<u64, LoadError>> {
        let (cache, loader, key) = (self.cache.clone(), self.source.slow(), key.clone());
        tokio::spawn(async move { cache.get_or_load(&key, loader).await.map(|value| *value) })
    }

    /// Until no load is under way, and nothing on its way into the shared tier.
    pub(crate) async fn settle(&self) {
        let is_busy = || {
            let usage = self.cache.usage();
            usage.flights + usage.writes > 0
        };
        let mut idle = 0;
        for turns in 0.. {
            assert!(turns < 1_000_000, "a load does not land");
            tokio::task::yield_now().await;
            idle = if is_busy() { 0 } else { idle + 1 };
            // What follows a landing begins a few turns later.
            if idle > 16 {
                break;
            }
            if turns > 1_000 {
                // It waits for its time.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        self.cache.validate().unwrap();
    }

    /// Stops in order; whether it did within the bound.
    pub(crate) async fn leave(&self) -> bool {
        self.stop.notify_one();
        for _ in 0..=100 {
            if self.hearing.is_finished() {
                return true;
            }
            tokio::time::sleep(BOUND / 100).await;
        }
        false
    }

    /// As when its link to the others is cut: from then on it hears nothing, and knows it when the bound has passed.
    pub(crate) async fn deafen(&self) {
        self.hearing.abort();
        tokio::time::sleep(BOUND).await;
        assert!(!self.node.is_hearing());
    }
}

pub(crate) struct Rig {
    pub(crate) source: Arc<Source>,
    pub(crate) server: MemoryServer,
    pub(crate) namer: Namer,
    pub(crate) keys: Arc<Keys>,
    pub(crate) cipher: CacheCipher,
    pub(crate) nodes: Vec<Node>,
}

/// The clinics' wrapped keys, which may be long in coming.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    kept: MemoryScopeKeys,
    pub(crate) hangs: AtomicBool,
}

#[async_trait::async_trait]
impl ScopeKeyStore for Keys {
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        if self.hangs.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        self.kept.get(clinic).await
    }
    async fn put_absent(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, KeyError> {
        self.kept.put_absent(clinic, key).await
    }
}

impl Rig {
    /// Three nodes with a cache of this policy each.
    pub(crate) async fn new(policy: CachePolicy) -> Self {
        Self::with(policy, SharedLimits::default()).await
    }

    pub(crate) async fn with(policy: CachePolicy, limits: SharedLimits) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock(Instant::now()));
        let server = MemoryServer::builder().clock(clock.clone()).limits(limits).build().unwrap();
        let source = Arc::new(Source {
            value: AtomicU64::new(1),
            reads: watch::Sender::new(0),
            gate: Semaphore::new(0),
        });
        let namer = Namer::with_secret(&SECRET);
        let keys = Arc::new(Keys::default());
        let cipher = cipher(&keys);
        let nodes: Vec<Node> = (0..3)
            .map(|_| {
                let tier = ChaosShared::new(server.node());
                let held = Held::new(tier.clone());
                let builder = CacheNode::builder().clock(clock.clone()).shared(held.clone());
                let (node, coherence) =
                    builder.secret(&SECRET).cipher(cipher.clone()).bound(BOUND).build().unwrap();
                let cache = Cache::builder(policy).node(&node).shared(JsonCodec).build().unwrap();
                let stop = Arc::new(tokio::sync::Notify::new());
                let stopped = Arc::clone(&stop);
                let hearing = tokio::spawn(coherence.run_until(async move { stopped.notified().await }));
                Node { node, tier, held, cache, hearing, stop, source: Arc::clone(&source) }
            })
            .collect();
        // The first beats, and what the newcomers are doubted for.
        tokio::time::sleep(BOUND).await;
        assert!(nodes.iter().all(|node| node.node.is_hearing()));
        Self { source, server, namer, keys, cipher, nodes }
    }

    pub(crate) fn scope(&self, key: &Key) -> ScopeMark {
        self.namer.scope(key.clinic)
    }

    /// What the shared tier has of a key.
    pub(crate) async fn shared(&self, key: &Key) -> Option<SharedEntry> {
        match self.server.node().fetch(self.scope(key), self.namer.key(key)).await.unwrap() {
            Fetched::Hit(entry) => Some(entry),
            Fetched::Miss(_) => None,
        }
    }

    /// As a node does that nobody hears.
    pub(crate) async fn forget(&self, key: &Key, marks: &[Mark], verb: Verb) {
        let forget = Forget { marks, keys: &[], verb };
        self.server.node().forget(self.scope(key), forget, &[]).await.unwrap();
    }

    pub(crate) async fn settle(&self) {
        for node in &self.nodes {
            node.settle().await;
        }
    }
}

fn cipher(keys: &Arc<Keys>) -> CacheCipher {
    let master = MasterKey::new(KeyId::from_bytes([1; 8]), [2; 32]);
    Arc::new(Vault::new(&MemoryKeys::new([master]), Arc::clone(keys) as _).unwrap()).cache_cipher()
}
