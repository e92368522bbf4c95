use std::fmt;

/// Why a subscriber does not have an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Its handler said so.
    Failed,
    /// Its handler panicked.
    Panicked,
    /// Its handler took too long and was dropped.
    Elapsed,
    /// Too many events wait for it already.
    Behind,
    /// It unsubscribed meanwhile.
    Gone,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Elapsed => "took too long",
            Self::Behind => "is behind",
            Self::Gone => "is gone",
        })
    }
}

/// A subscriber that does not have an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undelivered {
    /// The subscription's name.
    pub subscriber: &'static str,
    /// Why.
    pub why: Why,
}

impl Undelivered {
    /// This one, because of that. For implementers.
    #[must_use]
    pub const fn new(subscriber: &'static str, why: Why) -> Self {
        Self { subscriber, why }
    }
}

/// An event is not with everybody who must have it: publish it again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Some subscribers do not have it; the others do.
    #[error("not delivered to {}: publish it again", Names(.0))]
    Undelivered(Vec<Undelivered>),
    /// The bus cannot be reached; nobody has it.
    #[error("the bus cannot be reached: publish it again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

struct Names<'u>(&'u [Undelivered]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, one) in self.0.iter().enumerate() {
            write!(f, "{}{} ({})", if at > 0 { ", " } else { "" }, one.subscriber, one.why)?;
        }
        Ok(())
    }
}

/// There is no such subscription.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// Two subscribers with one name.
    #[error("there is a subscriber {0} already: give each a name of its own")]
    NameTaken(&'static str),
    /// A queue for nothing, or for more than memory should hold.
    #[error("the queue of {name} must hold 1 to {max} events")]
    Queue {
        /// The subscription.
        name: &'static str,
        /// The most.
        max: usize,
    },
    /// A handler without time would always fail.
    #[error("the handler of {0} has no time: give it a limit above zero")]
    NoTime(&'static str),
    /// More subscribers than a bus serves.
    #[error("more than {max} subscribers")]
    TooMany {
        /// The most.
        max: usize,
    },
    /// The bus cannot be reached.
    #[error("the bus cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
