use super::{
    Claimed, DeadLetter, Enqueued, Fate, Finished, JobError, JobFilter, JobLease, JobState, ListedJob,
    NewJob, QueueCount, UniqueKey, Wanted,
};
use async_trait::async_trait;
use healthcare_core::ClinicId;
use std::{fmt, time::Duration};
use uuid::Uuid;

/// Keeps jobs until they are done. `testing::jobs_contract` proves an implementation.
///
/// # Contract
/// - A job that was enqueued is started again and again until it is done, cancelled or dead: at least once.
/// - Each start has a token that grows. Only the newest settles, and only while the job runs: everybody else changes nothing and is told
///   [`JobError::LeaseLost`], whatever the job has become meanwhile.
/// - Each start counts as a try when it is claimed, so that a job which kills its worker ends among the dead letters.
/// - All times are the store's own clock: callers say how long, not when. Of jobs that are due, those that were due first come first; a
///   job that is tried again queues up behind those that are due before its new time.
/// - A call is done as a whole or not at all, and takes or gives at most 1,000 jobs.
#[async_trait]
pub trait JobStore: fmt::Debug + Send + Sync {
    /// Enqueues jobs of one clinic, all of them or none, and says of each whether it was new.
    ///
    /// # Errors
    /// [`JobError::Refused`] for more than 1,000 jobs or several clinics; [`JobError::Store`].
    async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, JobError>;

    /// Enqueues one job.
    ///
    /// # Errors
    /// As [`enqueue_all`](Self::enqueue_all).
    async fn enqueue(&self, job: NewJob) -> Result<Enqueued, JobError> {
        let done = self.enqueue_all(vec![job]).await?;
        Ok(done.first().copied().unwrap_or(Enqueued::Known))
    }

    /// Starts jobs that are due, and those whose lease is over, each for `lease`. Of the latter those that have no try left become dead letters.
    ///
    /// # Errors
    /// [`JobError::Refused`] for more than 1,000 jobs or a lease that is not 1 second to 1 hour; [`JobError::Store`].
    async fn claim(&self, wanted: &[Wanted], lease: Duration) -> Result<Claimed, JobError>;

    /// Holds a job for `lease` from now.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`], or as [`claim`](Self::claim).
    async fn extend(&self, held: JobLease, lease: Duration) -> Result<(), JobError>;

    /// Says how far a job is, 0 to 100 per cent. Kept over retries.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`], [`JobError::Refused`] above 100, [`JobError::Store`].
    async fn progress(&self, held: JobLease, percent: u8) -> Result<(), JobError>;

    /// Ends a job: it is done.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`], [`JobError::Store`].
    async fn complete(&self, held: JobLease) -> Result<(), JobError>;

    /// A try failed. The job waits for `retry_after`, or is a dead letter when that is none or no try is left. `class` names the kind of error,
    /// as a queue is named; no text that could hold personal data is taken.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`], [`JobError::Refused`] for a class that is no name or a wait of more than 1,000 days, [`JobError::Store`].
    async fn fail(
        &self,
        held: JobLease,
        class: &'static str,
        retry_after: Option<Duration>,
    ) -> Result<Fate, JobError>;

    /// Gives a job back, to be started after `delay`. It uses no try: this start is taken back, and counted in [`Job::returns`](super::Job::returns).
    ///
    /// # Errors
    /// As [`fail`](Self::fail).
    async fn give_back(&self, held: JobLease, delay: Duration) -> Result<(), JobError>;

    /// Cancels the job of this key unless it has ended; one that runs loses its lease. Says whether there was one.
    ///
    /// # Errors
    /// [`JobError::Store`].
    async fn cancel(&self, clinic: ClinicId, queue: &'static str, key: UniqueKey) -> Result<bool, JobError>;

    /// How many jobs are in which state, by queue, in the order of their names. At most 1,000 queues.
    ///
    /// # Errors
    /// [`JobError::Store`].
    async fn counts(&self, filter: &JobFilter) -> Result<Vec<QueueCount>, JobError>;

    /// Jobs in this state or in any, those with the greatest ids first, which are the newest unless ids were given; before the id `before`.
    ///
    /// # Errors
    /// [`JobError::Refused`] for a limit above 1,000; [`JobError::Store`].
    async fn list(
        &self,
        filter: &JobFilter,
        state: Option<JobState>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ListedJob>, JobError>;

    /// One job, when there is such a one among those that the filter means.
    ///
    /// # Errors
    /// [`JobError::Store`].
    async fn find(&self, filter: &JobFilter, id: Uuid) -> Result<Option<ListedJob>, JobError> {
        // None lies between this id and the next.
        let next = id.as_u128().checked_add(1).map(Uuid::from_u128);
        let first = self.list(filter, None, next, 1).await?;
        Ok(first.into_iter().find(|job| job.id == id))
    }

    /// Dead letters in the order of their ids, after the id `after`.
    ///
    /// # Errors
    /// [`JobError::Refused`] for a limit above 1,000; [`JobError::Store`].
    async fn dead_letters(
        &self,
        filter: &JobFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, JobError>;

    /// Gives a dead letter all its tries again, at once. Says whether it was one, and of the clinic when the filter names one.
    ///
    /// # Errors
    /// [`JobError::Store`].
    async fn revive(&self, filter: &JobFilter, id: Uuid) -> Result<bool, JobError>;

    /// As [`revive`](Self::revive) for up to `limit` dead letters; says how many. Ask again until it is 0.
    ///
    /// # Errors
    /// [`JobError::Refused`] for a limit above 1,000; [`JobError::Store`].
    async fn revive_all(&self, filter: &JobFilter, limit: u32) -> Result<u64, JobError>;

    /// Forgets up to `limit` jobs that ended so, longer ago than `age`; says how many. With them go their unique keys.
    ///
    /// # Errors
    /// [`JobError::Refused`] for a limit above 1,000 or an age of more than 1,000 days; [`JobError::Store`].
    async fn purge(&self, ended: Finished, age: Duration, limit: u32) -> Result<u64, JobError>;
}
