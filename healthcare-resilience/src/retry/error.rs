use std::time::Duration;

/// A retry, hedge or budget cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryConfigError {
    /// No try at all, or so many that nobody waits for them.
    #[error("between 1 and {max} tries, the first among them")]
    Tries {
        /// The limit.
        max: u32,
    },
    /// The factor of the backoff.
    #[error("the factor of a backoff lies between 1 and {max}")]
    Factor {
        /// The limit.
        max: f64,
    },
    /// Waits that begin above their limit.
    #[error("the first wait is {first:?} and the longest {cap:?}: raise the cap")]
    CapBelowFirst {
        /// The first wait.
        first: Duration,
        /// The longest wait.
        cap: Duration,
    },
    /// A list of waits without one.
    #[error("the list of waits is empty, or has more than {max}")]
    List {
        /// The limit.
        max: usize,
    },
    /// Decorrelated jitter grows by itself; a list or a constant does not.
    #[error("decorrelated jitter goes with an exponential backoff alone: use full or equal jitter here")]
    Decorrelated,
    /// A time of zero where that makes no sense.
    #[error("{what} is zero: nothing could ever be done in it")]
    Zero {
        /// What is zero.
        what: &'static str,
    },
    /// The ratio of a budget.
    #[error("the ratio of a retry budget lies between 0 and {max}")]
    Ratio {
        /// The limit.
        max: f64,
    },
    /// The floor of a budget.
    #[error("the floor of a retry budget is at most {max} a second")]
    Floor {
        /// The limit.
        max: u32,
    },
    /// A budget that can save nothing.
    #[error("a retry budget must be able to save one token: raise balance_max")]
    NoBalance,
    /// A budget with neither ratio nor floor.
    #[error("this retry budget would never grant anything: raise its ratio or its floor")]
    NothingGranted,
}
