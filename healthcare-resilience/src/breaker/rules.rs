use crate::{clock::nanos, window::Tally};
use std::{fmt, time::Duration};

/// What a breaker was told, checked.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) trip: Trip,
    pub(crate) slow: Option<Slow>,
    /// Whether the window needs the time of each call.
    pub(crate) is_window_timed: bool,
    pub(crate) probes: u32,
    pub(crate) lease: Duration,
    pub(crate) open: OpenTime,
}

/// When a circuit opens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trip {
    /// So many failures in a row.
    Run(u32),
    /// So large a part of the calls, once there are enough of them.
    Rate { failed: Rate, slow: Option<Rate>, min_calls: u32 },
}

/// How long a call takes that is slow: this long or longer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slow {
    pub(crate) after: Duration,
    /// A slow call is a failed one. Otherwise slow calls have a rate of their own.
    pub(crate) is_failure: bool,
}

/// What the calls so far give reason to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Fine,
    Failures,
    Slow,
}

impl Rules {
    /// What a closed circuit finds after a bad call.
    pub(crate) fn judge(&self, seen: Tally) -> Finding {
        match self.trip {
            Trip::Run(most) => match seen.failed >= u64::from(most) {
                true => Finding::Failures,
                false => Finding::Fine,
            },
            Trip::Rate { failed, slow, min_calls } if seen.calls >= u64::from(min_calls) => {
                rate(seen, seen.calls, failed, slow)
            }
            Trip::Rate { .. } => Finding::Fine,
        }
    }

    /// What a half-open circuit finds after a probe. It opens as soon as the probes that are left cannot help it any
    /// more, and is fine only with all of them.
    pub(crate) fn judge_probes(&self, seen: Tally) -> Finding {
        match self.trip {
            Trip::Run(_) if seen.failed > 0 => Finding::Failures,
            Trip::Run(_) => Finding::Fine,
            Trip::Rate { failed, slow, .. } => rate(seen, u64::from(self.probes), failed, slow),
        }
    }
}

fn rate(seen: Tally, of: u64, failed: Rate, slow: Option<Rate>) -> Finding {
    if failed.is_reached(seen.failed, of) {
        Finding::Failures
    } else if slow.is_some_and(|slow| slow.is_reached(seen.slow, of)) {
        Finding::Slow
    } else {
        Finding::Fine
    }
}

/// A part of the whole in millionths, so that an edge is exact: 55 of 100 is 0.55, which it is not in binary fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate(u32);

const MILLION: u64 = 1_000_000;
/// What a product of binary fractions may be short of a whole millionth.
const ROUNDING: f64 = 1e-3;

impl Rate {
    /// Over zero and at most one, to the millionth below: two of three reach two thirds.
    pub(crate) fn new(part: f64) -> Option<Self> {
        let millionths = (part * MILLION as f64 + ROUNDING).floor();
        (millionths >= 1.0 && part <= 1.0).then_some(Self(millionths as u32))
    }

    /// Reaching the rate is enough: 5 of 10 reach 0.5.
    pub(crate) const fn is_reached(self, part: u64, of: u64) -> bool {
        part.saturating_mul(MILLION) >= (self.0 as u64).saturating_mul(of)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 10_000.0)
    }
}

/// How long a circuit stays open: longer each time it opens again without having been closed. In nanoseconds, which are
/// half as large as durations and are what the clock's moments are added to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenTime {
    first: u64,
    max: u64,
    /// No wait is longer.
    pub(crate) longest: u64,
    factor: f64,
    jitter: f64,
}

impl OpenTime {
    /// `first`, then `factor` times as long as before, at most `max`; chance adds up to the part `jitter` to each.
    pub(crate) fn new(first: Duration, factor: f64, max: Duration, jitter: f64) -> Self {
        let (first, max) = (nanos(first), nanos(max));
        Self { first, factor, max, jitter, longest: stretch(max, 1.0 + jitter) }
    }

    pub(crate) const fn first(&self) -> Duration {
        Duration::from_nanos(self.first)
    }

    pub(crate) const fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The `opens`-th time in a row, counted from one. `chance` is in `0.0..1.0`.
    pub(crate) fn wait(&self, opens: u32, chance: f64) -> Duration {
        let times = i32::try_from(opens.saturating_sub(1)).unwrap_or(i32::MAX);
        // Beyond all bounds the factor is infinite, and the maximum holds.
        let grown = if times == 0 { self.first } else { stretch(self.first, self.factor.powi(times)) };
        Duration::from_nanos(stretch(grown.min(self.max), 1.0 + self.jitter * chance))
    }
}

/// `by` is at least one. Stops at the end of the range, as a conversion from a float does.
fn stretch(wait: u64, by: f64) -> u64 {
    if by == 1.0 { wait } else { (wait as f64 * by) as u64 }
}
