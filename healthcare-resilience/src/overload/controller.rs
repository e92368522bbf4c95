use super::{
    algorithm::{Aimd, Gradient, LimitAlgorithm, Vegas},
    baseline::Baseline,
    samples::{Sample, Samples, Window},
};
use crate::Moment;
use std::time::Duration;

/// Moves a limit by what calls show. Pure: it reads no clock and draws nothing but from its own seed.
#[derive(Debug)]
pub(super) struct Controller {
    pub(super) settings: Settings,
    estimate: f64,
    /// Calls that began earlier cannot decrease the limit again.
    decreased: Moment,
    samples: Samples,
    baseline: Baseline,
    phase: Phase,
    random: fastrand::Rng,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// Nothing moves a limit that has none.
    pub(super) algorithm: Option<LimitAlgorithm>,
    pub(super) initial: usize,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) window: Duration,
    pub(super) samples_min: u32,
    /// Loaded windows between two probes.
    pub(super) probe_every: u32,
    pub(super) seed: u64,
}

/// A probe halves the limit for two windows: in the first the queue runs empty, in the second the latency is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Loaded windows to the next probe.
    Usual(u32),
    Drain,
    /// Counts only calls that began since then.
    Measure(Moment),
}

impl Controller {
    pub(super) fn new(settings: Settings) -> Self {
        let mut random = fastrand::Rng::with_seed(settings.seed);
        Self {
            phase: Phase::Usual(until_probe(settings.probe_every, &mut random)),
            estimate: settings.initial as f64,
            decreased: Moment::START,
            samples: Samples::new(settings.window, settings.samples_min),
            baseline: Baseline::new(),
            random,
            settings,
        }
    }

    /// The limit after one more call.
    pub(super) fn limit_after(&mut self, sample: Sample) -> usize {
        match self.settings.algorithm {
            None => {}
            Some(LimitAlgorithm::Aimd(aimd)) => self.aimd(aimd, sample),
            Some(algorithm) => self.windowed(algorithm, sample),
        }
        let limit = if matches!(self.phase, Phase::Usual(_)) { self.estimate } else { self.estimate / 2.0 };
        (limit as usize).clamp(self.settings.min, self.settings.max)
    }

    fn aimd(&mut self, aimd: Aimd, sample: Sample) {
        if sample.is_dropped || sample.ended.since(sample.began) > aimd.slow {
            if sample.began >= self.decreased || self.decreased.since(sample.ended) > SET_BACK {
                self.move_to((self.estimate * aimd.ratio).floor());
                // One nanosecond on, so that a call that began at this very moment is of the old round.
                self.decreased = sample.ended.after(Duration::from_nanos(1));
            }
        } else if is_loaded(sample.in_flight, self.estimate) {
            self.move_to(self.estimate + 1.0);
        }
    }

    fn windowed(&mut self, algorithm: LimitAlgorithm, sample: Sample) {
        if let Phase::Measure(since) = self.phase
            && sample.began < since
        {
            // Where even its end lies before that, the clock was set back.
            self.phase = Phase::Measure(since.min(sample.ended));
            return;
        }
        let Some(window) = self.samples.add(sample) else { return };
        match self.phase {
            Phase::Drain => self.phase = Phase::Measure(sample.ended),
            Phase::Measure(_) => {
                if let Some(rtt) = window.rtt {
                    self.baseline.set(rtt);
                }
                self.phase = Phase::Usual(until_probe(self.settings.probe_every, &mut self.random));
            }
            Phase::Usual(left) => {
                let is_loaded = is_loaded(window.in_flight, self.estimate);
                match algorithm {
                    LimitAlgorithm::Vegas(vegas) => self.vegas(vegas, window, is_loaded),
                    LimitAlgorithm::Gradient(gradient) => self.gradient(gradient, window, is_loaded),
                    LimitAlgorithm::Aimd(_) => {}
                }
                self.phase = match left.checked_sub(u32::from(is_loaded)) {
                    None | Some(0) => Phase::Drain,
                    Some(left) => Phase::Usual(left),
                };
            }
        }
    }

    fn vegas(&mut self, vegas: Vegas, window: Window, is_loaded: bool) {
        let log = log10(self.estimate);
        let is_idle = !is_loaded || self.is_lowest();
        let compared = window.rtt.and_then(|rtt| Some((rtt, self.baseline.lowest(rtt, is_idle)?)));
        let target = if window.is_dropped {
            self.estimate - log
        } else {
            let (Some((rtt, base)), true) = (compared, is_loaded) else { return };
            let queue = (self.estimate * (1.0 - base / rtt)).ceil();
            let alpha = vegas.alpha.map_or(3.0 * log, f64::from);
            let beta = vegas.beta.map_or(6.0 * log, f64::from);
            if queue <= log {
                self.estimate + beta
            } else if queue < alpha {
                self.estimate + log
            } else if queue > beta {
                self.estimate - log
            } else {
                return;
            }
        };
        let target = target.clamp(1.0, self.settings.max as f64);
        self.move_to(self.estimate + (target - self.estimate) * vegas.smoothing);
    }

    fn gradient(&mut self, gradient: Gradient, window: Window, is_loaded: bool) {
        let is_idle = !is_loaded || self.is_lowest();
        let long = window.rtt.map(|rtt| (rtt, self.baseline.average(rtt, gradient.long, is_idle)));
        let target = if window.is_dropped {
            self.estimate * 0.5
        } else {
            let (Some((rtt, long)), true) = (long, is_loaded) else { return };
            let slope = (gradient.tolerance * long / rtt).clamp(0.5, 1.0);
            self.estimate * slope + f64::from(gradient.queue)
        };
        self.move_to(self.estimate + (target - self.estimate) * gradient.smoothing);
    }

    fn is_lowest(&self) -> bool {
        self.estimate <= self.settings.min as f64
    }

    fn move_to(&mut self, estimate: f64) {
        self.estimate = estimate.clamp(self.settings.min as f64, self.settings.max as f64);
    }
}

/// A moment that lies so far ahead was noted before the clock was set back. Threads that read it at once are apart by
/// much less.
const SET_BACK: Duration = Duration::from_secs(1);

/// Whether so many calls say anything about a limit: with less than half of it in use, it was not what held them.
fn is_loaded(in_flight: usize, limit: f64) -> bool {
    in_flight as f64 * 2.0 >= limit
}

/// The decimal logarithm in whole steps, at least 1.
fn log10(limit: f64) -> f64 {
    limit.log10().floor().max(1.0)
}

/// Between half and all of `every`, so that the instances of a service do not probe together.
fn until_probe(every: u32, random: &mut fastrand::Rng) -> u32 {
    random.u32(every / 2..=every).max(1)
}
