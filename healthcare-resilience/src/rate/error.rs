use std::time::Duration;

/// The rate limit cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateConfigError {
    /// How much is allowed was not said.
    #[error("a rate limit needs a quota: say quota(Quota::per_second(n))")]
    NoQuota,
    /// Nothing would ever be allowed.
    #[error("a quota of no permits or no burst allows nothing: allow one at least")]
    QuotaZero,
    /// No time for the permits to come back in.
    #[error("a quota needs a period longer than zero")]
    PeriodZero,
    /// Several permits within the smallest time that can be told apart.
    #[error("more than one permit in {unit:?} cannot be told apart: lower the rate")]
    TooFast {
        /// The smallest time.
        unit: Duration,
    },
    /// The burst would take too long to come back.
    #[error("the burst takes longer than {max:?} to come back: raise the rate or lower the burst")]
    RefillTooLong {
        /// The limit.
        max: Duration,
    },
    /// One of the two bounds of the queue is missing, or one is zero.
    #[error("waiting needs both max_waiting and max_wait, more than zero")]
    WaitingUnbounded,
    /// A place in the queue for more than anyone can serve.
    #[error("more than {max} may not wait: lower max_waiting")]
    TooManyWaiting {
        /// The limit.
        max: usize,
    },
    /// A keyed limit that may remember nothing, or more than it can count.
    #[error("max_keys must lie between 1 and {max}")]
    MaxKeys {
        /// The limit.
        max: usize,
    },
    /// The burst divided among the instances leaves nothing for one.
    #[error(
        "a burst of {burst} cannot be shared among so many instances: raise it or choose another way to be away"
    )]
    ShareZero {
        /// The burst of the quota.
        burst: u32,
    },
    /// The secret for the keys is missing or can be guessed.
    #[error("a limit over Redis needs a secret of {min} bytes at least, the same in every instance")]
    SecretTooShort {
        /// The least number of bytes.
        min: usize,
    },
    /// No connection was given.
    #[error("a limit over Redis needs a connection or a pool")]
    NoConnection,
    /// A time that must be longer than zero is not, or one is absurdly long.
    #[error("{what} must be longer than zero and at most {max:?}")]
    Time {
        /// Which.
        what: &'static str,
        /// The limit.
        max: Duration,
    },
    /// A number that must lie in a range does not.
    #[error("{what} must lie between 1 and {max}")]
    Number {
        /// Which.
        what: &'static str,
        /// The limit.
        max: u32,
    },
}
