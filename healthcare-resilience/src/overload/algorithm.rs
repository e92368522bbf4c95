use std::time::Duration;

/// How an [`AdaptiveLimit`](crate::AdaptiveLimit) moves.
///
/// | | follows | suits |
/// | --- | --- | --- |
/// | [`Aimd`] | failures and calls slower than a fixed time | callees that refuse or time out when they have enough |
/// | [`Vegas`] | the queue that the latency implies | one callee with a steady latency |
/// | [`Gradient`] | latency now against latency without load | callees whose latency varies |
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum LimitAlgorithm {
    /// Additive increase, multiplicative decrease.
    Aimd(Aimd),
    /// As TCP Vegas.
    Vegas(Vegas),
    /// As Netflix's Gradient2.
    Gradient(Gradient),
}

/// One more after each success while at least half of the limit is in use; times a ratio after a failure or a call that
/// took too long.
///
/// Calls that began before the last decrease cannot decrease it again: a hundred calls that time out together are one
/// signal, as in TCP. Source: Netflix concurrency-limits, `AIMDLimit`; the round is ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aimd {
    pub(super) ratio: f64,
    pub(super) slow: Duration,
}

impl Default for Aimd {
    fn default() -> Self {
        Self { ratio: 0.9, slow: Duration::from_secs(5) }
    }
}

impl Aimd {
    /// What is left of the limit after a decrease, from 0.5 up to but not including 1. 0.9 when never called.
    #[must_use]
    pub const fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = ratio;
        self
    }

    /// A call that takes longer than this counts as a failure. Five seconds when never called.
    #[must_use]
    pub const fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }
}

/// Estimates the queue at the callee as `limit * (1 - rtt_without_load / rtt)` and keeps it between 3 and 6 times the
/// decimal logarithm of the limit.
///
/// Source: Netflix concurrency-limits, `VegasLimit`, fed with windows. The latency without load is learned otherwise, see
/// [`AdaptiveLimit`](crate::AdaptiveLimit).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vegas {
    pub(super) alpha: Option<u32>,
    pub(super) beta: Option<u32>,
    pub(super) smoothing: f64,
}

impl Default for Vegas {
    fn default() -> Self {
        Self { alpha: None, beta: None, smoothing: 1.0 }
    }
}

impl Vegas {
    /// A queue shorter than `alpha` lets the limit grow, one longer than `beta` shrinks it. Three and six times the decimal
    /// logarithm of the limit when never called. `alpha` may not be above `beta`.
    #[must_use]
    pub const fn queue(mut self, alpha: u32, beta: u32) -> Self {
        self.alpha = Some(alpha);
        self.beta = Some(beta);
        self
    }

    /// How much of each step is taken, above 0 and at most 1, which it is when never called.
    #[must_use]
    pub const fn smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }
}

/// Multiplies the limit with `tolerance * rtt_without_load / rtt`, at least 0.5 and at most 1, and allows a short queue
/// on top.
///
/// Source: Netflix concurrency-limits, `Gradient2Limit`, fed with windows. The latency without load is learned otherwise,
/// see [`AdaptiveLimit`](crate::AdaptiveLimit), and a window with failures shrinks the limit whatever its latency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gradient {
    pub(super) tolerance: f64,
    pub(super) queue: u32,
    pub(super) smoothing: f64,
    pub(super) long: u32,
}

impl Default for Gradient {
    fn default() -> Self {
        Self { tolerance: 1.5, queue: 4, smoothing: 0.2, long: 600 }
    }
}

impl Gradient {
    /// How many times slower than without load is still no queue, 1 to 100. 1.5 when never called.
    #[must_use]
    pub const fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// How many calls may queue: what the limit grows by while the latency is good. 4 when never called.
    #[must_use]
    pub const fn queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// How much of each step is taken, above 0 and at most 1. 0.2 when never called.
    #[must_use]
    pub const fn smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = smoothing;
        self
    }

    /// Over how many windows the latency without load is averaged, 1 to 1,000,000. 600 when never called.
    #[must_use]
    pub const fn long(mut self, windows: u32) -> Self {
        self.long = windows;
        self
    }
}

impl From<Aimd> for LimitAlgorithm {
    fn from(aimd: Aimd) -> Self {
        Self::Aimd(aimd)
    }
}

impl From<Vegas> for LimitAlgorithm {
    fn from(vegas: Vegas) -> Self {
        Self::Vegas(vegas)
    }
}

impl From<Gradient> for LimitAlgorithm {
    fn from(gradient: Gradient) -> Self {
        Self::Gradient(gradient)
    }
}
