//! What a look-up asks before it trusts the memory: one comparison.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Until when what was purged elsewhere is known here, within the bound.
///
/// Whoever hears forgets first and moves the time on afterwards; whoever looks up asks for the time first and for the versions
/// afterwards. So a look-up that finds its time covered finds forgotten what had to be by then, however the two overlap.
#[derive(Debug)]
pub(crate) struct Hears(AtomicU64);

impl Hears {
    /// For a node that has nobody to hear.
    pub(crate) fn always() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// For one that has heard nothing yet.
    pub(crate) fn nothing() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Whether it covers this moment of the node's clock, in nanoseconds.
    pub(crate) fn covers(&self, now: u64) -> bool {
        now < self.0.load(Ordering::Acquire)
    }

    /// The moment of the node's clock up to which it covers.
    #[cfg(feature = "statistics")]
    pub(crate) fn until(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.load(Ordering::Acquire))
    }

    /// Everything that came before has been forgotten.
    pub(crate) fn set(&self, until: u64) {
        self.0.store(until, Ordering::Release);
    }
}
