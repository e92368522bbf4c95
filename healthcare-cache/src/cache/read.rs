use super::{
    CacheBuilder,
    build::part,
    entry::{Age, Cached, Entry},
    fill::Found,
    load::{Load, Loaded},
    store::{Store, Turn},
};
use crate::{
    CacheNode, CachePolicy, CachedAs,
    flight::{Flight, LoadError, Table},
    report::{CacheReport, Count},
    wire::Wire,
};
use std::{
    error::Error, fmt, future::Future, hash::RandomState, sync::Arc, sync::atomic::AtomicU64, time::Duration,
};
use tokio::sync::Semaphore;

/// Shards of the table of loads: looked at on a miss only.
const SHARDS: usize = 64;
/// What an entry takes beside its key and value, in moka, in the quota and in itself: about 490 bytes, which a test counts.
pub(super) const ENTRY_OVERHEAD: u32 = 512;

/// Values of one kind, kept in this process's memory for as long as their policy says. Cheap to clone.
///
/// A hit compares a few numbers, allocates nothing and does not wait. A miss loads once, however many ask, in a task that
/// belongs to none of them. After a purge has returned, nothing that was loaded before it is served again: not as stale, not
/// for fail-safe, and not by a load that was under way.
///
/// ```
/// # use healthcare_cache::{Cache, CacheKey, CachePolicy, CachedAs, KeyWriter, TtlClass};
/// # use healthcare_core::ClinicId;
/// # use uuid::Uuid;
/// # #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// # struct BedKey { clinic: ClinicId, patient: Uuid }
/// # impl CacheKey for BedKey {
/// #     fn clinic(&self) -> ClinicId { self.clinic }
/// #     fn subject(&self) -> Option<Uuid> { Some(self.patient) }
/// # }
/// # impl CachedAs for BedKey {
/// #     const KIND: &'static str = "bed";
/// #     fn write(&self, out: &mut KeyWriter) { out.id(self.patient); }
/// # }
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let beds: Cache<BedKey, u32> = Cache::builder(CachePolicy::of(TtlClass::Patient).build()?).build()?;
/// let key = BedKey { clinic: ClinicId::random(), patient: Uuid::now_v7() };
/// let bed = beds.get_or_load(&key, |_| async { Ok::<_, std::io::Error>(12) }).await?;
/// assert_eq!(*bed, 12);
/// beds.purge_subject(key.clinic, key.patient).await;
/// assert!(beds.get(&key).is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cache<K, V> {
    pub(super) inner: Arc<Inner<K, V>>,
}

pub(super) struct Inner<K, V> {
    pub(super) policy: CachePolicy,
    pub(super) node: CacheNode,
    pub(super) report: CacheReport,
    pub(super) values: Store<K, V>,
    pub(super) negatives: Store<K, ()>,
    pub(super) flights: Arc<Table<K, Flight<Found<V>>>>,
    pub(super) permits: Semaphore,
    /// What is put into the shared tier or given back there, after loads have landed.
    pub(super) writes: Semaphore,
    pub(super) writes_max: usize,
    /// Seals for the shared tier. None for a cache that keeps nothing there.
    pub(super) wire: Option<Wire<V>>,
    /// How many loads have begun.
    pub(super) orders: AtomicU64,
    pub(super) value_max: u32,
    pub(super) weigh: fn(&K, &V) -> usize,
    /// For the jitter: the hash of a count is spread well enough, and nobody outside knows the hash.
    pub(super) fills: AtomicU64,
    pub(super) spread: RandomState,
}

/// What a look-up found.
pub(super) enum Glance<V> {
    Fresh(Arc<Entry<V>>),
    /// To be served and refreshed.
    Aging(Arc<Entry<V>>, Age),
    /// To be served only when a load fails.
    Over(Arc<Entry<V>>),
    Absent(Arc<Entry<()>>),
    Nothing,
}

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// Describes a cache.
    pub fn builder(policy: CachePolicy) -> CacheBuilder<K, V> {
        CacheBuilder::new(policy)
    }

    pub(super) fn new(builder: CacheBuilder<K, V>, share: u64, value_max: u32) -> Self {
        let CacheBuilder { policy, name, node, capacity, clinic_share, loads, flights, weigh, form, .. } =
            builder;
        let node = node.unwrap_or_default();
        let cipher = node.cipher().filter(|_| node.is_joined());
        let wire = form.zip(cipher).map(|(form, cipher)| Wire::new(cipher.clone(), form));
        let longest = policy.life().saturating_add(policy.fail_safe()).max(Duration::from_secs(1));
        let negatives = policy.negatives_max();
        let report = CacheReport::new(name, policy.class());
        Self {
            inner: Arc::new(Inner {
                policy,
                node,
                values: Store::new(capacity, share, longest, report.clone()),
                negatives: Store::new(negatives, part(negatives, clinic_share), longest, report.clone()),
                report,
                flights: Arc::new(Table::new(SHARDS, flights)),
                permits: Semaphore::new(loads),
                writes: Semaphore::new(loads),
                writes_max: loads,
                wire,
                orders: AtomicU64::new(0),
                value_max,
                weigh,
                fills: AtomicU64::new(0),
                spread: RandomState::new(),
            }),
        }
    }

    /// The value, if it is in memory and its life is not over. Loads nothing, refreshes nothing and asks no shared tier: of a
    /// cache of the restricted level whose node has one, it gives nothing.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Cached<V>> {
        let inner = &*self.inner;
        if inner.is_strict() {
            return None;
        }
        let now = inner.node.now();
        let found = inner.glance(key, now);
        inner.count_look(&found, now);
        match found {
            Glance::Fresh(entry) => Some(Cached::new(entry, false)),
            Glance::Aging(entry, age) => Some(Cached::new(entry, age == Age::Stale)),
            Glance::Over(_) | Glance::Absent(_) | Glance::Nothing => None,
        }
    }

    /// As [`get`](Self::get) for each key, in their order.
    #[must_use]
    pub fn get_many(&self, keys: &[K]) -> Vec<Option<Cached<V>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// The value, which `loader` brings if it is not there. However many ask, one load runs; it is a task of its own, so a
    /// caller that is dropped takes nothing with it.
    ///
    /// # Errors
    /// [`LoadError`] when there is no value and no old one that may be served in its place.
    pub async fn get_or_load<F, Fut, L, E>(&self, key: &K, loader: F) -> Result<Cached<V>, LoadError>
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<L, E>> + Send,
        L: Into<Loaded<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.fetch(key, move |load| {
            let loading = loader(load);
            async move { loading.await.map(Into::into) }
        })
        .await?
        .ok_or(LoadError::Absent)
    }

    /// As [`get_or_load`](Self::get_or_load), for what may not exist. That there is none is remembered for the policy's
    /// `negative_life`; whoever creates it must purge its key or subject.
    ///
    /// # Errors
    /// [`LoadError`] when it is not known whether there is a value.
    pub async fn get_or_load_option<F, Fut, L, E>(
        &self,
        key: &K,
        loader: F,
    ) -> Result<Option<Cached<V>>, LoadError>
    where
        F: FnOnce(Load<V>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<L>, E>> + Send,
        L: Into<Loaded<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.fetch(key, move |load| {
            let loading = loader(load);
            async move { loading.await.map(|found| found.map_or_else(Loaded::absent, Into::into)) }
        })
        .await
    }

    /// How full it is, after the housekeeping that is due.
    #[must_use]
    pub fn usage(&self) -> CacheUsage {
        let (entries, weight) = self.inner.values.usage();
        CacheUsage {
            entries,
            weight,
            negatives: self.inner.negatives.usage().0,
            flights: self.inner.flights.count(),
            writes: self.inner.writes_max.saturating_sub(self.inner.writes.available_permits()),
        }
    }

    /// Its policy.
    #[must_use]
    pub fn policy(&self) -> &CachePolicy {
        &self.inner.policy
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Counts what a read found.
    pub(super) fn count_look(&self, found: &Glance<V>, now: Duration) {
        self.report.count(match found {
            Glance::Fresh(_) | Glance::Aging(_, Age::Fresh | Age::Eager) => Count::Hit,
            Glance::Aging(..) => Count::Stale,
            Glance::Absent(_) => Count::Absent,
            Glance::Nothing if !self.node.hears(now) => Count::Bypass,
            Glance::Over(_) | Glance::Nothing => Count::Miss,
        });
    }

    /// Looks into memory, unless the node does not know what was purged elsewhere.
    pub(super) fn glance(&self, key: &K, now: Duration) -> Glance<V> {
        self.glance_for(key, now, Turn::First)
    }

    /// Looks once more, for the same read.
    pub(super) fn glance_again(&self, key: &K, now: Duration) -> Glance<V> {
        self.glance_for(key, now, Turn::Again)
    }

    fn glance_for(&self, key: &K, now: Duration, turn: Turn) -> Glance<V> {
        if !self.node.hears(now) {
            return Glance::Nothing;
        }
        if let Some(entry) = self.values.get(key, turn) {
            match entry.age(self.node.versions(), now, self.policy.level()) {
                Age::Fresh => return Glance::Fresh(entry),
                age @ (Age::Eager | Age::Stale) => return Glance::Aging(entry, age),
                Age::Over => return Glance::Over(entry),
                // An older negative may still be right, but a younger one replaced this: it is asked below.
                Age::Gone => {}
            }
        }
        if self.policy.negative_life().is_some()
            && let Some(entry) = self.negatives.get(key, turn)
            && entry.age(self.node.versions(), now, self.policy.level()) == Age::Fresh
        {
            return Glance::Absent(entry);
        }
        Glance::Nothing
    }
}

/// How full a [`Cache`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheUsage {
    /// Values kept, those that can no longer be served included.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub weight: u64,
    /// Absent values remembered.
    pub negatives: u64,
    /// Loads under way.
    pub flights: usize,
    /// Values on their way into the shared tier.
    pub writes: usize,
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// Shows nothing of keys and values.
impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("policy", &self.inner.policy).finish_non_exhaustive()
    }
}
