//! Jobs as records: looking at them and trying them again are accesses like any other, decided by the gate and recorded.

use super::Jobs;
use healthcare_core::{
    AccessError, AuditSink, Cursor, Entry, Grant, Id, KindCount, List, PageRequest, Read, Record, Row, Rows,
    StorageDoor, Update, record,
};
use healthcare_db::DbError;
use healthcare_messaging::{JobError, JobFilter, JobState, ListedJob, QueueCount};
use jiff::Timestamp;
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

record! {
    /// A job, as those see it who look after the queues: what it works on is not in it.
    pub struct QueuedJob in queued_job = "job" {
        subject: none,
        plain {
            /// Its queue.
            queue: String,
            /// Its kind.
            kind: String,
            /// `waiting`, `running`, `done`, `cancelled` or `dead`.
            state: String,
            /// How often it was started.
            tries: u32,
            /// How often it may be started.
            tries_max: u32,
            /// How far it is, in per cent.
            progress: u32,
            /// The class of its last error.
            error_class: Option<String>,
            /// When it was enqueued.
            created_at: Timestamp,
            /// When it may start; of one that runs, when its lease is over; of one that ended, when that was.
            at: Timestamp,
        },
        protected {},
    }
}

impl QueuedJob {
    fn of(job: ListedJob) -> Self {
        let plain = queued_job::Plain {
            queue: job.queue,
            kind: job.kind,
            state: job.state.to_string(),
            tries: job.tries,
            tries_max: job.tries_max,
            progress: u32::from(job.progress),
            error_class: job.error_class,
            created_at: job.created_at,
            at: job.at,
        };
        Self::new(Id::from_uuid(job.id), job.clinic, plain, queued_job::Protected {})
    }

    /// What has become of it.
    #[must_use]
    pub fn is(&self, state: JobState) -> bool {
        self.state == state.as_str()
    }
}

/// Which jobs of the clinic.
#[derive(Debug, Clone, Default)]
pub struct JobsAsked {
    /// In this queue.
    pub queue: Option<String>,
    /// In this state.
    pub state: Option<JobState>,
}

/// The jobs of each clinic, under grants.
#[derive(Debug, Clone)]
pub struct JobRepository {
    jobs: Jobs,
    door: StorageDoor,
    audit: Arc<dyn AuditSink>,
}

impl JobRepository {
    pub(crate) fn new(jobs: Jobs, door: StorageDoor, audit: impl AuditSink + 'static) -> Self {
        Self { jobs, door, audit: Arc::new(audit) }
    }

    /// One page, newest first.
    ///
    /// # Errors
    /// [`AccessError`] when the store cannot be read, or the cursor is none of its own.
    pub async fn list(
        &self,
        grant: &Grant<List<QueuedJob>>,
        asked: &JobsAsked,
        page: &PageRequest,
    ) -> Result<Rows<QueuedJob>, AccessError> {
        let mut filter = JobFilter::clinic(self.door.enter(grant)?.scope().clinic());
        filter.queue.clone_from(&asked.queue);
        let before = page.cursor().map(|cursor| cursor.as_str().parse::<Uuid>());
        let before = before.transpose().map_err(|_| AccessError::InvalidCursor)?;
        let limit = page.limit().saturating_add(1);
        let mut found =
            self.jobs.store().list(&filter, asked.state, before, limit).await.map_err(access_error)?;
        let more = found.len() > page.limit() as usize;
        found.truncate(page.limit() as usize);
        let next = found.last().filter(|_| more).map(|last| Cursor::new(last.id.to_string()));
        let rows = found.into_iter().map(|job| self.door.seal(QueuedJob::of(job))).collect();
        Ok(Rows::page(rows, next))
    }

    /// How many jobs of each queue are in which state.
    ///
    /// # Errors
    /// [`AccessError`] when the store cannot be read.
    pub async fn counts(&self, grant: &Grant<List<QueuedJob>>) -> Result<Vec<QueueCount>, AccessError> {
        let filter = JobFilter::clinic(self.door.enter(grant)?.scope().clinic());
        self.jobs.store().counts(&filter).await.map_err(access_error)
    }

    /// One job.
    ///
    /// # Errors
    /// [`AccessError`] when the store cannot be read.
    pub async fn find(&self, grant: &Grant<Read<QueuedJob>>) -> Result<Row<QueuedJob>, AccessError> {
        self.row(self.door.enter(grant)?).await
    }

    async fn row(&self, entry: Entry<'_>) -> Result<Row<QueuedJob>, AccessError> {
        let Some(id) = entry.target() else { return Ok(Row::of(None)) };
        let filter = JobFilter::clinic(entry.scope().clinic());
        let found = self.jobs.store().find(&filter, id).await.map_err(access_error)?;
        Ok(Row::of(found.map(|job| self.door.seal(QueuedJob::of(job)))))
    }

    /// Gives a dead letter all its tries again. One that is not dead is left as it is. Says whether it was dead.
    ///
    /// # Errors
    /// [`AccessError`] when there is no such job, or it could not be changed.
    pub async fn retry(&self, grant: Grant<Update<QueuedJob>>) -> Result<bool, AccessError> {
        let row = self.row(self.door.enter(&grant)?).await?;
        let draft = grant.edit(row).await?;
        if !draft.is(JobState::Dead) {
            return Ok(false);
        }
        let id = draft.id().as_uuid();
        let change = draft.change().await?;
        let revived = self
            .door
            .commit(change, async |parts| {
                let filter = JobFilter::clinic(parts.scope().clinic());
                let revived = self.jobs.store().revive(&filter, id).await.map_err(access_error)?;
                let count = KindCount { kind: Cow::Borrowed(QueuedJob::KIND), count: u32::from(revived) };
                // The decision is in the log already; this says what came of it.
                self.audit.submit(parts.outcome(vec![count])).await?;
                Ok(revived)
            })
            .await?;
        self.jobs.wake();
        Ok(revived)
    }
}

/// What a store's failure means to whoever asked.
fn access_error(error: JobError) -> AccessError {
    match error {
        JobError::Store(cause) => match cause.downcast::<DbError>() {
            Ok(database) => (*database).into(),
            Err(cause) => AccessError::Storage(cause),
        },
        refused => AccessError::storage(refused),
    }
}
