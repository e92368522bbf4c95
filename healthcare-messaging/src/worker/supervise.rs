use super::{Attempt, Done, Ended, JobFailure, Worker, handler::UNREADABLE};
use crate::{Job, JobError, Unreadable};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    task::{JoinError, JoinHandle},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

/// Runs one job: its handler in a task of its own, so that neither a panic nor a wait of it keeps the lease from being renewed.
pub(super) struct Supervisor {
    worker: Arc<Worker>,
    /// The drain time is over.
    over: CancellationToken,
    job: Job,
    cancelled: CancellationToken,
}

type Outcome = Result<Done, JobFailure>;

/// Stops a task when it is dropped.
struct Task(JoinHandle<Outcome>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Supervisor {
    pub(super) fn new(worker: Arc<Worker>, over: CancellationToken, job: Job) -> Self {
        Self { worker, over, job, cancelled: CancellationToken::new() }
    }

    pub(super) async fn run(self) {
        let ended = match &self.job.payload {
            _ if !self.worker.handlers.contains_key(self.job.kind.as_str()) => Ended::Unknown,
            Err(Unreadable::NoKey) => Ended::Unknown,
            Err(Unreadable::Changed) => Ended::Failed(UNREADABLE),
            Ok(payload) => self.handle(payload.clone()).await,
        };
        self.worker.settle(&self.job, ended).await;
    }

    /// Gives back a job that was claimed too late.
    pub(super) async fn never_begun(self) {
        self.worker.settle(&self.job, Ended::GivenBack).await;
    }

    async fn handle(&self, payload: Vec<u8>) -> Ended {
        let Some(handler) = self.worker.handlers.get(self.job.kind.as_str()).map(Arc::clone) else {
            return Ended::Unknown;
        };
        let attempt = Attempt::of(&self.job, Arc::clone(&self.worker.store), self.cancelled.clone());
        let task = tokio::spawn(async move { handler.run(&payload, &attempt).await });
        // Cancelled before it is aborted, so that what the handler started elsewhere hears of it.
        let _guard = self.cancelled.clone().drop_guard();
        self.watch(Task(task)).await
    }

    /// Waits for the handler and renews the lease meanwhile.
    async fn watch(&self, mut task: Task) -> Ended {
        let worker = &self.worker;
        let every = worker.lease / 3;
        let mut beats = interval_at(Instant::now() + every, every);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut limit = pin!(tokio::time::sleep(worker.time_limit));
        let mut held_until = Instant::now() + worker.lease;
        loop {
            tokio::select! {
                biased;
                outcome = &mut task.0 => return ended(outcome),
                () = self.over.cancelled() => return self.stop(task, Ended::GivenBack).await,
                () = &mut limit => return self.stop(task, Ended::Failed(JobFailure::retry("time.over"))).await,
                // The handler itself has learnt it.
                () = self.cancelled.cancelled() => return self.stop(task, Ended::Lost).await,
                at = beats.tick() => match self.beat(&mut task, every).await {
                    Beat::Held => held_until = at + worker.lease,
                    Beat::Ended(outcome) => return outcome,
                    Beat::Lost => return self.stop(task, Ended::Lost).await,
                    // Not renewed in time: another worker may have it by now.
                    Beat::Unknown if Instant::now() >= held_until => {
                        return self.stop(task, Ended::Lost).await;
                    }
                    Beat::Unknown => {}
                },
            }
        }
    }

    /// Renews the lease, while the handler goes on.
    async fn beat(&self, task: &mut Task, every: Duration) -> Beat {
        let renewing =
            tokio::time::timeout(every, self.worker.store.extend(self.job.lease, self.worker.lease));
        tokio::select! {
            biased;
            outcome = &mut task.0 => Beat::Ended(ended(outcome)),
            renewed = renewing => match renewed {
                Ok(Ok(())) => Beat::Held,
                Ok(Err(JobError::LeaseLost)) => Beat::Lost,
                Ok(Err(error)) => {
                    tracing::warn!(job = %self.job.lease.id, error = &error as &dyn std::error::Error, "a lease was not renewed");
                    Beat::Unknown
                }
                Err(_) => Beat::Unknown,
            },
        }
    }

    /// Tells the handler to stop and gives it a moment; then it is dropped. One that finished after all has finished.
    async fn stop(&self, mut task: Task, otherwise: Ended) -> Ended {
        self.cancelled.cancel();
        let grace = (self.worker.lease / 6).min(Duration::from_secs(1));
        match tokio::time::timeout(grace, &mut task.0).await {
            // A lost lease settles nothing, whatever the handler says.
            Ok(Ok(Ok(Done::Complete))) if !matches!(otherwise, Ended::Lost) => Ended::Done,
            _ => otherwise,
        }
    }
}

enum Beat {
    Held,
    Lost,
    Unknown,
    Ended(Ended),
}

fn ended(outcome: Result<Outcome, JoinError>) -> Ended {
    match outcome {
        Ok(Ok(Done::Complete)) => Ended::Done,
        Ok(Ok(Done::Snooze(delay))) => Ended::Snoozed(delay),
        Ok(Err(failure)) => Ended::Failed(failure),
        Err(error) if error.is_panic() => Ended::Failed(JobFailure::retry("panic")),
        // The runtime is going down.
        Err(_) => Ended::GivenBack,
    }
}
