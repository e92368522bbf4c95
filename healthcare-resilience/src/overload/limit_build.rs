use super::{
    AdaptiveLimit, OverloadConfigError, algorithm::LimitAlgorithm, controller::Settings, error::Check,
};
use crate::Clock;
use std::time::Duration;

/// A larger limit is a mistake.
const MAX: usize = 1 << 20;

/// Describes an [`AdaptiveLimit`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct AdaptiveLimitBuilder {
    name: &'static str,
    clock: Clock,
    settings: Settings,
}

impl AdaptiveLimitBuilder {
    pub(super) fn new(name: &'static str) -> Self {
        let settings = Settings {
            algorithm: None,
            initial: 20,
            min: 1,
            max: 200,
            window: Duration::from_secs(1),
            samples_min: 10,
            probe_every: 60,
            seed: fastrand::u64(..),
        };
        Self { name, clock: Clock::default(), settings }
    }

    /// How the limit moves. Must be said.
    pub fn algorithm(mut self, algorithm: impl Into<LimitAlgorithm>) -> Self {
        self.settings.algorithm = Some(algorithm.into());
        self
    }

    /// Where the limit begins. 20 when never called, or the minimum or maximum when that does not lie between them.
    pub const fn initial(mut self, initial: usize) -> Self {
        self.settings.initial = initial;
        self
    }

    /// What the limit never falls below. 1 when never called.
    pub const fn min(mut self, min: usize) -> Self {
        self.settings.min = min;
        self
    }

    /// What the limit never rises above, at most 1,048,576. 200 when never called.
    pub const fn max(mut self, max: usize) -> Self {
        self.settings.max = max;
        self
    }

    /// How long Vegas and Gradient gather samples for one step, and how many there must be at least. One second and 10 when
    /// never called; a zero window makes every sample a step, which only tests should want. Aimd steps at each call.
    pub const fn window(mut self, length: Duration, samples: u32) -> Self {
        self.settings.window = length;
        self.settings.samples_min = samples;
        self
    }

    /// After how many loaded windows at most the latency without load is probed, 2 to 1,000,000. 60 when never called.
    pub const fn probe_every(mut self, windows: u32) -> Self {
        self.settings.probe_every = windows;
        self
    }

    /// What the times of the probes are drawn from. Random when never called.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = seed;
        self
    }

    /// The clock. The system's when never called.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The limit.
    ///
    /// # Errors
    /// [`OverloadConfigError`] when the algorithm is missing or a number lies outside of its range.
    pub fn build(mut self) -> Result<AdaptiveLimit, OverloadConfigError> {
        let check = Check(self.name);
        let settings = &mut self.settings;
        check.that(settings.algorithm.is_some(), "algorithm", "one of Aimd, Vegas and Gradient")?;
        check.that(settings.max >= 1 && settings.max <= MAX, "max", "1 to 1,048,576")?;
        check.that(settings.min >= 1 && settings.min <= settings.max, "min", "1 to max")?;
        check.that(settings.initial >= 1, "initial", "at least 1")?;
        check.that(settings.samples_min >= 1, "window", "at least 1 sample")?;
        check.that((2..=1_000_000).contains(&settings.probe_every), "probe_every", "2 to 1,000,000")?;
        match settings.algorithm {
            None => {}
            Some(LimitAlgorithm::Aimd(aimd)) => {
                check.that(
                    aimd.ratio >= 0.5 && aimd.ratio < 1.0,
                    "ratio",
                    "0.5 up to but not including 1",
                )?;
                check.that(!aimd.slow.is_zero(), "slow", "above zero")?;
            }
            Some(LimitAlgorithm::Vegas(vegas)) => {
                check.that(vegas.alpha <= vegas.beta, "queue", "alpha at most beta")?;
                check.share("smoothing", vegas.smoothing)?;
            }
            Some(LimitAlgorithm::Gradient(gradient)) => {
                check.that((1.0..=100.0).contains(&gradient.tolerance), "tolerance", "1 to 100")?;
                check.that((1..=1_000_000).contains(&gradient.long), "long", "1 to 1,000,000")?;
                check.share("smoothing", gradient.smoothing)?;
            }
        }
        settings.initial = settings.initial.clamp(settings.min, settings.max);
        Ok(AdaptiveLimit::new(self.name, self.clock, self.settings))
    }

    /// A limit of `calls` that nothing moves: for a shedder without an adaptive limit.
    pub(super) fn fixed(name: &'static str, calls: usize) -> Result<AdaptiveLimit, OverloadConfigError> {
        Check(name).that((1..=MAX).contains(&calls), "max_calls", "1 to 1,048,576")?;
        let mut builder = Self::new(name);
        (builder.settings.initial, builder.settings.min, builder.settings.max) = (calls, calls, calls);
        Ok(AdaptiveLimit::new(name, builder.clock, builder.settings))
    }
}
