//! The worker: runs the jobs of named queues.

mod attempt;
mod build;
mod handler;
mod room;
mod settle;
mod status;
mod supervise;

pub use self::{
    attempt::Attempt,
    build::{WorkerBuilder, WorkerConfigError},
    handler::{Done, JobFailure, JobHandler},
    status::{WorkerStatus, WorkerTally},
};

use self::{handler::AnyHandler, room::Rooms, settle::Ended, supervise::Supervisor};
use crate::{JobError, JobStore, Wake, backoff::Backoff};
use healthcare_core::Clock;
use healthcare_resilience::{Token, time_out};
use std::{collections::HashMap, fmt, pin::pin, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs jobs: each named queue so many at a time, each kind by its handler.
///
/// A job is held by a lease, which is renewed while its handler runs. A handler that fails, panics or takes too long has its job tried again,
/// later each time, until its tries are used up; then it is a dead letter. A kind without a handler here is given back for a worker that has one.
/// Any number of workers may work on one store.
///
/// ```
/// use healthcare_messaging::{Attempt, Done, JobFailure, JobHandler, JobKind, JobStore, MemoryJobs, NewJob, Wake, Worker};
/// use healthcare_resilience::Shutdown;
/// use serde::{Deserialize, Serialize};
/// use std::{sync::Arc, time::Duration};
///
/// #[derive(Serialize, Deserialize)]
/// struct Remind {
///     appointment: uuid::Uuid,
/// }
/// impl JobKind for Remind {
///     const QUEUE: &'static str = "reminder";
///     const KIND: &'static str = "appointment.remind";
/// }
///
/// struct Reminders;
///
/// #[async_trait::async_trait]
/// impl JobHandler for Reminders {
///     type Job = Remind;
///     async fn run(&self, job: Remind, _: &Attempt) -> Result<Done, JobFailure> {
///         println!("reminding of {}", job.appointment); // ids only; reading more takes a grant
///         Ok(Done::Complete)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (jobs, wake) = (MemoryJobs::default(), Wake::new());
/// let worker = Worker::builder(Arc::new(jobs.clone())).queue("reminder", 40).handler(Reminders).wake(&wake).build()?;
/// let status = worker.status();
///
/// let shutdown = Shutdown::builder().stage("worker", Duration::from_secs(30)).build()?;
/// let stage = shutdown.stage("worker")?;
/// stage.spawn("worker", worker.run(stage.token()))?;
///
/// let clinic = healthcare_core::ClinicId::random();
/// jobs.enqueue(NewJob::builder(clinic, &Remind { appointment: uuid::Uuid::now_v7() }).build()?).await?;
/// wake.signal();
/// while status.tally().completed == 0 {
///     tokio::task::yield_now().await;
/// }
///
/// shutdown.begin();
/// assert!(shutdown.drain().await.is_clean());
/// # Ok(()) }
/// ```
pub struct Worker {
    store: Arc<dyn JobStore>,
    clock: Arc<dyn Clock>,
    handlers: HashMap<&'static str, Arc<dyn AnyHandler>>,
    queues: Vec<(&'static str, u32)>,
    wake: Wake,
    status: Arc<WorkerStatus>,
    lease: Duration,
    poll: Duration,
    drain: Duration,
    time_limit: Duration,
    backoff: Backoff,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("store", &self.store)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}

/// The longest pause between two claims that fail.
const CLAIM_AGAIN_MAX: Duration = Duration::from_secs(60);

impl Worker {
    /// Starts describing a worker on the jobs of `store`.
    pub fn builder(store: Arc<dyn JobStore>) -> WorkerBuilder {
        WorkerBuilder::new(store)
    }

    /// How the worker does, also while it runs.
    #[must_use]
    pub fn status(&self) -> Arc<WorkerStatus> {
        Arc::clone(&self.status)
    }

    /// Works until `token` says stop, and says what was done in all.
    ///
    /// After the stop nothing is claimed. What runs goes on for the drain time, its leases renewed; what is not done then is cancelled and given
    /// back without using a try. Give the stage a deadline above the drain time. Dropping this future stops the handlers; their jobs start
    /// again when the leases are over.
    pub async fn run(self, token: Token) -> WorkerTally {
        let worker = Arc::new(self);
        let over = CancellationToken::new();
        let mut running = Running::of(&worker, over.clone());
        let mut failures = 0;
        while !token.is_stopping() {
            let pause = match running.claim(&token).await {
                Ok(()) => {
                    failures = 0;
                    worker.poll
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no jobs could be claimed");
                    worker.status.failed();
                    failures += 1;
                    // Never sooner than an idle worker looks; and a database that is back after a night is noticed.
                    worker.backoff.after(failures, u64::from(failures)).min(CLAIM_AGAIN_MAX).max(worker.poll)
                }
            };
            running.rest(pause, failures > 0, &token).await;
        }
        running.drain(&token, &over).await;
        worker.status.tally()
    }
}

/// The jobs that a worker runs.
struct Running<'w> {
    worker: &'w Arc<Worker>,
    over: CancellationToken,
    rooms: Rooms,
    tasks: JoinSet<&'static str>,
}

impl<'w> Running<'w> {
    fn of(worker: &'w Arc<Worker>, over: CancellationToken) -> Self {
        Self { worker, over, rooms: Rooms::new(&worker.queues), tasks: JoinSet::new() }
    }

    /// Claims what there is room for, and starts it.
    async fn claim(&mut self, token: &Token) -> Result<(), JobError> {
        let wanted = self.rooms.wanted();
        if wanted.is_empty() {
            return Ok(());
        }
        let store = &self.worker.store;
        let claimed = match time_out(self.worker.lease, store.claim(&wanted, self.worker.lease)).await {
            Ok(claimed) => claimed?,
            Err(elapsed) => return Err(JobError::Store(elapsed.into())),
        };
        self.worker.status.looked(self.worker.clock.now(), claimed.buried);
        self.rooms.claimed(&wanted, &claimed);
        for job in claimed.jobs {
            let Some(queue) = self.rooms.enter(&job.queue) else { continue };
            let supervisor = Supervisor::new(Arc::clone(self.worker), self.over.clone(), job);
            let is_stopping = token.is_stopping();
            self.worker.status.entered();
            self.tasks.spawn(async move {
                // Claimed while the stop came: not even begun.
                if is_stopping {
                    supervisor.never_begun().await
                } else {
                    supervisor.run().await
                }
                queue
            });
        }
        Ok(())
    }

    fn ended(&mut self, ended: Result<&'static str, tokio::task::JoinError>) {
        if let Ok(queue) = ended {
            self.worker.status.left();
            self.rooms.leave(queue);
        }
    }

    /// Waits for a reason to look again: a signal, the end of the pause, or room in a queue that has more.
    async fn rest(&mut self, pause: Duration, is_failing: bool, token: &Token) {
        let mut over = pin!(tokio::time::sleep(pause));
        while is_failing || !self.rooms.has_room_for_more() {
            tokio::select! {
                biased;
                () = token.until_stopping() => return,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => self.ended(ended),
                () = self.worker.wake.signalled(), if !is_failing => return,
                () = &mut over => return,
            }
        }
        // Whatever else has ended by now makes room in the same claim.
        while let Some(ended) = self.tasks.try_join_next() {
            self.ended(ended);
        }
    }

    /// Waits for what runs; at the end of the drain time the rest is cancelled and given back.
    async fn drain(mut self, token: &Token, over: &CancellationToken) {
        let mut late = pin!(tokio::time::sleep(self.worker.drain));
        loop {
            tokio::select! {
                biased;
                ended = self.tasks.join_next() => match ended {
                    Some(ended) => self.ended(ended),
                    None => return,
                },
                () = &mut late, if !over.is_cancelled() => over.cancel(),
                () = token.until_cut_off(), if !over.is_cancelled() => over.cancel(),
            }
        }
    }
}
