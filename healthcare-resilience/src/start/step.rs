use super::StartFailure;
use crate::{BoxError, Classify};
use std::{future::Future, time::Duration};
use tokio::time::timeout;

/// The first pause between tries, unless said otherwise.
const PAUSE: Duration = Duration::from_millis(100);
/// Pauses double up to this.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Describes a step of a [`Start`](crate::Start).
#[derive(Debug, Clone, Copy)]
#[must_use = "give it to Start::step"]
pub struct Step {
    pub(super) name: &'static str,
    deadline: Duration,
    tries: u32,
    try_limit: Option<Duration>,
    pause: Duration,
    pub(super) hint: Option<&'static str>,
}

impl Step {
    /// A step that may take `deadline` in all, with pauses, and is tried once.
    pub const fn new(name: &'static str, deadline: Duration) -> Self {
        Self { name, deadline, tries: 1, try_limit: None, pause: PAUSE, hint: None }
    }

    /// How often it is tried at most; zero counts as one. A step that is tried again must stand being done twice.
    pub const fn tries(mut self, most: u32) -> Self {
        self.tries = most;
        self
    }

    /// How long one try may take: a connection that is neither accepted nor refused does not use up the deadline.
    pub const fn try_limit(mut self, limit: Duration) -> Self {
        self.try_limit = Some(limit);
        self
    }

    /// The pause before the second try; 100 ms when never called. It doubles with each further try, up to five seconds,
    /// and half of it is left to chance, so that instances that start together do not knock together.
    pub const fn pause(mut self, first: Duration) -> Self {
        self.pause = first;
        self
    }

    /// What the operator is to look at when the step fails.
    pub const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Tries until it works, is not worth another try, or tries or time are over.
    pub(super) async fn run<T, E, C, M, F>(
        self,
        classifier: C,
        mut make: M,
        mut note: impl FnMut(u32),
    ) -> Result<T, (StartFailure, Option<BoxError>)>
    where
        C: Classify<T, E>,
        M: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
    {
        let mut last = None;
        let trying = async {
            for tries in 1.. {
                note(tries);
                let limit = self.try_limit.unwrap_or(Duration::MAX);
                let failure = match timeout(limit, make()).await {
                    Ok(Ok(value)) => return Ok(value),
                    Ok(Err(error)) => {
                        let is_final = !classifier.classify(Err(&error)).is_retryable();
                        last = Some(error.into());
                        if is_final {
                            return Err(StartFailure::Failed);
                        }
                        StartFailure::Failed
                    }
                    Err(_) => StartFailure::Late,
                };
                if tries >= self.tries {
                    return Err(failure);
                }
                tokio::time::sleep(self.pause_after(tries)).await;
            }
            Err(StartFailure::Failed)
        };
        let done = timeout(self.deadline, trying).await.unwrap_or(Err(StartFailure::Late));
        done.map_err(|failure| (failure, last))
    }

    fn pause_after(&self, tries: u32) -> Duration {
        let factor = 2_u32.saturating_pow(tries.saturating_sub(1));
        let pause = self.pause.saturating_mul(factor).min(PAUSE_MAX.max(self.pause));
        pause / 2 + (pause / 2).mul_f64(fastrand::f64())
    }
}
