use std::{fmt, time::Duration};

/// What [`Shutdown::drain`](crate::Shutdown::drain) found. Its `Display` is one line for each stage and closing, fit for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// The stages, in the order in which they stopped.
    pub stages: Vec<StageReport>,
    /// What was closed after them, in that order.
    pub closings: Vec<ClosingReport>,
    /// From the beginning of the shutdown to its end.
    pub took: Duration,
    /// Whether it was ended at once, as by a second signal.
    pub hurried: bool,
}

impl DrainReport {
    /// Whether everything that was in flight finished by itself and everything was closed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let is_closed = |closing: &ClosingReport| closing.state == ClosingState::Closed;
        !self.hurried && self.stages.iter().all(StageReport::is_clean) && self.closings.iter().all(is_closed)
    }
}

/// What became of one thing to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosingReport {
    /// The name.
    pub name: &'static str,
    /// How it ended.
    pub state: ClosingState,
    /// How long it took.
    pub took: Duration,
}

/// How a closing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClosingState {
    /// In time.
    Closed,
    /// It was dropped at its deadline, or because of the hurry.
    Late,
    /// It has a bug.
    Panicked,
}

/// What became of the work of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// The stage.
    pub name: &'static str,
    /// Work that was in flight when the stage stopped and ended before the deadline.
    pub finished: usize,
    /// Work that was in flight at the deadline, by name.
    pub cut_off: Vec<(&'static str, usize)>,
    /// Of the work cut off, what had still not let go when the stage was left: it blocks or ignores its token.
    pub stuck: Vec<(&'static str, usize)>,
    /// Work that was run under a guard and panicked, since the program began.
    pub panicked: usize,
    /// From the stop of the stage until it was left.
    pub took: Duration,
}

impl StageReport {
    /// Whether everything that was in flight finished by itself.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cut_off.is_empty() && self.stuck.is_empty()
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, stage) in self.stages.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{stage}")?;
        }
        for closing in &self.closings {
            write!(f, "\n{closing}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ClosingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.state {
            ClosingState::Closed => "closed in",
            ClosingState::Late => "not closed after",
            ClosingState::Panicked => "panicked while closing after",
        };
        write!(f, "{}: {word} {:?}", self.name, self.took)
    }
}

impl fmt::Display for StageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} finished in {:?}", self.name, self.finished, self.took)?;
        for (label, list) in [("cut off", &self.cut_off), ("stuck", &self.stuck)] {
            for (name, count) in list {
                write!(f, ", {label}: {count} {name}")?;
            }
        }
        Ok(())
    }
}
