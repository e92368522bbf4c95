use super::ComponentReport;
use crate::StartReport;
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

impl State {
    /// A short word for pages and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }

    /// The state as the gauge `resilience_state` shows it.
    pub(crate) const fn level(self) -> f64 {
        match self {
            Self::Up => 0.0,
            Self::Degraded => 1.0,
            Self::Down => 2.0,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the program is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Not every step of its [`Start`](crate::Start) is done.
    Starting,
    /// It serves, as well as it can.
    Serving,
    /// Its [`Shutdown`](crate::Shutdown) has begun.
    Stopping,
}

impl Phase {
    /// A short word for pages and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Stopping => "stopping",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The answer of [`Health::readiness`](crate::Health::readiness).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HealthReport {
    /// The worst of checks and components; down while starting and stopping. A component makes it degraded at most.
    pub state: State,
    /// Where the program is in its life.
    pub phase: Phase,
    /// The checks, in the order in which they were added.
    pub checks: Vec<CheckReport>,
    /// The components, in the order in which they were added.
    pub components: Vec<ComponentReport>,
}

impl HealthReport {
    pub(crate) fn of(phase: Phase, checks: Vec<CheckReport>, components: Vec<ComponentReport>) -> Self {
        let of_checks = checks.iter().map(|check| check.state);
        // An open circuit that made every instance unready would never see the calls that could close it.
        let of_components = components.iter().map(|component| component.condition.state.min(State::Degraded));
        let worst = of_checks.chain(of_components).max().unwrap_or(State::Up);
        let state = if phase == Phase::Serving { worst } else { State::Down };
        Self { state, phase, checks, components }
    }

    /// Whether to send requests here: 200 or 503 of `/readyz`.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state != State::Down
    }
}

/// What [`Health::details`](crate::Health::details) tells an operator. Texts in it are fixed in the program's source:
/// no address, no payload, nothing of a person.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HealthDetails {
    /// Checks, components and what they amount to.
    pub report: HealthReport,
    /// Since the health was built.
    pub uptime: Duration,
    /// The steps of the start, when there is one.
    pub start: Option<StartReport>,
    /// Work in flight by stage of the shutdown, when there is one.
    pub in_flight: Vec<(&'static str, usize)>,
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
    /// How long the check took; its deadline when it did not answer.
    pub took: Duration,
    /// How often it failed since it last succeeded.
    pub failures_in_row: u32,
    /// When it last failed, now or before, and why.
    pub last_failure: Option<CheckFailure>,
}

/// A failure of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckFailure {
    /// What kind of failure it was.
    pub class: FailureClass,
    /// Why, in the check's words.
    pub reason: &'static str,
    /// How long ago.
    pub ago: Duration,
}

/// How a check can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureClass {
    /// It said so.
    Failed,
    /// It had not answered at its deadline.
    NoAnswer,
    /// It has a bug.
    Panicked,
}

impl FailureClass {
    /// A short word for pages and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NoAnswer => "no_answer",
            Self::Panicked => "panicked",
        }
    }
}
