use super::{Bump, CacheStatistics, Count, NodeStatistics, kept::Kept};
use crate::{TtlClass, sync::Mutex};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What one cache counts. Shared by its clones.
#[derive(Debug, Clone)]
pub(crate) struct CacheReport {
    pub(super) name: &'static str,
    pub(super) class: TtlClass,
    kept: Arc<Counted>,
}

#[derive(Debug)]
struct Counted {
    counts: Kept,
    load_nanos: AtomicU64,
    #[cfg(feature = "metrics")]
    series: super::metrics::CacheSeries,
}

impl CacheReport {
    pub(crate) fn new(name: &'static str, class: TtlClass) -> Self {
        let counted = Counted {
            counts: Kept::new(),
            load_nanos: AtomicU64::new(0),
            #[cfg(feature = "metrics")]
            series: super::metrics::CacheSeries::new(name, class),
        };
        Self { name, class, kept: Arc::new(counted) }
    }

    #[inline]
    pub(crate) fn count(&self, count: Count) {
        self.kept.counts.add(count);
        #[cfg(feature = "metrics")]
        self.kept.series.count(count);
    }

    /// For a load that begins.
    pub(crate) fn load(&self) -> LoadReport {
        LoadReport(Some(self.clone()))
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        let of = |count| self.kept.counts.sum(count);
        CacheStatistics {
            name: self.name,
            class: self.class,
            hits: of(Count::Hit),
            stale: of(Count::Stale),
            absent: of(Count::Absent),
            misses: of(Count::Miss),
            bypasses: of(Count::Bypass),
            fail_safe: of(Count::FailSafe),
            shared_hits: of(Count::SharedHit),
            shared_misses: of(Count::SharedMiss),
            shared_waits: of(Count::SharedWait),
            shared_errors: of(Count::SharedError),
            undecodable: of(Count::SharedUndecodable),
            loaded: of(Count::Loaded) + of(Count::LoadedAbsent) + of(Count::LoadedUnchanged),
            load_failures: of(Count::LoadFailed) + of(Count::LoadDropped) + of(Count::LoadPanicked),
            loads_refused: of(Count::LoadRefused),
            load_time: Duration::from_nanos(self.kept.load_nanos.load(Ordering::Relaxed)),
            stored: of(Count::Stored),
            fills_refused: of(Count::StoreStale) + of(Count::StoreLarge),
            shared_stored: of(Count::SharedStored),
            shared_fills_refused: of(Count::SharedStale) + of(Count::SharedLarge),
            evicted_for_room: of(Count::EvictedRoom),
            evicted_for_share: of(Count::EvictedShare),
            evicted_by_age: of(Count::EvictedAge),
        }
    }
}

/// One load: dropped before it ended, it panicked or was cut off.
#[derive(Debug)]
pub(crate) struct LoadReport(Option<CacheReport>);

impl LoadReport {
    pub(crate) fn ended(mut self, count: Count, took: Duration) {
        let Some(report) = self.0.take() else { return };
        report.count(count);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        report.kept.load_nanos.fetch_add(nanos, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        report.kept.series.took(took);
    }
}

impl Drop for LoadReport {
    fn drop(&mut self) {
        if let Some(report) = self.0.take() {
            report.count(if std::thread::panicking() { Count::LoadPanicked } else { Count::LoadDropped });
        }
    }
}

/// What a node counts.
#[derive(Debug, Default)]
pub(crate) struct NodeReport {
    deaf: Mutex<Deaf>,
    queue: AtomicUsize,
    bumps: AtomicU64,
}

#[derive(Debug, Default)]
struct Deaf {
    since: Option<Duration>,
    before: Duration,
}

impl NodeReport {
    /// It does not hear any more. Said again, it counts what went by.
    pub(crate) fn deaf_since(&self, now: Duration) {
        self.turn(now, true);
    }

    /// It hears again. Said again, it changes nothing.
    pub(crate) fn hears_since(&self, now: Duration) {
        self.turn(now, false);
    }

    fn turn(&self, now: Duration, is_deaf: bool) {
        let mut deaf = self.deaf.lock();
        let more = deaf.since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        deaf.before = deaf.before.saturating_add(more);
        deaf.since = is_deaf.then_some(now);
        #[cfg(feature = "metrics")]
        super::metrics::deaf(is_deaf, deaf.before);
    }

    /// How many purges wait to be delivered.
    pub(crate) fn queue(&self, length: usize) {
        self.queue.store(length, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        super::metrics::queue(length);
    }

    /// All of the memory tier was given up.
    pub(crate) fn bump(&self, reason: Bump) {
        self.bumps.fetch_add(1, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        super::metrics::bump(reason);
        #[cfg(not(feature = "metrics"))]
        let _ = reason;
    }

    /// It is deaf from the time until which all was heard, whatever was said before and whether anybody says so.
    pub(crate) fn statistics(&self, now: Duration, hears_until: Duration) -> NodeStatistics {
        let deaf = self.deaf.lock();
        let since = deaf.since.map_or(hears_until, |since| since.max(hears_until));
        let more = now.saturating_sub(since);
        NodeStatistics {
            is_deaf: now >= hears_until,
            deaf_for: deaf.before.saturating_add(more),
            queue: self.queue.load(Ordering::Relaxed),
            bumps: self.bumps.load(Ordering::Relaxed),
        }
    }
}
