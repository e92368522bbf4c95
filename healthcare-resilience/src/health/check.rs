use super::{CheckReport, State};
use crate::time_out;
use futures_util::FutureExt as _;
use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, time::Duration};
use tokio::{sync::Mutex, time::Instant};

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

const NO_ANSWER: &str = "no answer in time";

/// One check and its last result.
pub(crate) struct Check {
    name: &'static str,
    is_required: bool,
    deadline: Duration,
    ask: Box<dyn Fn() -> Asked + Send + Sync>,
    last: Mutex<Option<(Instant, Result<(), Unhealthy>)>>,
}

impl Check {
    pub(crate) fn new<A, F>(name: &'static str, is_required: bool, deadline: Duration, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        Self { name, is_required, deadline, ask: Box::new(move || Box::pin(ask())), last: Mutex::new(None) }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The remembered result, or a new one.
    pub(crate) async fn ask(&self, keep: Duration) -> CheckReport {
        let (result, age) = self.remembered_or_new(keep).await;
        CheckReport {
            name: self.name,
            is_required: self.is_required,
            state: match result {
                Ok(()) => State::Up,
                Err(_) if self.is_required => State::Down,
                Err(_) => State::Degraded,
            },
            reason: result.err().map(|unhealthy| unhealthy.reason),
            age,
        }
    }

    async fn remembered_or_new(&self, keep: Duration) -> (Result<(), Unhealthy>, Duration) {
        let came = Instant::now();
        // Held while the check runs: whoever comes meanwhile waits here and finds the fresh result.
        let Ok(mut last) = time_out(self.deadline, self.last.lock()).await else {
            return (Err(Unhealthy::because(NO_ANSWER)), Duration::ZERO);
        };
        if let Some((at, result)) = *last
            && (at >= came || at.elapsed() < keep)
        {
            return (result, at.elapsed());
        }
        let answer = AssertUnwindSafe(async { (self.ask)().await }).catch_unwind();
        let result = match time_out(self.deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Unhealthy::because("the check panicked")),
            Err(_) => Err(Unhealthy::because(NO_ANSWER)),
        };
        *last = Some((Instant::now(), result));
        (result, Duration::ZERO)
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
