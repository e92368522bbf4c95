//! Where jobs are enqueued, cancelled and looked at.

use healthcare_core::ClinicId;
use healthcare_messaging::{
    Enqueued, JobError, JobStore, NewJob, UniqueKey, Wake, WorkerBuilder, WorkerStatus,
};
use std::sync::{Arc, OnceLock};

/// The jobs of this server. Cheap to clone; clones share one store.
#[derive(Debug, Clone)]
pub struct Jobs {
    store: Arc<dyn JobStore>,
    wake: Wake,
    worker: Arc<OnceLock<Arc<WorkerStatus>>>,
}

impl Jobs {
    /// The jobs of a store.
    #[must_use]
    pub fn new(store: Arc<dyn JobStore>) -> Self {
        Self { store, wake: Wake::new(), worker: Arc::default() }
    }

    /// Enqueues a job, and wakes the worker of this process if it has one. Those of other processes find it within a second.
    ///
    /// # Errors
    /// [`JobError`] when it was not enqueued, or it is not known whether it was: ask again with a unique key.
    pub async fn enqueue(&self, job: NewJob) -> Result<Enqueued, JobError> {
        let enqueued = self.store.enqueue(job).await?;
        self.wake.signal();
        Ok(enqueued)
    }

    /// Cancels the job of this key unless it has ended. Says whether there was one.
    ///
    /// # Errors
    /// [`JobError`] when the store cannot be written.
    pub async fn cancel(
        &self,
        clinic: ClinicId,
        queue: &'static str,
        key: UniqueKey,
    ) -> Result<bool, JobError> {
        self.store.cancel(clinic, queue, key).await
    }

    /// The store, for whoever looks at queues or revives dead letters.
    #[must_use]
    pub fn store(&self) -> &dyn JobStore {
        &*self.store
    }

    /// Tells the worker of this process that something may be due.
    pub fn wake(&self) {
        self.wake.signal();
    }

    /// How the worker of this process does, where one runs.
    #[must_use]
    pub fn worker(&self) -> Option<&Arc<WorkerStatus>> {
        self.worker.get()
    }

    /// Starts describing a worker on these jobs.
    pub fn worker_on(&self) -> WorkerBuilder {
        healthcare_messaging::Worker::builder(Arc::clone(&self.store)).wake(&self.wake)
    }

    /// From now on [`worker`](Self::worker) tells of this one.
    pub(crate) fn watch(&self, worker: Arc<WorkerStatus>) {
        // A process has one worker: a second is not told of.
        let _ = self.worker.set(worker);
    }
}
