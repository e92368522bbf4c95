use std::time::Duration;

/// A hedge cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HedgeConfigError {
    /// When to hedge was not said.
    #[error("a hedge needs a delay: say after(Duration) or after(HedgeDelay::quantile(0.95))")]
    NoDelay,
    /// No further try, or too many.
    #[error("between 1 and {max} further tries")]
    Extra {
        /// The limit.
        max: u32,
    },
    /// The quantile.
    #[error("the quantile of a hedge lies between 0 and 1, both excluded")]
    Quantile,
    /// Bounds the wrong way round.
    #[error("the shortest delay is {least:?} and the longest {most:?}: exchange them")]
    Bounds {
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
}
