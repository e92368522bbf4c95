use std::{fmt, time::Duration};

/// How well something works. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// All is well.
    Up,
    /// Serving, with less than everything.
    Degraded,
    /// Not to be sent requests.
    Down,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        })
    }
}

/// The answer of [`Health::readiness`](crate::Health::readiness).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthReport {
    /// The worst of the checks; down while shutting down.
    pub state: State,
    /// Whether a shutdown has begun.
    pub is_stopping: bool,
    /// The checks, in the order in which they were added.
    pub checks: Vec<CheckReport>,
}

impl HealthReport {
    pub(crate) fn of(checks: Vec<CheckReport>, is_stopping: bool) -> Self {
        let worst = checks.iter().map(|check| check.state).max().unwrap_or(State::Up);
        Self { state: if is_stopping { State::Down } else { worst }, is_stopping, checks }
    }

    /// Whether to send requests here: 200 or 503 of `/readyz`.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state != State::Down
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// The name.
    pub name: &'static str,
    /// Whether the program is ready without it.
    pub is_required: bool,
    /// Up, or what its failing means.
    pub state: State,
    /// Why it failed.
    pub reason: Option<&'static str>,
    /// How old the result is; zero when it was asked just now.
    pub age: Duration,
}
