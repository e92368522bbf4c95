//! Why a command ends without success.

use std::fmt;

/// The result of a step.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a step did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SIGINT, SIGTERM or SIGHUP arrived.
    Interrupted,
    /// The command has already printed what failed.
    Reported,
    /// What went wrong and what to do.
    Message(String),
}

impl Failure {
    /// A failure with this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// Turns any error into a failure that says what was being done.
    pub(crate) fn while_doing<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self::Message(format!("{what}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("interrupted"),
            Self::Reported => f.write_str("failed, see above"),
            Self::Message(text) => f.write_str(text),
        }
    }
}
