use super::{RateConfigError, gcra::Gcra};
use crate::clock::nanos;
use std::{fmt, time::Duration};

/// So many permits in so much time, and how many of them may be had at once.
///
/// Permits come back one by one, evenly over the period, not all at its end. In any window of time at most
/// `burst + permits × window / period` are given out. The interval between two permits is rounded up to a nanosecond,
/// so a quota that does not divide evenly gives a little less and never more.
///
/// ```
/// use healthcare_resilience::Quota;
/// use std::time::Duration;
/// let sign_in = Quota::per_minute(10).burst(5);
/// let import = Quota::per(1, Duration::from_secs(3600));
/// assert_ne!(sign_in, import);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    permits: u32,
    period: Duration,
    burst: u32,
}

impl Quota {
    /// `permits` in each `period`; as many at once.
    #[must_use]
    pub const fn per(permits: u32, period: Duration) -> Self {
        Self { permits, period, burst: permits }
    }

    /// `permits` a second; as many at once.
    #[must_use]
    pub const fn per_second(permits: u32) -> Self {
        Self::per(permits, Duration::from_secs(1))
    }

    /// `permits` a minute; as many at once.
    #[must_use]
    pub const fn per_minute(permits: u32) -> Self {
        Self::per(permits, Duration::from_secs(60))
    }

    /// `permits` an hour; as many at once.
    #[must_use]
    pub const fn per_hour(permits: u32) -> Self {
        Self::per(permits, Duration::from_secs(60 * 60))
    }

    /// `permits` a day; as many at once.
    #[must_use]
    pub const fn per_day(permits: u32) -> Self {
        Self::per(permits, Duration::from_secs(24 * 60 * 60))
    }

    /// At most `permits` at once, at the same rate.
    #[must_use]
    pub const fn burst(mut self, permits: u32) -> Self {
        self.burst = permits;
        self
    }

    /// The most that can be had at once.
    #[must_use]
    pub const fn burst_size(&self) -> u32 {
        self.burst
    }

    /// The time in which a spent burst comes back, `burst × period / permits`: the window of the standard headers.
    #[must_use]
    pub fn refill(&self) -> Duration {
        let whole = self.period.as_nanos().saturating_mul(u128::from(self.burst));
        let nanos = whole.checked_div(u128::from(self.permits)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The quota in units of so many nanoseconds, each rounded up.
    pub(super) fn gcra(&self, unit: u64) -> Result<Gcra, RateConfigError> {
        if self.permits == 0 || self.burst == 0 {
            return Err(RateConfigError::QuotaZero);
        }
        let period = nanos(self.period);
        if period == 0 {
            return Err(RateConfigError::PeriodZero);
        }
        if u64::from(self.permits) > period / unit.max(1) {
            return Err(RateConfigError::TooFast { unit: Duration::from_nanos(unit) });
        }
        let interval = period.div_ceil(u64::from(self.permits)).div_ceil(unit.max(1));
        let refill = u128::from(interval) * u128::from(self.burst) * u128::from(unit);
        if refill > REFILL_MAX.as_nanos() {
            return Err(RateConfigError::RefillTooLong { max: REFILL_MAX });
        }
        Ok(Gcra::new(interval, self.burst))
    }

    #[cfg(feature = "redis")]
    /// An equal part for each of so many instances, together no more than the whole.
    pub(super) fn share(&self, instances: u32) -> Result<Self, RateConfigError> {
        let burst = self.burst.checked_div(instances).unwrap_or(0);
        if burst == 0 {
            return Err(RateConfigError::ShareZero { burst: self.burst });
        }
        let period =
            self.period.checked_mul(instances).ok_or(RateConfigError::RefillTooLong { max: REFILL_MAX })?;
        Ok(Self { permits: self.permits, period, burst })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:?}, {} at once", self.permits, self.period, self.burst)
    }
}

/// A burst that takes longer than this to come back is a mistake in the units.
const REFILL_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
