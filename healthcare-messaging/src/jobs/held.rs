use super::Unreadable;
use healthcare_core::ClinicId;
use std::fmt;
use uuid::Uuid;

/// Whether a job was enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enqueued {
    /// It was.
    New,
    /// Its id or its unique key was known: nothing was added.
    Known,
}

/// How many jobs of a queue a worker has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The queue.
    pub queue: &'static str,
    /// The most.
    pub limit: u32,
}

/// One start of one job. Whoever was given a newer one holds the job; this one then settles nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobLease {
    /// The job's id.
    pub id: Uuid,
    /// The fencing token: it grows with each start of the job.
    pub token: i64,
}

/// A job that was claimed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// What settles it.
    pub lease: JobLease,
    /// Whose it is.
    pub clinic: ClinicId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// What it works on.
    pub payload: Result<Vec<u8>, Unreadable>,
    /// How often it was started, this time included.
    pub tries: u32,
    /// How often it may be started.
    pub tries_max: u32,
    /// How often it was given back without using a try.
    pub returns: u32,
    /// How far an earlier start said it was, 0 to 100; 0 at the first, and after a revival.
    pub progress: u8,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lease, kind, queue, tries, tries_max, .. } = self;
        write!(f, "Job({kind} {} in {queue}, try {tries} of {tries_max}, token {})", lease.id, lease.token)
    }
}

/// What a claim brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claimed {
    /// Jobs to work on.
    pub jobs: Vec<Job>,
    /// Jobs that had used up their tries without coming to an end, and are dead letters now.
    pub buried: u64,
}

impl Claimed {
    /// What a store found.
    #[must_use]
    pub const fn new(jobs: Vec<Job>, buried: u64) -> Self {
        Self { jobs, buried }
    }
}

/// What became of a job that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It waits for another try.
    Retried,
    /// It is a dead letter.
    Dead,
}
