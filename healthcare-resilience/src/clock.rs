//! Monotonic time as one number, so that a state machine can keep it in an atomic.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// A point on a monotonic clock, in nanoseconds from a start that only the clock knows. It lasts for 584 years.
///
/// State machines here are told the time as a `Moment`, so a test can hand them any. Arithmetic stops at the ends of
/// the range and never panics; a clock that steps back yields waits of zero, not negative ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(u64);

impl Moment {
    /// The start.
    pub const START: Self = Self(0);

    /// `nanos` after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `wait` later.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanos(wait)))
    }

    /// The time since `earlier`, zero when that lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// `wait` in nanoseconds, at most `u64::MAX`.
pub(crate) const fn nanos(wait: Duration) -> u64 {
    wait.as_secs().saturating_mul(NANOS_PER_SECOND).saturating_add(wait.subsec_nanos() as u64)
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Where a policy reads the time: tokio's clock by default, so paused time drives it. It is read to eight nanoseconds.
///
/// ```
/// use healthcare_resilience::Clock;
/// use std::time::Duration;
/// let (clock, hand) = Clock::manual();
/// let before = clock.now();
/// hand.advance(Duration::from_secs(3));
/// assert_eq!(clock.now().since(before), Duration::from_secs(3));
/// ```
#[derive(Clone, Default)]
pub struct Clock {
    hand: Option<ClockHand>,
}

impl Clock {
    /// A clock that stands still until its hand is moved: for tests without a runtime.
    #[must_use]
    pub fn manual() -> (Self, ClockHand) {
        let hand = ClockHand { nanos: Arc::new(AtomicU64::new(nanos(HEAD_START))) };
        (Self { hand: Some(hand.clone()) }, hand)
    }

    /// The time.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.hand {
            None => system(),
            Some(hand) => Moment(hand.nanos.load(Ordering::Acquire)),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.hand.is_some() { "Clock(manual)" } else { "Clock(system)" })
    }
}

/// Moves a [`Clock::manual`].
#[derive(Debug, Clone)]
pub struct ClockHand {
    nanos: Arc<AtomicU64>,
}

impl ClockHand {
    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let moved = |at: u64| Some(at.saturating_add(nanos(by)));
        // The closure always answers, so the update cannot fail.
        let _ = self.nanos.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved);
    }

    /// Sets the clock, backwards too: a broken clock is a case to test.
    pub fn set(&self, at: Moment) {
        self.nanos.store(at.as_nanos(), Ordering::Release);
    }
}

/// A paused runtime may have stopped its clock before this process first asked for the time.
const HEAD_START: Duration = Duration::from_secs(24 * 60 * 60);

#[inline]
fn system() -> Moment {
    // Of the real clock: a runtime whose paused clock was moved on by years must not set it for the next one.
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    let now = Instant::now().into_std();
    let origin = *ORIGIN.get_or_init(std::time::Instant::now);
    let nanos = match now.checked_duration_since(origin) {
        Some(past) => nanos(HEAD_START).saturating_add(nanos(past)),
        None => nanos(HEAD_START).saturating_sub(nanos(origin.saturating_duration_since(now))),
    };
    Moment(nanos & !(GRAIN - 1))
}

/// What the system's clock is read to, in nanoseconds: state machines that keep a moment and a few bits in one number then
/// lose nothing of it.
pub(crate) const GRAIN: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_range_hold() {
        let last = Moment::from_nanos(u64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(Moment::START.since(last), Duration::ZERO);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn paused_time_moves_it() {
        let clock = Clock::default();
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now().since(before), Duration::from_secs(90));
    }

    #[test]
    fn a_runtime_far_ahead_does_not_stop_the_clock_of_the_next() {
        let century = Duration::from_secs(100 * 365 * 24 * 60 * 60);
        for ahead in [century, Duration::from_secs(1)] {
            let paused =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            paused.unwrap().block_on(async {
                tokio::time::advance(ahead).await;
                let before = Clock::default().now();
                tokio::time::advance(Duration::from_secs(7)).await;
                assert_eq!(Clock::default().now().since(before), Duration::from_secs(7));
            });
        }
    }

    #[test]
    fn a_hand_moves_both_ways() {
        let (clock, hand) = Clock::manual();
        let before = clock.now();
        hand.set(Moment::START);
        assert_eq!(clock.now().since(before), Duration::ZERO);
        assert_eq!(before.since(clock.now()), HEAD_START);
    }
}
