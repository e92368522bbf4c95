use super::{CheckFailure, CheckReport, FailureClass, State};
use crate::{
    metrics::{Outcome, PolicyMetrics, Reading},
    sync::Mutex,
    time_out,
};
use futures_util::FutureExt as _;
use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, time::Duration};
use tokio::time::Instant;

/// Why a check failed. A fixed text: an address, a password or a patient cannot get into a health page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unhealthy {
    reason: &'static str,
}

impl Unhealthy {
    /// The reason, as the operator is to read it.
    #[must_use]
    pub const fn because(reason: &'static str) -> Self {
        Self { reason }
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<(), Unhealthy>> + Send>>;

/// What went wrong, in both words.
type Failure = (FailureClass, &'static str);

const NO_ANSWER: Failure = (FailureClass::NoAnswer, "no answer in time");
const PANICKED: Failure = (FailureClass::Panicked, "the check panicked");

/// One check and its last result.
pub(crate) struct Check {
    name: &'static str,
    is_required: bool,
    deadline: Duration,
    ask: Box<dyn Fn() -> Asked + Send + Sync>,
    /// Held while the check runs: whoever comes meanwhile waits here and finds the fresh result.
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Option<Last>>,
    metrics: PolicyMetrics,
}

/// How the check last ended, and what is remembered of those before.
#[derive(Clone, Copy)]
struct Last {
    at: Instant,
    took: Duration,
    result: Result<(), Failure>,
    failures_in_row: u32,
    failed: Option<(Instant, Failure)>,
}

impl Check {
    pub(crate) fn new<A, F>(name: &'static str, is_required: bool, deadline: Duration, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        Self {
            name,
            is_required,
            deadline,
            ask: Box::new(move || Box::pin(ask())),
            turn: tokio::sync::Mutex::default(),
            last: Mutex::new(None),
            metrics: PolicyMetrics::new("check", name),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The remembered result, or a new one.
    pub(crate) async fn ask(&self, keep: Duration) -> CheckReport {
        let came = Instant::now();
        let Ok(_turn) = time_out(self.deadline, self.turn.lock()).await else {
            return self.report(&self.after(came, Err(NO_ANSWER)));
        };
        let last = *self.last.lock();
        let last = match last {
            Some(last) if last.at >= came || last.at.elapsed() < keep => last,
            _ => self.run().await,
        };
        self.report(&last)
    }

    async fn run(&self) -> Last {
        let begun = Instant::now();
        let answer = AssertUnwindSafe(async { (self.ask)().await }).catch_unwind();
        let result = match time_out(self.deadline, answer).await {
            Ok(Ok(answer)) => answer.map_err(|unhealthy| (FailureClass::Failed, unhealthy.reason)),
            Ok(Err(_)) => Err(PANICKED),
            Err(_) => Err(NO_ANSWER),
        };
        let last = self.after(begun, result);
        *self.last.lock() = Some(last);
        self.metrics.call(if result.is_ok() { Outcome::Success } else { Outcome::Failure });
        self.metrics.took(last.took);
        self.metrics.set(Reading::State, self.state(result).level());
        last
    }

    /// What is known after a run that began at `begun` and ended now with `result`.
    fn after(&self, begun: Instant, result: Result<(), Failure>) -> Last {
        let at = Instant::now();
        let before = *self.last.lock();
        let failures_before = before.map_or(0, |last| last.failures_in_row);
        let failed_before = before.and_then(|last| last.failed);
        Last {
            at,
            took: at.saturating_duration_since(begun),
            result,
            failures_in_row: if result.is_ok() { 0 } else { failures_before.saturating_add(1) },
            failed: result.err().map_or(failed_before, |failure| Some((at, failure))),
        }
    }

    const fn state(&self, result: Result<(), Failure>) -> State {
        match result {
            Ok(()) => State::Up,
            Err(_) if self.is_required => State::Down,
            Err(_) => State::Degraded,
        }
    }

    fn report(&self, last: &Last) -> CheckReport {
        CheckReport {
            name: self.name,
            is_required: self.is_required,
            state: self.state(last.result),
            reason: last.result.err().map(|(_, reason)| reason),
            age: last.at.elapsed(),
            took: last.took,
            failures_in_row: last.failures_in_row,
            last_failure: last.failed.map(|(at, (class, reason))| CheckFailure {
                class,
                reason,
                ago: at.elapsed(),
            }),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("is_required", &self.is_required)
            .finish_non_exhaustive()
    }
}
