use super::{Cached, entry::Age, read::Cache, store::Turn};
use crate::{CacheLevel, CachedAs};
use std::time::Duration;

/// What is known of a kept value beside the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryInfo {
    /// Time since its load began.
    pub age: Duration,
    /// Time until its life is over; zero when it is, and it is kept for the case that loads fail.
    pub left: Duration,
    /// Whether it is older than its policy's `stale_after`, or was expired.
    pub is_stale: bool,
    /// Its cache's level.
    pub level: CacheLevel,
    /// How many tags it has.
    pub tags: usize,
    /// What it weighs, in bytes.
    pub weight: u32,
}

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// What is known of a value that memory holds and may still serve. Counts as no read.
    #[must_use]
    pub fn inspect(&self, key: &K) -> Option<EntryInfo> {
        let inner = &*self.inner;
        let (entry, now) = (inner.values.get(key, Turn::First)?, inner.node.now());
        let age = entry.age(inner.node.versions(), now, inner.policy.level());
        (age < Age::Gone).then(|| EntryInfo {
            is_stale: age >= Age::Stale,
            level: inner.policy.level(),
            tags: entry.fence.tags().len(),
            weight: entry.weight,
            age: entry.times.since_begun(now),
            left: entry.times.until_over(now),
        })
    }

    /// Time since the load of this value began.
    #[must_use]
    pub fn age_of(&self, cached: &Cached<V>) -> Duration {
        cached.entry.times.since_begun(self.inner.node.now())
    }

    /// What it counted.
    #[cfg(feature = "statistics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "statistics")))]
    #[must_use]
    pub fn statistics(&self) -> crate::CacheStatistics {
        self.inner.report.statistics()
    }
}
