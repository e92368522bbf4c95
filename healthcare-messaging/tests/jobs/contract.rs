//! The contract, on memory and on both databases; and that it finds a store without a fence.

use super::site::{Memory, Site, Sql};
use async_trait::async_trait;
use healthcare_core::ClinicId;
use healthcare_messaging::{
    Claimed, DeadLetter, Enqueued, Fate, Finished, JobError, JobFilter, JobLease, JobState, JobStore,
    ListedJob, MemoryJobs, NewJob, QueueCount, UniqueKey, Wanted,
    testing::{JobRig, jobs_contract},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use uuid::Uuid;

#[tokio::test]
async fn jobs_in_memory_keep_the_contract() {
    jobs_contract(async || Memory::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_in_sqlite_keep_the_contract() {
    jobs_contract(async || Sql::open(Site::sqlite()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn jobs_in_postgresql_keep_the_contract() {
    let made = Mutex::new(Vec::new());
    jobs_contract(async || {
        let site = Site::postgres().await;
        made.lock().unwrap().push(site.clone());
        Sql::open(site).await
    })
    .await;
    for site in made.into_inner().unwrap() {
        site.remove().await;
    }
}

/// Settles by the id alone: what Oban and graphile_worker do.
#[derive(Debug)]
struct Unfenced {
    memory: MemoryJobs,
    newest: Mutex<HashMap<Uuid, JobLease>>,
}

impl Unfenced {
    fn newest(&self, held: JobLease) -> JobLease {
        self.newest.lock().unwrap().get(&held.id).copied().unwrap_or(held)
    }
}

#[async_trait]
impl JobStore for Unfenced {
    async fn enqueue_all(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, JobError> {
        self.memory.enqueue_all(jobs).await
    }
    async fn claim(&self, wanted: &[Wanted], lease: Duration) -> Result<Claimed, JobError> {
        let claimed = self.memory.claim(wanted, lease).await?;
        self.newest.lock().unwrap().extend(claimed.jobs.iter().map(|job| (job.lease.id, job.lease)));
        Ok(claimed)
    }
    async fn extend(&self, held: JobLease, lease: Duration) -> Result<(), JobError> {
        self.memory.extend(self.newest(held), lease).await
    }
    async fn progress(&self, held: JobLease, percent: u8) -> Result<(), JobError> {
        self.memory.progress(self.newest(held), percent).await
    }
    async fn complete(&self, held: JobLease) -> Result<(), JobError> {
        self.memory.complete(self.newest(held)).await
    }
    async fn fail(
        &self,
        held: JobLease,
        class: &'static str,
        retry: Option<Duration>,
    ) -> Result<Fate, JobError> {
        self.memory.fail(self.newest(held), class, retry).await
    }
    async fn give_back(&self, held: JobLease, delay: Duration) -> Result<(), JobError> {
        self.memory.give_back(self.newest(held), delay).await
    }
    async fn cancel(&self, clinic: ClinicId, queue: &'static str, key: UniqueKey) -> Result<bool, JobError> {
        self.memory.cancel(clinic, queue, key).await
    }
    async fn counts(&self, filter: &JobFilter) -> Result<Vec<QueueCount>, JobError> {
        self.memory.counts(filter).await
    }
    async fn list(
        &self,
        filter: &JobFilter,
        state: Option<JobState>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ListedJob>, JobError> {
        self.memory.list(filter, state, before, limit).await
    }
    async fn dead_letters(
        &self,
        filter: &JobFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, JobError> {
        self.memory.dead_letters(filter, after, limit).await
    }
    async fn revive(&self, filter: &JobFilter, id: Uuid) -> Result<bool, JobError> {
        self.memory.revive(filter, id).await
    }
    async fn revive_all(&self, filter: &JobFilter, limit: u32) -> Result<u64, JobError> {
        self.memory.revive_all(filter, limit).await
    }
    async fn purge(&self, ended: Finished, age: Duration, limit: u32) -> Result<u64, JobError> {
        self.memory.purge(ended, age, limit).await
    }
}

struct Rig(Unfenced, Memory);

impl JobRig for Rig {
    fn jobs(&self) -> &dyn JobStore {
        &self.0
    }
    fn clinic(&self) -> ClinicId {
        self.1.clinic()
    }
    fn other(&self) -> ClinicId {
        self.1.other()
    }
    async fn advance(&self, by: Duration) {
        self.1.advance(by).await;
    }
}

#[tokio::test]
#[should_panic(expected = "a lost lease was renewed")]
async fn the_suite_finds_a_store_without_a_fence() {
    jobs_contract(async || {
        let memory = Memory::new();
        Rig(Unfenced { memory: memory.jobs.clone(), newest: Mutex::default() }, memory)
    })
    .await;
}

#[test]
fn the_seam_is_object_safe() {
    let _: Arc<dyn JobStore> = Arc::new(MemoryJobs::default());
}
