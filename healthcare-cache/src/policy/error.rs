use std::time::Duration;

/// The policy contradicts itself, or leaves something without a limit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A life of more than ten years, or of nothing in a class that keeps values.
    #[error("a life must be above zero and at most ten years; what is not to be kept is TtlClass::RealTime")]
    Life,
    /// Stale later than over, or at once.
    #[error("a value must grow stale after more than zero and no later than its life of {life:?} ends")]
    StaleAfter {
        /// The life.
        life: Duration,
    },
    /// A refresh that is not before the value grows stale.
    #[error(
        "an eager refresh must come after more than zero and before the value is stale, at {stale_after:?}"
    )]
    EagerAfter {
        /// When it is stale.
        stale_after: Duration,
    },
    /// A time for fail-safe that is zero or above ten years.
    #[error("fail-safe must last for more than zero and at most ten years")]
    FailSafe,
    /// No pause after a failure.
    #[error("the pause after a failed load must be above zero, or a failing source is asked on every read")]
    Throttle,
    /// A fraction outside 0 to 0.5.
    #[error("jitter is the fraction by which a life is shortened at most: give 0 to 0.5, not {0}")]
    Jitter(f64),
    /// Time-outs that are zero, or out of order.
    #[error("time-outs must be above zero, with soft at most hard and hard at most the whole time of a load")]
    TimeOuts,
    /// A negative that lives longer than a value, or for ever, or for no time.
    #[error("a negative must live for more than zero and no longer than a value")]
    NegativeLife,
    /// Room for no negatives though they are kept, or for too many.
    #[error("keep at least one negative and at most ten million, or give them no life")]
    Negatives,
    /// A restricted value that may be served stale.
    #[error(
        "a restricted value is never served stale: give it no stale time, no fail-safe and no soft time-out"
    )]
    Restricted,
}
