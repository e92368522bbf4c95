//! The memory tier: bounded by weight, forgetting by version.

mod bars;
mod build;
mod marks;

pub use self::build::{MemoryTierBuilder, TierConfigError};

use self::{bars::Bars, marks::Marks};
use crate::{Bar, CacheKey, CacheTier, Fence, Lookup, Purge, PurgeScope, Put, TierError};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Clock};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// Bytes that an entry costs beside its key and value: moka's own nodes and our marks, rounded up.
const ENTRY_OVERHEAD: u32 = 192;
/// One value may take at most this part of the room.
const VALUE_SHARE: u64 = 16;

/// Values in this process's memory. Cheap to clone; clones are one tier.
///
/// Forgetting is counting: each value carries the versions of its key, subject, clinic and of the whole tier as
/// they were when its load began, and is found only while they are unchanged. So a purge of any scope costs one
/// increment, and a load that was under way cannot land behind it. Versions are kept in a fixed number of slots; two
/// subjects that share one are forgotten together.
///
/// A forgotten value stays in memory, unreachable, until it is looked up, evicted or its life is over.
///
/// ```
/// use healthcare_cache::{CacheKey, Lookup, MemoryTier, PurgeScope, Put};
/// use healthcare_core::ClinicId;
/// use std::time::Duration;
/// use uuid::Uuid;
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct BedKey(ClinicId, Uuid);
/// impl CacheKey for BedKey {
///     fn clinic(&self) -> ClinicId { self.0 }
///     fn subject(&self) -> Option<Uuid> { Some(self.1) }
/// }
///
/// let tier: MemoryTier<BedKey, u32> = MemoryTier::builder().capacity(1 << 20).build()?;
/// let (clinic, patient) = (ClinicId::random(), Uuid::now_v7());
/// let key = BedKey(clinic, patient);
/// let Lookup::Miss(fence) = tier.lookup(&key) else { return Err("not empty".into()) };
/// let bed = 12; // loaded
/// assert_eq!(tier.store(fence, bed, Duration::from_secs(60)), Put::Stored);
/// assert!(matches!(tier.lookup(&key), Lookup::Hit(12)));
/// tier.forget(PurgeScope::Subject(clinic, patient));
/// assert!(matches!(tier.lookup(&key), Lookup::Miss(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MemoryTier<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    /// Unlike every other tier's in this process.
    number: u64,
    entries: moka::sync::Cache<K, Entry<V>>,
    marks: Marks,
    bars: Bars,
    clock: Arc<dyn Clock>,
    life_max: Duration,
    value_max: u32,
    weigh: fn(&K, &V) -> usize,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    seen: [u64; 4],
    /// On the monotonic clock.
    until: Duration,
    weight: u32,
}

/// How full a [`MemoryTier`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Values, forgotten ones that are still in memory among them.
    pub entries: u64,
    /// Their weight in bytes.
    pub weight: u64,
    /// Bars that are held.
    pub bars: usize,
}

impl<K: CacheKey, V: Clone + Send + Sync + 'static> MemoryTier<K, V> {
    /// Starts describing a tier.
    pub fn builder() -> MemoryTierBuilder<K, V> {
        MemoryTierBuilder::new()
    }

    fn new(builder: MemoryTierBuilder<K, V>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let entries = moka::sync::Cache::builder()
            .max_capacity(builder.capacity)
            .weigher(|_: &K, entry: &Entry<V>| entry.weight)
            // Frees what nobody asks for again. The promise about lives is kept by `until`, on our own clock.
            .time_to_live(builder.life_max)
            .build();
        Self {
            shared: Arc::new(Shared {
                number: NEXT.fetch_add(1, Ordering::Relaxed),
                entries,
                marks: Marks::new(),
                bars: Bars::default(),
                clock: builder.clock,
                life_max: builder.life_max,
                value_max: u32::try_from(builder.capacity / VALUE_SHARE).unwrap_or(u32::MAX),
                weigh: builder.weigh,
            }),
        }
    }

    /// As [`CacheTier::get`], at once.
    pub fn lookup(&self, key: &K) -> Lookup<K, V> {
        let shared = &*self.shared;
        // Read before anything else: what is loaded after a miss is judged by these.
        let seen = shared.marks.of(key);
        let now = shared.clock.monotonic();
        if let Some(entry) = shared.entries.get(key) {
            if entry.seen == seen && now < entry.until {
                return Lookup::Hit(entry.value);
            }
            // If another thread stored a fresh value in between it is lost, which costs a load.
            shared.entries.invalidate(key);
        }
        if shared.bars.hold(key.clinic(), key.subject(), now) {
            return Lookup::Miss(Fence::shut(key.clone()));
        }
        Lookup::Miss(Fence::open(key.clone(), shared.number, seen))
    }

    /// As [`CacheTier::put`], at once.
    pub fn store(&self, fence: Fence<K>, value: V, life: Duration) -> Put {
        let shared = &*self.shared;
        let (key, seen) = fence.into_parts(shared.number);
        // The look-up compares again; this only spares the room.
        let Some(seen) = seen.filter(|seen| *seen == shared.marks.of(&key)) else { return Put::Stale };
        let weight =
            u32::try_from((shared.weigh)(&key, &value)).unwrap_or(u32::MAX).saturating_add(ENTRY_OVERHEAD);
        if weight > shared.value_max {
            return Put::TooLarge;
        }
        let until = shared.clock.monotonic().saturating_add(life.min(shared.life_max));
        shared.entries.insert(key, Entry { value, seen, until, weight });
        Put::Stored
    }

    /// As [`Purge::purge`], at once.
    pub fn forget(&self, scope: PurgeScope) {
        match scope {
            PurgeScope::Subject(clinic, subject) => self.shared.marks.bump_subject(clinic, subject),
            PurgeScope::Clinic(clinic) => self.shared.marks.bump_clinic(clinic),
            PurgeScope::All => {
                self.shared.marks.bump_all();
                self.shared.entries.invalidate_all();
            }
        }
    }

    /// How full it is, after the housekeeping that is due.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.shared.entries.run_pending_tasks();
        Usage {
            entries: self.shared.entries.entry_count(),
            weight: self.shared.entries.weighted_size(),
            bars: self.shared.bars.count(self.shared.clock.monotonic()),
        }
    }
}

#[async_trait]
impl<K: CacheKey, V: Clone + Send + Sync + 'static> Purge for MemoryTier<K, V> {
    async fn purge(&self, scope: PurgeScope) -> Result<(), TierError> {
        self.forget(scope);
        Ok(())
    }

    async fn bar(&self, clinic: ClinicId, subject: Uuid, longest: Duration) -> Result<Bar, TierError> {
        let shared = &*self.shared;
        let now = shared.clock.monotonic();
        // Bar before mark: a load that saw the new mark also sees the bar, one that saw the old mark is stale.
        let token = shared.bars.add(clinic, subject, now, longest);
        if token.is_none() {
            shared.marks.bump_all();
        }
        shared.marks.bump_subject(clinic, subject);
        Ok(Bar::new(shared.number, token.unwrap_or(0), clinic, subject))
    }

    async fn lift(&self, bar: Bar) -> Result<(), TierError> {
        if let Some(token) = bar.token(self.shared.number) {
            let (clinic, subject) = bar.subject();
            // Mark before bar: a load that may be stored again began after the write's outcome was known.
            self.shared.marks.bump_subject(clinic, subject);
            self.shared.bars.remove(clinic, subject, token);
        }
        Ok(())
    }
}

#[async_trait]
impl<K: CacheKey, V: Clone + Send + Sync + 'static> CacheTier<K, V> for MemoryTier<K, V> {
    async fn get(&self, key: &K) -> Result<Lookup<K, V>, TierError> {
        Ok(self.lookup(key))
    }

    async fn put(&self, fence: Fence<K>, value: V, life: Duration) -> Result<Put, TierError> {
        Ok(self.store(fence, value, life))
    }

    async fn purge_key(&self, key: &K) -> Result<(), TierError> {
        self.shared.marks.bump_key(key);
        self.shared.entries.invalidate(key);
        Ok(())
    }
}

/// Shows nothing of keys and values.
impl<K, V> fmt::Debug for MemoryTier<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTier").field("number", &self.shared.number).finish_non_exhaustive()
    }
}
