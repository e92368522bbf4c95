use healthcare_core::ClinicId;
use jiff::Timestamp;
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// What has become of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// It waits for its time, for a worker, or for another try.
    Waiting,
    /// A worker holds it, or held it until it died.
    Running,
    /// Done.
    Done,
    /// Cancelled.
    Cancelled,
    /// A dead letter.
    Dead,
}

impl JobState {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Running, Self::Done, Self::Cancelled, Self::Dead];

    /// Its name: `waiting`, `running`, `done`, `cancelled` or `dead`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is the name of no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job is waiting, running, done, cancelled or dead")]
pub struct UnknownState;

impl FromStr for JobState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UnknownState)
    }
}

/// A job as whoever looks after the queues sees it. What it works on is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedJob {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub clinic: ClinicId,
    /// Its queue.
    pub queue: String,
    /// Its kind.
    pub kind: String,
    /// What has become of it.
    pub state: JobState,
    /// How often it was started.
    pub tries: u32,
    /// How often it may be started.
    pub tries_max: u32,
    /// How far it is, 0 to 100 per cent.
    pub progress: u8,
    /// The class of its last error, when there was one.
    pub error_class: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When it may start; of one that runs, when its lease is over; of one that ended, when that was.
    pub at: Timestamp,
}

impl ListedJob {
    /// What a store knows of a job that is in `state` since or until `times.1`, and was enqueued at `times.0`.
    #[must_use]
    pub fn new(
        id: Uuid,
        clinic: ClinicId,
        (queue, kind): (String, String),
        state: JobState,
        (tries, tries_max): (u32, u32),
        times: (Timestamp, Timestamp),
    ) -> Self {
        let (created_at, at) = times;
        let (progress, error_class) = (0, None);
        Self { id, clinic, queue, kind, state, tries, tries_max, progress, error_class, created_at, at }
    }

    /// So far, after an error of this class.
    #[must_use]
    pub fn so_far(mut self, percent: u8, error_class: Option<String>) -> Self {
        (self.progress, self.error_class) = (percent, error_class);
        self
    }
}
