use crate::TtlClass;
use std::time::Duration;

/// What a [`Cache`](crate::Cache) counted since it was built. The numbers are added up while others go on counting, so they
/// may differ from each other by what was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStatistics {
    /// The cache's name.
    pub name: &'static str,
    /// What class its policy was made from.
    pub class: TtlClass,
    /// Reads served from memory with what is not stale.
    pub hits: u64,
    /// Reads served from memory with what is stale and being refreshed.
    pub stale: u64,
    /// Reads for which memory knew that there is nothing.
    pub absent: u64,
    /// Reads for which memory had nothing.
    pub misses: u64,
    /// Reads for which memory was not asked, because the node did not hear the others.
    pub bypasses: u64,
    /// Old values given because a load failed.
    pub fail_safe: u64,
    /// Found in the shared tier.
    pub shared_hits: u64,
    /// Not found there.
    pub shared_misses: u64,
    /// Waited for, because another node was loading it.
    pub shared_waits: u64,
    /// Not asked for there, or not answered.
    pub shared_errors: u64,
    /// Found there, and not to be opened: damaged, of another form or under another key.
    pub undecodable: u64,
    /// Loads that ended well.
    pub loaded: u64,
    /// Loads that failed, panicked, or were dropped.
    pub load_failures: u64,
    /// Loads not begun because too many were under way.
    pub loads_refused: u64,
    /// What all loads that ended took together.
    pub load_time: Duration,
    /// Values kept in memory.
    pub stored: u64,
    /// Values not kept there: something was purged meanwhile, or they are too large.
    pub fills_refused: u64,
    /// Values kept in the shared tier.
    pub shared_stored: u64,
    /// Values not kept there.
    pub shared_fills_refused: u64,
    /// Entries that went for want of room.
    pub evicted_for_room: u64,
    /// Entries that went because their clinic added others.
    pub evicted_for_share: u64,
    /// Entries that went because their time was over.
    pub evicted_by_age: u64,
}

impl CacheStatistics {
    /// Looks at the memory tier, the bypassed ones included.
    #[must_use]
    pub const fn reads(&self) -> u64 {
        let served = self.hits.saturating_add(self.stale).saturating_add(self.absent);
        served.saturating_add(self.misses).saturating_add(self.bypasses)
    }

    /// The part of the reads that memory served; `None` before the first.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let served = self.hits.saturating_add(self.stale).saturating_add(self.absent);
        ratio(served, self.reads())
    }

    /// The part of the questions to the shared tier that it served; `None` before the first.
    #[must_use]
    pub fn shared_hit_ratio(&self) -> Option<f64> {
        let all = [self.shared_hits, self.shared_misses, self.shared_waits, self.shared_errors];
        ratio(self.shared_hits, all.into_iter().fold(self.undecodable, u64::saturating_add))
    }
}

/// What a [`CacheNode`](crate::CacheNode) counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NodeStatistics {
    /// Whether it does not hear the others now, and bypasses its memory.
    pub is_deaf: bool,
    /// How long it did not hear them in all.
    pub deaf_for: Duration,
    /// Purges that wait for the shared tier to come back.
    pub queue: usize,
    /// How often it gave up all that its memory held, because it may have missed something.
    pub bumps: u64,
}

#[allow(clippy::cast_precision_loss, reason = "a ratio need not be exact")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
