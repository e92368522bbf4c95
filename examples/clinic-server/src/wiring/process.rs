//! What a process of this program does, of all that there is to do.

use std::path::{Path, PathBuf};

/// A process of this program. Each writes an audit log of its own in the data directory: one log has one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Everything.
    All,
    /// The API and the pages.
    Serve,
    /// What runs on its own: jobs, relay, listeners, housekeeping.
    Worker,
    /// What holds connections open.
    Realtime,
    /// An import beside the others.
    Import,
    /// The making of a clinic beside the others.
    Clinic,
}

impl Process {
    /// One for each log that there may be.
    pub(crate) const EACH_WITH_A_LOG: [Self; 5] =
        [Self::Serve, Self::Worker, Self::Realtime, Self::Import, Self::Clinic];

    /// The log's directory.
    #[must_use]
    pub fn audit_dir(self, data_dir: &Path) -> PathBuf {
        data_dir.join("audit").join(self.log_name())
    }

    /// The directory of the second place, for emergencies.
    #[must_use]
    pub fn spill_dir(self, audit_spill: &Path) -> PathBuf {
        audit_spill.join(self.log_name())
    }

    const fn log_name(self) -> &'static str {
        match self {
            // Either serves: a clinic that begins with one process goes on in the same log with several.
            Self::All | Self::Serve => "serve",
            Self::Worker => "worker",
            Self::Realtime => "realtime",
            Self::Import => "import",
            Self::Clinic => "clinic",
        }
    }

    /// Whether it answers requests for records.
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::All | Self::Serve)
    }

    /// Whether it does what runs on its own.
    #[must_use]
    pub const fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Whether it holds connections open.
    #[must_use]
    pub const fn connects(self) -> bool {
        matches!(self, Self::All | Self::Realtime)
    }

    /// Whether nothing else works on the database for long, so that what it keeps in memory is told of every change: commands that run
    /// beside the others tell them through the outbox.
    #[must_use]
    pub const fn is_alone(self) -> bool {
        matches!(self, Self::All | Self::Import | Self::Clinic)
    }
}
