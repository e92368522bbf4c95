/// The breaker cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BreakerConfigError {
    /// A number that means nothing here.
    #[error("breaker {breaker}: {setting} must be {allowed}")]
    OutOfRange {
        /// The name of the breaker.
        breaker: &'static str,
        /// The builder's function.
        setting: &'static str,
        /// What it takes.
        allowed: &'static str,
    },
    /// The window can never hold as many calls as are needed to judge.
    #[error(
        "breaker {breaker}: a window of {window} calls never holds the {min_calls} it needs: \
         make the window larger or min_calls smaller"
    )]
    WindowTooSmall {
        /// The name of the breaker.
        breaker: &'static str,
        /// Calls in the window.
        window: u32,
        /// Calls that are needed.
        min_calls: u32,
    },
    /// A run of failures has no rates.
    #[error("breaker {breaker}: {setting} needs a window: use count_window or time_window, or leave it out")]
    NeedsWindow {
        /// The name of the breaker.
        breaker: &'static str,
        /// The builder's function.
        setting: &'static str,
    },
    /// The longest open time is shorter than the first.
    #[error("breaker {breaker}: the longest open time is shorter than the first: swap them")]
    MaxBelowFirst {
        /// The name of the breaker.
        breaker: &'static str,
    },
}
