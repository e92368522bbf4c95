use std::fmt;

/// What a circuit does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Lets every call through and watches how they end.
    Closed,
    /// Lets a few calls through, to find out whether the callee works again.
    HalfOpen,
    /// Refuses every call until its time is over. It stays open until a call asks then.
    Open,
    /// Refuses every call until it is told otherwise.
    ForcedOpen,
    /// Lets every call through and watches nothing.
    Disabled,
    /// Lets every call through, counts, and says when it would have opened.
    MetricsOnly,
}

impl BreakerState {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
            Self::ForcedOpen => "forced_open",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }

    /// Whether calls are refused, all or most of them.
    #[must_use]
    pub const fn is_refusing(self) -> bool {
        matches!(self, Self::Open | Self::HalfOpen | Self::ForcedOpen)
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a circuit changed, or said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakerCause {
    /// Too many calls failed.
    Failures,
    /// Too many calls were slow.
    SlowCalls,
    /// The open time was over and a call came.
    WaitOver,
    /// The probes were as good as they have to be.
    ProbesPassed,
    /// Probes did not come back within their lease: their places were given to others.
    LeaseOver,
    /// Somebody said so.
    ByHand,
}

impl BreakerCause {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::SlowCalls => "slow_calls",
            Self::WaitOver => "wait_over",
            Self::ProbesPassed => "probes_passed",
            Self::LeaseOver => "lease_over",
            Self::ByHand => "by_hand",
        }
    }
}

impl fmt::Display for BreakerCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
