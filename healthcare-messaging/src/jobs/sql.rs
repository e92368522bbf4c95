//! Jobs in a database of healthcare-db.

use super::{
    Claimed, DeadLetter, Enqueued, Fate, Finished, Job, JobError, JobFilter, JobLease, JobState, JobStore,
    ListedJob, NewJob, QueueCount, UniqueKey, Unreadable, Wanted, checked, new::Start, statements,
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Clock, Column as _, KeyError, System, SystemClock, Value, Vault};
use healthcare_db::{Database, DbError, Dialect, House, Row, Statement, Transaction};
use jiff::Timestamp;
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

/// Jobs in the table `job` of a SQLite or PostgreSQL database.
///
/// What a job works on is sealed under its clinic's queue key. On PostgreSQL the application's login can add jobs of its own clinic and
/// nothing else; claiming, settling and looking take the relay's login, which sees headers and ciphertext of all clinics. There the
/// database's clock counts; on SQLite the one that is given.
pub struct SqlJobs {
    application: Database,
    relay: Database,
    vault: Arc<Vault>,
    system: System,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SqlJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlJobs({:?})", self.relay)
    }
}

/// A job whose payload is sealed already, to be enqueued by a transaction of the caller's.
pub struct SealedJob {
    clinic: ClinicId,
    values: Vec<Value>,
}

impl fmt::Debug for SealedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedJob({})", self.clinic)
    }
}

impl SealedJob {
    /// Adds the job to what `transaction` commits. It exists when that commits, and otherwise never did.
    ///
    /// # Errors
    /// [`JobError::Refused`] when the transaction is another clinic's; [`JobError::Store`].
    pub async fn enqueue_in(self, transaction: &mut Transaction) -> Result<Enqueued, JobError> {
        if transaction.scope().clinic() != self.clinic {
            return Err(JobError::Refused("a job is enqueued by a transaction of its own clinic"));
        }
        let added = transaction.execute(&statements::ENQUEUE, self.values).await.map_err(failed)?;
        Ok(if added == 1 { Enqueued::New } else { Enqueued::Known })
    }
}

fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> JobError {
    JobError::Store(cause.into())
}

fn micros(span: Duration) -> Value {
    Value::I64(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

impl SqlJobs {
    /// The jobs of a database: `application` adds them, `relay` works them off. With SQLite both are the same.
    #[must_use]
    pub fn new(application: Database, relay: Database, vault: Arc<Vault>, system: System) -> Self {
        Self { application, relay, vault, system, clock: Arc::new(SystemClock::default()) }
    }

    /// By this clock. PostgreSQL keeps to its own.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Seals what a job works on. Do it before the transaction begins: the key may have to be loaded.
    ///
    /// # Errors
    /// [`JobError::Store`] when the clinic's key cannot be had.
    pub async fn seal(&self, job: NewJob) -> Result<SealedJob, JobError> {
        let keys = self.vault.scope(self.system.scope(job.clinic)).await.map_err(failed)?;
        let payload = keys.seal_job(job.id, &job.payload).map_err(failed)?;
        let (at, after) = match job.start {
            Start::At(time) => (Value::Time(time), Duration::ZERO),
            Start::After(delay) => (Value::Null, delay),
        };
        let values = vec![
            Value::Uuid(job.id),
            text(job.queue),
            text(job.kind),
            job.once.map(|key| key.to_string()).to_value(),
            self.now(&self.application),
            at,
            micros(after),
            Value::I64(job.tries_max.into()),
            Value::Bytes(payload),
        ];
        Ok(SealedJob { clinic: job.clinic, values })
    }

    /// The time by which a database's jobs are kept, or null where it is the database's own.
    fn now(&self, database: &Database) -> Value {
        if database.dialect() == Dialect::Postgres { Value::Null } else { Value::Time(self.clock.now()) }
    }

    async fn change(&self, text: &Statement<House>, values: Vec<Value>) -> Result<u64, JobError> {
        let changed = async {
            let mut transaction = self.relay.house_write().await?;
            let changed = transaction.execute(text, values).await?;
            transaction.commit().await?;
            Ok::<_, DbError>(changed)
        };
        changed.await.map_err(failed)
    }

    /// Changes a job under its token.
    async fn settle(
        &self,
        text: &Statement<House>,
        held: JobLease,
        rest: impl IntoIterator<Item = Value>,
    ) -> Result<(), JobError> {
        let mut values = vec![Value::Uuid(held.id), Value::I64(held.token)];
        values.extend(rest);
        match self.change(text, values).await? {
            0 => Err(JobError::LeaseLost),
            _ => Ok(()),
        }
    }

    async fn look(&self, text: &Statement<House>, values: Vec<Value>) -> Result<Vec<Row>, DbError> {
        self.relay.house_read().await?.fetch_all(text, values).await
    }

    async fn start(&self, wanted: &[Wanted], lease: Duration) -> Result<Vec<(&'static str, Row)>, DbError> {
        let mut started = Vec::new();
        let mut transaction = self.relay.house_write().await?;
        for Wanted { queue, limit } in wanted.iter().filter(|wanted| wanted.limit > 0) {
            let limit = Value::I64((*limit).into());
            let values = vec![self.now(&self.relay), text(queue), limit, micros(lease)];
            let rows = transaction.fetch_all(&statements::START, values).await?;
            started.extend(rows.into_iter().map(|row| (*queue, row)));
        }
        transaction.commit().await?;
        Ok(started)
    }

    async fn open(&self, queue: &str, row: &Row) -> Result<Job, DbError> {
        let (id, clinic): (Uuid, ClinicId) = (row.get(0)?, row.get(1)?);
        let sealed: Vec<u8> = row.get(8)?;
        let payload = match self.unseal(id, clinic, &sealed).await {
            Ok(payload) => Ok(payload),
            Err(KeyError::DoesNotOpen) => Err(Unreadable::Changed),
            Err(error) => {
                tracing::warn!(job = %id, error = &error as &dyn std::error::Error, "the key of a job is not here");
                Err(Unreadable::NoKey)
            }
        };
        Ok(Job {
            lease: JobLease { id, token: row.get(3)? },
            clinic,
            queue: queue.to_owned(),
            kind: row.get(2)?,
            payload,
            tries: row.get(4)?,
            tries_max: row.get(5)?,
            returns: row.get(6)?,
            progress: u8::try_from(row.get::<u32>(9)?).unwrap_or(u8::MAX),
        })
    }

    async fn unseal(&self, id: Uuid, clinic: ClinicId, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let keys = self.vault.scope(self.system.scope(clinic)).await?;
        keys.open_job(id, sealed).map(|plain| plain.to_vec())
    }
}

fn meant(filter: &JobFilter) -> [Value; 2] {
    [filter.clinic.to_value(), filter.queue.to_value()]
}

/// A row of [`statements::COUNTS`] added to the count of its queue.
fn count(counts: &mut Vec<QueueCount>, row: &Row) -> Result<(), DbError> {
    let (queue, state): (String, String) = (row.get(0)?, row.get(1)?);
    let number = |at| row.get::<i64>(at).map(|number| u64::try_from(number).unwrap_or(0));
    let (all, delayed) = (number(2)?, number(3)?);
    if counts.last().is_none_or(|last| last.queue != queue) {
        counts.push(QueueCount::of(queue));
    }
    let Some(count) = counts.last_mut() else { return Ok(()) };
    match state.as_str() {
        "waiting" => {
            (count.due, count.delayed) = (all.saturating_sub(delayed), delayed);
            count.first_due_at = row.get(4)?;
        }
        "running" => count.running = all,
        "done" => count.done = all,
        "cancelled" => count.cancelled = all,
        _ => count.dead = all,
    }
    Ok(())
}

fn listed(row: &Row) -> Result<ListedJob, DbError> {
    let state: String = row.get(4)?;
    // The table knows no other state than these five.
    let state = state.parse().unwrap_or(JobState::Dead);
    let (percent, class): (u32, Option<String>) = (row.get(7)?, row.get(8)?);
    let (names, times) = ((row.get(2)?, row.get(3)?), (row.get(9)?, row.get(10)?));
    let job = ListedJob::new(row.get(0)?, row.get(1)?, names, state, (row.get(5)?, row.get(6)?), times);
    Ok(job.so_far(u8::try_from(percent).unwrap_or(100), class))
}

fn letter(row: &Row) -> Result<DeadLetter, DbError> {
    let times: (Timestamp, Timestamp) = (row.get(7)?, row.get(8)?);
    let class: Option<String> = row.get(6)?;
    Ok(DeadLetter::new(
        row.get(0)?,
        row.get(1)?,
        (row.get(2)?, row.get(3)?),
        (row.get(4)?, row.get(5)?),
        class.unwrap_or_default(),
        times,
    ))
}

#[async_trait]
impl JobStore for SqlJobs {
    async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, JobError> {
        checked::batch(&jobs)?;
        let Some(clinic) = jobs.first().map(|job| job.clinic) else { return Ok(Vec::new()) };
        let mut sealed = Vec::with_capacity(jobs.len());
        for job in jobs {
            sealed.push(self.seal(job).await?);
        }
        let mut done = Vec::with_capacity(sealed.len());
        let mut transaction = self.application.write(self.system.scope(clinic)).await.map_err(failed)?;
        for job in sealed {
            done.push(job.enqueue_in(&mut transaction).await?);
        }
        transaction.commit().await.map_err(failed)?;
        Ok(done)
    }

    async fn claim(&self, wanted: &[Wanted], lease: Duration) -> Result<Claimed, JobError> {
        checked::wanted(wanted)?;
        checked::lease(lease)?;
        let mut claimed = Claimed::default();
        for (queue, row) in self.start(wanted, lease).await.map_err(failed)? {
            if row.get::<String>(7).map_err(failed)? == "running" {
                claimed.jobs.push(self.open(queue, &row).await.map_err(failed)?);
            } else {
                claimed.buried += 1;
            }
        }
        Ok(claimed)
    }

    async fn extend(&self, held: JobLease, lease: Duration) -> Result<(), JobError> {
        checked::lease(lease)?;
        self.settle(&statements::EXTEND, held, [self.now(&self.relay), micros(lease)]).await
    }

    async fn progress(&self, held: JobLease, percent: u8) -> Result<(), JobError> {
        checked::percent(percent)?;
        self.settle(&statements::PROGRESS, held, [Value::I64(percent.into())]).await
    }

    async fn complete(&self, held: JobLease) -> Result<(), JobError> {
        self.settle(&statements::COMPLETE, held, [self.now(&self.relay)]).await
    }

    async fn fail(
        &self,
        held: JobLease,
        class: &'static str,
        retry_after: Option<Duration>,
    ) -> Result<Fate, JobError> {
        checked::class(class)?;
        retry_after.map_or(Ok(()), checked::delay)?;
        let wait = retry_after.map_or(Value::Null, micros);
        let values =
            vec![Value::Uuid(held.id), Value::I64(held.token), self.now(&self.relay), wait, text(class)];
        let state = async {
            let mut transaction = self.relay.house_write().await?;
            let row = transaction.fetch_optional(&statements::FAIL, values).await?;
            transaction.commit().await?;
            row.map(|row| row.get::<String>(0)).transpose()
        };
        match state.await.map_err(failed)?.as_deref() {
            None => Err(JobError::LeaseLost),
            Some("waiting") => Ok(Fate::Retried),
            Some(_) => Ok(Fate::Dead),
        }
    }

    async fn give_back(&self, held: JobLease, delay: Duration) -> Result<(), JobError> {
        checked::delay(delay)?;
        self.settle(&statements::GIVE_BACK, held, [self.now(&self.relay), micros(delay)]).await
    }

    async fn cancel(&self, clinic: ClinicId, queue: &'static str, key: UniqueKey) -> Result<bool, JobError> {
        let values =
            vec![self.now(&self.relay), clinic.to_value(), text(queue), Value::Text(key.to_string())];
        Ok(self.change(&statements::CANCEL, values).await? > 0)
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<QueueCount>, JobError> {
        let [clinic, queue] = meant(filter);
        let values = vec![self.now(&self.relay), clinic, queue];
        let mut counts = Vec::new();
        for row in self.look(&statements::COUNTS, values).await.map_err(failed)? {
            count(&mut counts, &row).map_err(failed)?;
        }
        counts.truncate(1_000);
        Ok(counts)
    }

    async fn list(
        &self,
        filter: &JobFilter,
        state: Option<JobState>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ListedJob>, JobError> {
        checked::limit(limit)?;
        let [clinic, queue] = meant(filter);
        // No id that anybody makes is the greatest there is.
        let before = Value::Uuid(before.unwrap_or_else(Uuid::max));
        let state = state.map_or(Value::Null, |state| text(state.as_str()));
        let mut values = vec![queue, state, before, Value::I64(limit.into())];
        let mut statement = &statements::LIST_ALL;
        if filter.clinic.is_some() {
            values.insert(0, clinic);
            statement = &statements::LIST;
        }
        let rows = self.look(statement, values).await.map_err(failed)?;
        rows.iter().map(listed).collect::<Result<_, _>>().map_err(failed)
    }

    async fn dead_letters(
        &self,
        filter: &JobFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, JobError> {
        checked::limit(limit)?;
        let [clinic, queue] = meant(filter);
        let after = Value::Uuid(after.unwrap_or_else(Uuid::nil));
        let values = vec![clinic, queue, after, Value::I64(limit.into())];
        let rows = self.look(&statements::DEAD, values).await.map_err(failed)?;
        rows.iter().map(letter).collect::<Result<_, _>>().map_err(failed)
    }

    async fn revive(&self, filter: &JobFilter, id: Uuid) -> Result<bool, JobError> {
        let [clinic, queue] = meant(filter);
        let values = vec![self.now(&self.relay), clinic, queue, Value::Uuid(id)];
        Ok(self.change(&statements::REVIVE, values).await? > 0)
    }

    async fn revive_all(&self, filter: &JobFilter, limit: u32) -> Result<u64, JobError> {
        checked::limit(limit)?;
        let [clinic, queue] = meant(filter);
        let values = vec![self.now(&self.relay), clinic, queue, Value::I64(limit.into())];
        self.change(&statements::REVIVE_ALL, values).await
    }

    async fn purge(&self, ended: Finished, age: Duration, limit: u32) -> Result<u64, JobError> {
        checked::limit(limit)?;
        checked::delay(age)?;
        let values = vec![self.now(&self.relay), text(ended.state()), micros(age), Value::I64(limit.into())];
        self.change(&statements::PURGE, values).await
    }
}
