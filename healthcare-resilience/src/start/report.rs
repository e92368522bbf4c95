use std::{fmt, time::Duration};

/// How far a [`Start`](crate::Start) is. Its `Display` is one line a step, fit for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartReport {
    /// The steps, in the order in which they began.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StepReport {
    /// The name.
    pub name: &'static str,
    /// How far it is.
    pub state: StepState,
    /// How often it was tried.
    pub tries: u32,
    /// How long it took, until now while it runs.
    pub took: Duration,
}

impl StepReport {
    pub(super) const fn begun(name: &'static str) -> Self {
        Self { name, state: StepState::Running, tries: 0, took: Duration::ZERO }
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepState {
    /// Under way.
    Running,
    /// Done.
    Done,
    /// It failed, or was dropped.
    Failed,
}

impl fmt::Display for StartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.state {
            StepState::Running => "running for",
            StepState::Done => "done in",
            StepState::Failed => "failed after",
        };
        write!(f, "{}: {word} {:?}", self.name, self.took)?;
        if self.tries > 1 { write!(f, ", {} tries", self.tries) } else { Ok(()) }
    }
}
