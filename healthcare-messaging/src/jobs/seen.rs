use healthcare_core::ClinicId;
use jiff::Timestamp;
use std::fmt;
use uuid::Uuid;

/// The class of the error of jobs whose lease ran out: the worker died or hung.
pub(crate) const ABANDONED: &str = "abandoned";

/// Which jobs are meant; all of them by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this clinic; of every clinic when none is named, which is for those who run the house.
    pub clinic: Option<ClinicId>,
    /// In this queue.
    pub queue: Option<String>,
}

impl JobFilter {
    /// The jobs of a clinic.
    #[must_use]
    pub const fn clinic(clinic: ClinicId) -> Self {
        Self { clinic: Some(clinic), queue: None }
    }

    /// Of those, the jobs in this queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }
}

/// How many jobs of a queue are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueCount {
    /// The queue.
    pub queue: String,
    /// They may start now.
    pub due: u64,
    /// They may start later: not before their time, or to be tried again.
    pub delayed: u64,
    /// A worker holds them, or held them until it died.
    pub running: u64,
    /// Done, and not purged yet.
    pub done: u64,
    /// Cancelled, and not purged yet.
    pub cancelled: u64,
    /// Dead letters.
    pub dead: u64,
    /// Since when the first of the waiting ones may start, or when it may.
    pub first_due_at: Option<Timestamp>,
}

impl QueueCount {
    /// Nothing in `queue`.
    #[must_use]
    pub fn of(queue: impl Into<String>) -> Self {
        Self { queue: queue.into(), ..Self::default() }
    }
}

/// Why a job is not tried any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeathReason {
    /// Its last start never came to an end: the worker died or hung.
    Abandoned,
    /// Each of its tries failed.
    TriesUsed,
    /// Its handler said that no further try would help.
    Fatal,
}

impl DeathReason {
    /// The reason of a job that died with this class after so many tries.
    #[must_use]
    pub fn of(error_class: &str, tries: u32, tries_max: u32) -> Self {
        match error_class {
            ABANDONED => Self::Abandoned,
            _ if tries >= tries_max => Self::TriesUsed,
            _ => Self::Fatal,
        }
    }
}

impl fmt::Display for DeathReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abandoned => "its last start never came to an end",
            Self::TriesUsed => "each of its tries failed",
            Self::Fatal => "its handler gave it up",
        })
    }
}

/// A job that is not tried any more.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub clinic: ClinicId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// How often it was started.
    pub tries: u32,
    /// How often it could be.
    pub tries_max: u32,
    /// Why it is dead.
    pub reason: DeathReason,
    /// The class of the last error; no text of an error is kept.
    pub error_class: String,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it died.
    pub died_at: Timestamp,
}

impl DeadLetter {
    /// What a store knows of a dead job, which died at `times.1` and was enqueued at `times.0`.
    #[must_use]
    pub fn new(
        id: Uuid,
        clinic: ClinicId,
        (queue, kind): (String, String),
        (tries, tries_max): (u32, u32),
        error_class: String,
        times: (Timestamp, Timestamp),
    ) -> Self {
        let reason = DeathReason::of(&error_class, tries, tries_max);
        let (created_at, died_at) = times;
        Self { id, clinic, queue, kind, tries, tries_max, reason, error_class, created_at, died_at }
    }
}

/// How a job can have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finished {
    /// Done.
    Done,
    /// Cancelled.
    Cancelled,
    /// A dead letter.
    Dead,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Finished {
    /// Its name in the table.
    pub(crate) const fn state(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}
