use super::Attempt;
use crate::JobKind;
use async_trait::async_trait;
use std::time::Duration;

/// How a handler came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The job is done.
    Complete,
    /// It is too early, or another time is better: start it again after this long. Uses no try.
    Snooze(Duration),
}

/// A try failed. It carries a class and no text: what an error says may hold personal data, and this is stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the job failed: {class}")]
pub struct JobFailure {
    pub(super) class: &'static str,
    pub(super) again: Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Backoff,
    After(Duration),
    Never,
}

impl JobFailure {
    /// To be tried again after the worker's backoff. `class` is named as a queue is: `smtp.unavailable`.
    #[must_use]
    pub const fn retry(class: &'static str) -> Self {
        Self { class, again: Again::Backoff }
    }

    /// To be tried again after this long, because the other side said so.
    #[must_use]
    pub const fn retry_after(class: &'static str, wait: Duration) -> Self {
        Self { class, again: Again::After(wait) }
    }

    /// Not to be tried again: the job is a dead letter.
    #[must_use]
    pub const fn fatal(class: &'static str) -> Self {
        Self { class, again: Again::Never }
    }

    /// The class.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        self.class
    }
}

/// Does the jobs of one kind.
///
/// A job may be started more than once, also when it was nearly done: do what may be done twice, or remember what was done in the transaction
/// that does it.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// The kind.
    type Job: JobKind;

    /// Does one job. Dropped when its lease is lost, when it takes longer than the worker's time limit, and at the end of the drain time; shortly
    /// before, [`Attempt::cancelled`] resolves.
    ///
    /// # Errors
    /// [`JobFailure`] when it is not done.
    async fn run(&self, job: Self::Job, attempt: &Attempt) -> Result<Done, JobFailure>;
}

/// A handler whose kind is not in its type.
#[async_trait]
pub(super) trait AnyHandler: Send + Sync {
    async fn run(&self, payload: &[u8], attempt: &Attempt) -> Result<Done, JobFailure>;
}

pub(super) struct Typed<H>(pub(super) H);

/// The class of a job whose payload is not what its kind expects.
pub(super) const UNREADABLE: JobFailure = JobFailure::retry("unreadable");

#[async_trait]
impl<H: JobHandler> AnyHandler for Typed<H> {
    async fn run(&self, payload: &[u8], attempt: &Attempt) -> Result<Done, JobFailure> {
        match serde_json::from_slice(payload) {
            Ok(job) => self.0.run(job, attempt).await,
            // The error's text would repeat what is written there.
            Err(_) => Err(UNREADABLE),
        }
    }
}
