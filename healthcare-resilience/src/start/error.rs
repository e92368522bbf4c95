use super::StepReport;
use crate::{BoxError, DrainReport};
use std::{error::Error, fmt};

/// Why a [`Start`](crate::Start) failed, and what became of what had been started.
pub struct StartError {
    inner: Box<Inner>,
}

struct Inner {
    step: StepReport,
    failure: StartFailure,
    hint: Option<&'static str>,
    source: Option<BoxError>,
    drained: DrainReport,
}

/// How a step failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartFailure {
    /// Its last try failed.
    Failed,
    /// It was not done in its time.
    Late,
    /// The shutdown began, as by Ctrl-C: not a fault of the step.
    Stopped,
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Late => "was not done in time",
            Self::Stopped => "was stopped by a shutdown",
        })
    }
}

impl StartError {
    pub(super) fn new(
        step: StepReport,
        failure: StartFailure,
        hint: Option<&'static str>,
        source: Option<BoxError>,
        drained: DrainReport,
    ) -> Self {
        Self { inner: Box::new(Inner { step, failure, hint, source, drained }) }
    }

    /// The step.
    #[must_use]
    pub fn step(&self) -> &StepReport {
        &self.inner.step
    }

    /// How it failed.
    #[must_use]
    pub fn failure(&self) -> StartFailure {
        self.inner.failure
    }

    /// How what had been started was stopped.
    #[must_use]
    pub fn drained(&self) -> &DrainReport {
        &self.inner.drained
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { step, failure, hint, .. } = &*self.inner;
        write!(f, "the start stopped at {}: it {failure} after {:?}", step.name, step.took)?;
        if step.tries > 1 {
            write!(f, " and {} tries", step.tries)?;
        }
        match hint {
            Some(hint) if *failure != StartFailure::Stopped => write!(f, "; {hint}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { step, failure, source, drained, .. } = &*self.inner;
        f.debug_struct("StartError")
            .field("step", step)
            .field("failure", failure)
            .field("source", source)
            .field("drained", drained)
            .finish()
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}
