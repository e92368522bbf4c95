use crate::{Job, JobError, JobLease, JobStore};
use healthcare_core::ClinicId;
use std::{fmt, sync::Arc};
use tokio_util::sync::CancellationToken;

/// One start of one job, as its handler sees it.
pub struct Attempt {
    lease: JobLease,
    clinic: ClinicId,
    tries: u32,
    tries_max: u32,
    reached: u8,
    store: Arc<dyn JobStore>,
    cancelled: CancellationToken,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attempt({} {} of {})", self.lease.id, self.tries, self.tries_max)
    }
}

impl Attempt {
    pub(super) fn of(job: &Job, store: Arc<dyn JobStore>, cancelled: CancellationToken) -> Self {
        let Job { lease, clinic, tries, tries_max, progress, .. } = job;
        let (lease, clinic, reached) = (*lease, *clinic, *progress);
        Self { lease, clinic, tries: *tries, tries_max: *tries_max, reached, store, cancelled }
    }

    /// The job, and the token of this start.
    #[must_use]
    pub const fn lease(&self) -> JobLease {
        self.lease
    }

    /// Whose job it is. Act in no other clinic.
    #[must_use]
    pub const fn clinic(&self) -> ClinicId {
        self.clinic
    }

    /// How often it was started, this time included.
    #[must_use]
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    /// Whether a failure now makes it a dead letter.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.tries >= self.tries_max
    }

    /// How far an earlier start said it was, by [`progress`](Self::progress); 0 at the first start. What must not be begun twice unawares says
    /// so before it begins, and asks here.
    #[must_use]
    pub const fn reached(&self) -> u8 {
        self.reached
    }

    /// Says how far it is, 0 to 100 per cent.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`] when another worker has it: stop.
    pub async fn progress(&self, percent: u8) -> Result<(), JobError> {
        let done = self.store.progress(self.lease, percent).await;
        if matches!(done, Err(JobError::LeaseLost)) {
            self.cancelled.cancel();
        }
        done
    }

    /// Resolves when the lease is lost, the time is over, or the worker stops and can wait no longer. What is done after that may be done twice.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Whether it was cancelled. For work that does not await.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// A token that hears of it, to be handed to other tasks.
    #[must_use]
    pub fn cancellation(&self) -> CancellationToken {
        self.cancelled.clone()
    }
}
