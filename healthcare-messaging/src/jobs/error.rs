/// A job was not enqueued, claimed or settled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// Another worker has the job by now, or it has ended. Nothing was changed: stop working on it.
    #[error("the lease is lost: another worker has the job, or it has ended")]
    LeaseLost,
    /// The call asks for something that is out of range. Nothing was changed.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The store could not be read or written. Whether something was changed is not known; a lease runs out by itself.
    #[error("the jobs could not be read or written")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a job works on cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// This process has no key for it, for now or at all: another may.
    #[error("the key of what this job works on is not here")]
    NoKey,
    /// It was changed, or sealed for another job.
    #[error("what this job works on does not open")]
    Changed,
}
