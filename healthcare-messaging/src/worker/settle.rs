use super::{JobFailure, Worker, handler::Again};
use crate::{Fate, Job, JobError, jobs::is_name};
use std::time::Duration;

/// How a start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    Snoozed(Duration),
    Failed(JobFailure),
    /// The worker stops.
    GivenBack,
    /// No handler here knows the kind, or no key here opens it.
    Unknown,
    /// Somebody else has it.
    Lost,
}

/// What became of a job after a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Completed,
    Retried,
    Dead,
    GivenBack,
    Unknown,
    Lost,
    Unsettled,
}

/// How often a store that fails is asked again to settle. What is done and not settled is done once more.
const SETTLE_TRIES: u32 = 4;

impl Worker {
    pub(super) async fn settle(&self, job: &Job, ended: Ended) {
        let mut tries = 0;
        let settled = loop {
            tries += 1;
            match self.settle_once(job, ended).await {
                Ok(settled) => break settled,
                Err(JobError::LeaseLost) => break Settled::Lost,
                Err(error) if tries < SETTLE_TRIES && !matches!(error, JobError::Refused(_)) => {
                    tokio::time::sleep(self.lease / 60 * tries).await;
                }
                Err(error) => {
                    tracing::error!(
                        job = %job.lease.id,
                        kind = job.kind,
                        error = &error as &dyn std::error::Error,
                        "a job was not settled and starts again when its lease is over"
                    );
                    break Settled::Unsettled;
                }
            }
        };
        tell(job, ended, settled);
        self.status.settled(settled);
    }

    async fn settle_once(&self, job: &Job, ended: Ended) -> Result<Settled, JobError> {
        let seed = job.lease.id.as_u64_pair().1;
        match ended {
            Ended::Done => self.store.complete(job.lease).await.map(|()| Settled::Completed),
            Ended::Snoozed(delay) => self.given_back(job, delay, Settled::GivenBack).await,
            Ended::GivenBack => self.given_back(job, Duration::ZERO, Settled::GivenBack).await,
            Ended::Unknown => {
                let wait = self.backoff.after(job.returns.saturating_add(1), seed);
                self.given_back(job, wait, Settled::Unknown).await
            }
            Ended::Failed(JobFailure { class, again }) => {
                let class = if is_name(class) { class } else { "unnamed" };
                let wait = match again {
                    Again::Backoff => Some(self.backoff.after(job.tries, seed)),
                    Again::After(wait) => Some(wait.min(WAIT_MAX)),
                    Again::Never => None,
                };
                Ok(match self.store.fail(job.lease, class, wait).await? {
                    Fate::Retried => Settled::Retried,
                    Fate::Dead => Settled::Dead,
                })
            }
            Ended::Lost => Ok(Settled::Lost),
        }
    }

    async fn given_back(&self, job: &Job, delay: Duration, settled: Settled) -> Result<Settled, JobError> {
        self.store.give_back(job.lease, delay.min(WAIT_MAX)).await.map(|()| settled)
    }
}

/// The longest wait that a handler can ask for.
const WAIT_MAX: Duration = Duration::from_secs(400 * 86_400);

fn tell(job: &Job, ended: Ended, settled: Settled) {
    let (id, kind, tries) = (job.lease.id, job.kind.as_str(), job.tries);
    let class = if let Ended::Failed(JobFailure { class, .. }) = ended { class } else { "" };
    match settled {
        Settled::Dead => tracing::error!(job = %id, kind, tries, class, "a job is a dead letter"),
        Settled::Retried => tracing::warn!(job = %id, kind, tries, class, "a job failed and is tried again"),
        Settled::Unknown => {
            tracing::warn!(job = %id, kind, "no handler for this kind of job here: it was given back");
        }
        Settled::Lost => {
            tracing::warn!(job = %id, kind, "the lease of a job was lost: another worker has it")
        }
        Settled::Completed | Settled::GivenBack | Settled::Unsettled => {}
    }
}
