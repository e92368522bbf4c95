use super::gcra::Gcra;
use std::time::Duration;

/// An admission, and what is left: what the caller is told in the standard headers.
///
/// ```
/// use healthcare_resilience::{Quota, RateLimit};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit = RateLimit::builder("exports").quota(Quota::per_minute(2)).build()?;
/// let first = limit.try_acquire()?;
/// assert_eq!((first.limit(), first.remaining()), (2, 1));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDecision {
    gcra: Gcra,
    used: u64,
}

impl RateDecision {
    /// `used` in nanoseconds, as the algorithm's own times.
    pub(crate) const fn new(gcra: Gcra, used: u64) -> Self {
        Self { gcra, used }
    }

    /// The most that can be had at once.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.gcra.burst()
    }

    /// How many could be had now.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let free = self.gcra.capacity().saturating_sub(self.used);
        // Computed here and not when admitting: a division is dearer than the admission.
        u32::try_from(free.checked_div(self.gcra.interval()).unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Until all of [`limit`](Self::limit) could be had, if nobody asks in the meantime.
    #[must_use]
    pub const fn reset(&self) -> Duration {
        Duration::from_nanos(self.used)
    }

    /// Until one more could be had; zero when one is left.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        let next = self.used.saturating_add(self.gcra.interval());
        Duration::from_nanos(next.saturating_sub(self.gcra.capacity()))
    }
}
