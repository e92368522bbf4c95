//! Jobs in memory.

use super::{
    Claimed, DeadLetter, Enqueued, Fate, Finished, Job, JobError, JobFilter, JobLease, JobState, JobStore,
    ListedJob, NewJob, QueueCount, UniqueKey, Wanted, checked, new::Start, seen::ABANDONED,
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Clock, SystemClock};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    fmt,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// Jobs that live and die with the process: for tests, and for trying things out.
///
/// Cheap to clone; clones are one store.
#[derive(Clone)]
pub struct MemoryJobs {
    clock: Arc<dyn Clock>,
    table: Arc<Mutex<Table>>,
}

impl Default for MemoryJobs {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock::default()))
    }
}

impl fmt::Debug for MemoryJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryJobs({} jobs)", self.table().rows.len())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Finished(Finished),
}

#[derive(Debug)]
struct Stored {
    clinic: ClinicId,
    queue: &'static str,
    kind: &'static str,
    payload: Vec<u8>,
    once: Option<UniqueKey>,
    state: State,
    created_at: Timestamp,
    /// When it may start; of a job that runs, when its lease is over; of one that ended, when that was.
    at: Timestamp,
    token: i64,
    tries: u32,
    tries_max: u32,
    returns: u32,
    progress: u8,
    class: &'static str,
}

/// The jobs; of those that have not ended, when they are due; and the unique keys.
#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<Uuid, Stored>,
    due: BTreeSet<(&'static str, Timestamp, Uuid)>,
    once: HashMap<(ClinicId, &'static str, UniqueKey), Uuid>,
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Stored {
    fn new(job: NewJob, now: Timestamp) -> Self {
        let at = match job.start {
            Start::After(delay) => later(now, delay),
            Start::At(time) => time,
        };
        Self {
            clinic: job.clinic,
            queue: job.queue,
            kind: job.kind,
            payload: job.payload,
            once: job.once,
            state: State::Waiting,
            created_at: now,
            at,
            token: 0,
            tries: 0,
            tries_max: job.tries_max,
            returns: 0,
            progress: 0,
            class: "",
        }
    }

    fn is_meant(&self, filter: &JobFilter) -> bool {
        filter.clinic.is_none_or(|clinic| clinic == self.clinic)
            && filter.queue.as_ref().is_none_or(|queue| queue == self.queue)
    }

    const fn listed_state(&self) -> JobState {
        match self.state {
            State::Waiting => JobState::Waiting,
            State::Running => JobState::Running,
            State::Finished(Finished::Done) => JobState::Done,
            State::Finished(Finished::Cancelled) => JobState::Cancelled,
            State::Finished(Finished::Dead) => JobState::Dead,
        }
    }

    fn listed(&self, id: Uuid) -> ListedJob {
        let names = (self.queue.to_owned(), self.kind.to_owned());
        let tries = (self.tries, self.tries_max);
        let class = (!self.class.is_empty()).then(|| self.class.to_owned());
        ListedJob::new(id, self.clinic, names, self.listed_state(), tries, (self.created_at, self.at))
            .so_far(self.progress, class)
    }

    fn job(&self, id: Uuid) -> Job {
        Job {
            lease: JobLease { id, token: self.token },
            clinic: self.clinic,
            queue: self.queue.to_owned(),
            kind: self.kind.to_owned(),
            payload: Ok(self.payload.clone()),
            tries: self.tries,
            tries_max: self.tries_max,
            returns: self.returns,
            progress: self.progress,
        }
    }
}

impl Table {
    fn add(&mut self, job: NewJob, now: Timestamp) -> Enqueued {
        if self.rows.contains_key(&job.id) {
            return Enqueued::Known;
        }
        if let Some(key) = job.once {
            match self.once.entry((job.clinic, job.queue, key)) {
                Entry::Occupied(_) => return Enqueued::Known,
                Entry::Vacant(free) => free.insert(job.id),
            };
        }
        let id = job.id;
        let stored = Stored::new(job, now);
        self.due.insert((stored.queue, stored.at, id));
        self.rows.insert(id, stored);
        Enqueued::New
    }

    /// Moves a job to another state and time, and keeps the index of what is due.
    fn move_to(&mut self, id: Uuid, state: State, at: Timestamp) {
        let Some(stored) = self.rows.get_mut(&id) else { return };
        self.due.remove(&(stored.queue, stored.at, id));
        (stored.state, stored.at) = (state, at);
        if !matches!(state, State::Finished(_)) {
            self.due.insert((stored.queue, at, id));
        }
    }

    /// The job, when this start is the one that counts.
    fn held(&mut self, held: JobLease) -> Result<&mut Stored, JobError> {
        self.rows
            .get_mut(&held.id)
            .filter(|stored| stored.token == held.token && stored.state == State::Running)
            .ok_or(JobError::LeaseLost)
    }

    fn start(&mut self, id: Uuid, now: Timestamp, until: Timestamp, claimed: &mut Claimed) {
        let Some(stored) = self.rows.get_mut(&id) else { return };
        stored.token += 1;
        if stored.state == State::Running {
            stored.class = ABANDONED;
        }
        if stored.tries >= stored.tries_max {
            claimed.buried += 1;
            return self.move_to(id, State::Finished(Finished::Dead), now);
        }
        stored.tries += 1;
        claimed.jobs.push(stored.job(id));
        self.move_to(id, State::Running, until);
    }

    fn dead<'t>(&'t self, filter: &'t JobFilter) -> impl Iterator<Item = (Uuid, &'t Stored)> {
        let dead = |stored: &Stored| stored.state == State::Finished(Finished::Dead);
        self.rows
            .iter()
            .filter(move |(_, stored)| dead(stored) && stored.is_meant(filter))
            .map(|(id, stored)| (*id, stored))
    }

    fn revive(&mut self, id: Uuid, now: Timestamp) {
        if let Some(stored) = self.rows.get_mut(&id) {
            (stored.tries, stored.progress) = (0, 0);
            self.move_to(id, State::Waiting, now);
        }
    }

    fn forget(&mut self, id: Uuid) {
        if let Some(stored) = self.rows.remove(&id)
            && let Some(key) = stored.once
        {
            self.once.remove(&(stored.clinic, stored.queue, key));
        }
    }
}

impl QueueCount {
    fn count(&mut self, stored: &Stored, now: Timestamp) {
        let counter = match stored.state {
            State::Waiting if stored.at > now => &mut self.delayed,
            State::Waiting => &mut self.due,
            State::Running => &mut self.running,
            State::Finished(Finished::Done) => &mut self.done,
            State::Finished(Finished::Cancelled) => &mut self.cancelled,
            State::Finished(Finished::Dead) => &mut self.dead,
        };
        *counter += 1;
        if stored.state == State::Waiting {
            self.first_due_at = Some(self.first_due_at.map_or(stored.at, |first| first.min(stored.at)));
        }
    }
}

impl MemoryJobs {
    /// No jobs yet, by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: Arc::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl JobStore for MemoryJobs {
    async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, JobError> {
        checked::batch(&jobs)?;
        let now = self.clock.now();
        let mut table = self.table();
        Ok(jobs.into_iter().map(|job| table.add(job, now)).collect())
    }

    async fn claim(&self, wanted: &[Wanted], lease: Duration) -> Result<Claimed, JobError> {
        checked::wanted(wanted)?;
        checked::lease(lease)?;
        let now = self.clock.now();
        let (until, mut claimed) = (later(now, lease), Claimed::default());
        let mut table = self.table();
        for Wanted { queue, limit } in wanted {
            let range = (*queue, Timestamp::MIN, Uuid::nil())..=(*queue, now, Uuid::max());
            let due = table.due.range(range).take(*limit as usize);
            let due: Vec<Uuid> = due.map(|(_, _, id)| *id).collect();
            due.into_iter().for_each(|id| table.start(id, now, until, &mut claimed));
        }
        Ok(claimed)
    }

    async fn extend(&self, held: JobLease, lease: Duration) -> Result<(), JobError> {
        checked::lease(lease)?;
        let until = later(self.clock.now(), lease);
        let mut table = self.table();
        table.held(held)?;
        table.move_to(held.id, State::Running, until);
        Ok(())
    }

    async fn progress(&self, held: JobLease, percent: u8) -> Result<(), JobError> {
        checked::percent(percent)?;
        self.table().held(held)?.progress = percent;
        Ok(())
    }

    async fn complete(&self, held: JobLease) -> Result<(), JobError> {
        let now = self.clock.now();
        let mut table = self.table();
        table.held(held)?.progress = 100;
        table.move_to(held.id, State::Finished(Finished::Done), now);
        Ok(())
    }

    async fn fail(
        &self,
        held: JobLease,
        class: &'static str,
        retry_after: Option<Duration>,
    ) -> Result<Fate, JobError> {
        checked::class(class)?;
        retry_after.map_or(Ok(()), checked::delay)?;
        let now = self.clock.now();
        let mut table = self.table();
        let stored = table.held(held)?;
        stored.class = class;
        match retry_after.filter(|_| stored.tries < stored.tries_max) {
            Some(wait) => {
                table.move_to(held.id, State::Waiting, later(now, wait));
                Ok(Fate::Retried)
            }
            None => {
                table.move_to(held.id, State::Finished(Finished::Dead), now);
                Ok(Fate::Dead)
            }
        }
    }

    async fn give_back(&self, held: JobLease, delay: Duration) -> Result<(), JobError> {
        checked::delay(delay)?;
        let now = self.clock.now();
        let mut table = self.table();
        let stored = table.held(held)?;
        (stored.tries, stored.returns) = (stored.tries.saturating_sub(1), stored.returns.saturating_add(1));
        table.move_to(held.id, State::Waiting, later(now, delay));
        Ok(())
    }

    async fn cancel(&self, clinic: ClinicId, queue: &'static str, key: UniqueKey) -> Result<bool, JobError> {
        let now = self.clock.now();
        let mut table = self.table();
        let Some(id) = table.once.get(&(clinic, queue, key)).copied() else { return Ok(false) };
        if table.rows.get(&id).is_none_or(|stored| matches!(stored.state, State::Finished(_))) {
            return Ok(false);
        }
        table.move_to(id, State::Finished(Finished::Cancelled), now);
        Ok(true)
    }

    async fn counts(&self, filter: &JobFilter) -> Result<Vec<QueueCount>, JobError> {
        let now = self.clock.now();
        let mut counts: BTreeMap<&str, QueueCount> = BTreeMap::new();
        let table = self.table();
        for stored in table.rows.values().filter(|stored| stored.is_meant(filter)) {
            let count = counts.entry(stored.queue).or_insert_with(|| QueueCount::of(stored.queue));
            count.count(stored, now);
        }
        Ok(counts.into_values().take(1_000).collect())
    }

    async fn list(
        &self,
        filter: &JobFilter,
        state: Option<JobState>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ListedJob>, JobError> {
        checked::limit(limit)?;
        let table = self.table();
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        let meant = |stored: &Stored| {
            stored.is_meant(filter) && state.is_none_or(|state| state == stored.listed_state())
        };
        let rows = table.rows.range((Bound::Unbounded, end)).rev().filter(|(_, stored)| meant(stored));
        Ok(rows.take(limit as usize).map(|(id, stored)| stored.listed(*id)).collect())
    }

    async fn dead_letters(
        &self,
        filter: &JobFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, JobError> {
        checked::limit(limit)?;
        let table = self.table();
        let rest = table.dead(filter).filter(|(id, _)| after.is_none_or(|after| *id > after));
        let letters = rest.take(limit as usize).map(|(id, dead)| {
            let names = (dead.queue.to_owned(), dead.kind.to_owned());
            let times = (dead.created_at, dead.at);
            DeadLetter::new(
                id,
                dead.clinic,
                names,
                (dead.tries, dead.tries_max),
                dead.class.to_owned(),
                times,
            )
        });
        Ok(letters.collect())
    }

    async fn revive(&self, filter: &JobFilter, id: Uuid) -> Result<bool, JobError> {
        let now = self.clock.now();
        let mut table = self.table();
        let known = table.dead(filter).any(|(dead, _)| dead == id);
        if known {
            table.revive(id, now);
        }
        Ok(known)
    }

    async fn revive_all(&self, filter: &JobFilter, limit: u32) -> Result<u64, JobError> {
        checked::limit(limit)?;
        let now = self.clock.now();
        let mut table = self.table();
        let dead: Vec<Uuid> = table.dead(filter).take(limit as usize).map(|(id, _)| id).collect();
        dead.iter().for_each(|id| table.revive(*id, now));
        Ok(dead.len() as u64)
    }

    async fn purge(&self, ended: Finished, age: Duration, limit: u32) -> Result<u64, JobError> {
        checked::limit(limit)?;
        checked::delay(age)?;
        let now = self.clock.now();
        let mut table = self.table();
        let is_old = |stored: &Stored| stored.state == State::Finished(ended) && later(stored.at, age) < now;
        let old = table.rows.iter().filter(|(_, stored)| is_old(stored));
        let old: Vec<Uuid> = old.take(limit as usize).map(|(id, _)| *id).collect();
        old.iter().for_each(|id| table.forget(*id));
        Ok(old.len() as u64)
    }
}
