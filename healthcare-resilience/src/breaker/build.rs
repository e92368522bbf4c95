use super::{
    BreakerConfigError, CircuitBreaker,
    machine::Machine,
    rules::{OpenTime, Rate, Rules, Slow, Trip},
};
use crate::{
    Clock,
    window::{CountWindow, TimeWindow, Window},
};
use std::time::Duration;

const WINDOW_MAX: u32 = 65_536;
const WINDOW: u32 = 100;
const MIN_CALLS: u32 = 20;
const FAILURE_RATE: f64 = 0.5;
const PROBES: u32 = 3;
const PROBES_MAX: u32 = 10_000;
const LEASE: Duration = Duration::from_secs(60);
const OPEN_FOR: Duration = Duration::from_secs(30);
const GROWTH: f64 = 2.0;
/// The longest open time, in first ones, where none is given.
const GROWN_MAX: u32 = 10;
const JITTER: f64 = 0.1;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Run(u32),
    Count(u32),
    Time(Duration),
}

/// Describes a [`CircuitBreaker`]. What is left out has the value that is named at its function.
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct BreakerBuilder {
    name: &'static str,
    kind: Kind,
    min_calls: Option<u32>,
    failure_rate: Option<f64>,
    slow: Option<(Duration, Option<f64>)>,
    probes: u32,
    lease: Duration,
    open_for: Duration,
    growth: (f64, Option<Duration>),
    jitter: f64,
    clock: Clock,
}

impl BreakerBuilder {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            kind: Kind::Count(WINDOW),
            min_calls: None,
            failure_rate: None,
            slow: None,
            probes: PROBES,
            lease: LEASE,
            open_for: OPEN_FOR,
            growth: (GROWTH, None),
            jitter: JITTER,
            clock: Clock::default(),
        }
    }

    /// Opens after so many failures in a row, at least one. Half-open, a single failure opens it again. For what is
    /// called rarely; where much is called at once, a few good calls in between hide a callee that mostly fails.
    pub const fn consecutive(mut self, failures: u32) -> Self {
        self.kind = Kind::Run(failures);
        self
    }

    /// Judges by the last so many calls, 1 to 65,536. 100 when no window is named. Takes a quarter of a byte a call.
    pub const fn count_window(mut self, calls: u32) -> Self {
        self.kind = Kind::Count(calls);
        self
    }

    /// Judges by the calls of the last so long, at least a microsecond, however many those are. The past is divided by 32:
    /// a call counts for at least 31/32 of the length and never longer than it.
    pub const fn time_window(mut self, length: Duration) -> Self {
        self.kind = Kind::Time(length);
        self
    }

    /// With fewer calls in the window it does not judge. At least one; 20 when never called, or the whole window where
    /// that is smaller.
    pub const fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = Some(calls);
        self
    }

    /// Opens when this part of the calls failed, or more: over 0.0 and at most 1.0, to a millionth (rounded down). 0.5 when never
    /// called.
    pub const fn failure_rate(mut self, part: f64) -> Self {
        self.failure_rate = Some(part);
        self
    }

    /// A call that takes `after` or longer is slow, whether it ends well, fails or is dropped by then, and the circuit opens when `part` of the
    /// calls were slow, or more; half-open as well. Slow calls are not watched when never called. Watching costs two
    /// readings of the clock a call.
    pub const fn slow_calls(mut self, after: Duration, part: f64) -> Self {
        self.slow = Some((after, Some(part)));
        self
    }

    /// A call that takes `after` or longer is a failed one, whatever it brings. Instead of [`slow_calls`](Self::slow_calls);
    /// the later of the two holds.
    pub const fn slow_as_failure(mut self, after: Duration) -> Self {
        self.slow = Some((after, None));
        self
    }

    /// How many calls go through half-open, 1 to 10,000; the results of all of them are needed to close it, by the same
    /// rates as ever. 3 when never called.
    pub const fn probes(mut self, calls: u32) -> Self {
        self.probes = calls;
        self
    }

    /// How long a probe may take before its place is given to another call, above zero. Looked at when a call asks and
    /// every place is taken. One minute when never called. Make it longer than the time-out of a call.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long it stays open the first time, above zero. 30 seconds when never called.
    pub const fn open_for(mut self, first: Duration) -> Self {
        self.open_for = first;
        self
    }

    /// Each time it opens again without having been closed it stays open `factor` times as long, 1.0 or more, but at
    /// most `max`. When never called the factor is 2.0 and `max` is ten times the first.
    pub const fn open_growth(mut self, factor: f64, max: Duration) -> Self {
        self.growth = (factor, Some(max));
        self
    }

    /// Chance makes each open time longer by up to this part of it, 0.0 to 1.0, so that many instances do not probe at
    /// once. 0.1 when never called.
    pub const fn open_jitter(mut self, part: f64) -> Self {
        self.jitter = part;
        self
    }

    /// Where it reads the time. For tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The breaker, closed.
    ///
    /// # Errors
    /// [`BreakerConfigError`] names the number that is out of its range, or the two that contradict each other.
    pub fn build(self) -> Result<CircuitBreaker, BreakerConfigError> {
        let (trip, window) = self.trip()?;
        let slow = match self.slow {
            Some((after, _)) if after.is_zero() => return Err(self.range("slow time", "above zero")),
            Some((after, part)) => Some(Slow { after, is_failure: part.is_none() }),
            None => None,
        };
        let open = self.open_time()?;
        if self.probes == 0 || self.probes > PROBES_MAX {
            return Err(self.range("probes", "1 to 10000"));
        }
        if self.lease.is_zero() {
            return Err(self.range("lease", "above zero"));
        }
        let is_window_timed = matches!(window, Window::Time(_));
        let rules = Rules { trip, slow, is_window_timed, probes: self.probes, lease: self.lease, open };
        let machine = Machine::new(rules, window, fastrand::Rng::new());
        Ok(CircuitBreaker::new(self.name, self.kind, machine, self.clock))
    }

    fn trip(&self) -> Result<(Trip, Window), BreakerConfigError> {
        let window = match self.kind {
            Kind::Run(failures) => return self.run(failures),
            Kind::Count(0 | WINDOW_TOO_LARGE..) => return Err(self.range("count_window", "1 to 65536")),
            Kind::Count(calls) => Window::Count(CountWindow::new(calls)),
            Kind::Time(length) if length < Duration::from_micros(1) => {
                return Err(self.range("time_window", "a microsecond or more"));
            }
            Kind::Time(length) => Window::Time(Box::new(TimeWindow::new(length))),
        };
        let room = match self.kind {
            Kind::Count(calls) => calls,
            Kind::Run(_) | Kind::Time(_) => u32::MAX,
        };
        let min_calls = self.min_calls.unwrap_or(MIN_CALLS.min(room));
        if min_calls == 0 {
            return Err(self.range("min_calls", "at least 1"));
        }
        if min_calls > room {
            let breaker = self.name;
            return Err(BreakerConfigError::WindowTooSmall { breaker, window: room, min_calls });
        }
        let failed = self.rate("failure_rate", self.failure_rate.unwrap_or(FAILURE_RATE))?;
        let slow = match self.slow {
            Some((_, Some(part))) => Some(self.rate("slow_calls", part)?),
            Some((_, None)) | None => None,
        };
        Ok((Trip::Rate { failed, slow, min_calls }, window))
    }

    fn run(&self, failures: u32) -> Result<(Trip, Window), BreakerConfigError> {
        let needs_window = |setting| BreakerConfigError::NeedsWindow { breaker: self.name, setting };
        match self.slow {
            _ if failures == 0 => Err(self.range("consecutive", "at least 1")),
            _ if self.min_calls.is_some() => Err(needs_window("min_calls")),
            _ if self.failure_rate.is_some() => Err(needs_window("failure_rate")),
            Some((_, Some(_))) => Err(needs_window("slow_calls")),
            Some((_, None)) | None => Ok((Trip::Run(failures), Window::Run(0))),
        }
    }

    fn open_time(&self) -> Result<OpenTime, BreakerConfigError> {
        let (factor, max) = self.growth;
        let max = max.unwrap_or(self.open_for.saturating_mul(GROWN_MAX));
        if self.open_for.is_zero() {
            return Err(self.range("open_for", "above zero"));
        }
        if !(factor.is_finite() && factor >= 1.0) {
            return Err(self.range("the factor of open_growth", "1.0 or more"));
        }
        if max < self.open_for {
            return Err(BreakerConfigError::MaxBelowFirst { breaker: self.name });
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(self.range("open_jitter", "0.0 to 1.0"));
        }
        Ok(OpenTime::new(self.open_for, factor, max, self.jitter))
    }

    fn rate(&self, setting: &'static str, part: f64) -> Result<Rate, BreakerConfigError> {
        Rate::new(part).ok_or(self.range(setting, "over 0.0 and at most 1.0"))
    }

    const fn range(&self, setting: &'static str, allowed: &'static str) -> BreakerConfigError {
        BreakerConfigError::OutOfRange { breaker: self.name, setting, allowed }
    }
}

const WINDOW_TOO_LARGE: u32 = WINDOW_MAX + 1;
