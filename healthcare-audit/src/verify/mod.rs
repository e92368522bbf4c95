//! The independent verifier: reads a log, says which entry is wrong and why, changes nothing.
//!
//! It shares no code with the writer: the layout is parsed and the chain is computed here a second time, from `docs/format.md`.
//! It needs no keys, because the chain runs over ciphertext.
//!
//! ```
//! use healthcare_audit::verify::{Verdict, Verifier};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # healthcare_audit::AuditLog::builder(dir.path(), healthcare_audit::testing::cipher()).open()?.close()?;
//! let report = Verifier::directory(dir.path()).run()?;
//! println!("{report}");
//! assert_eq!(report.verdict(), Verdict::Sound);
//! # Ok(())
//! # }
//! ```

mod layout;
mod report;
mod source;
mod walk;

pub use report::{Finding, Report, Verdict, Wrong};

use crate::{Checkpoint, CheckpointKey};
use source::Source;
use std::{
    fmt,
    io::{self, Read},
    path::PathBuf,
};

/// Verifies one log.
pub struct Verifier {
    source: Source,
    checkpoint: Option<(Checkpoint, CheckpointKey)>,
    since: bool,
    until: Option<u64>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Of the log in a directory. It may be in use: see [`until`](Self::until).
    pub fn directory(dir: impl Into<PathBuf>) -> Self {
        Self::new(Source::Directory(dir.into()))
    }

    /// Of segments from anywhere: a copy, a backup, a table. Each has its file's name, which says its order.
    pub fn segments<R: Read + Send + 'static>(segments: impl IntoIterator<Item = (String, R)>) -> Self {
        let streams = segments.into_iter().map(|(name, bytes)| {
            let bytes: Box<dyn Read + Send> = Box::new(bytes);
            (name, bytes)
        });
        Self::new(Source::Streams(streams.collect()))
    }

    const fn new(source: Source) -> Self {
        Self { source, checkpoint: None, since: false, until: None }
    }

    /// Compares with a checkpoint that was kept elsewhere: a log that was cut, restored from an older copy or rewritten does not
    /// agree with it.
    #[must_use]
    pub fn against(mut self, checkpoint: Checkpoint, key: CheckpointKey) -> Self {
        self.checkpoint = Some((checkpoint, key));
        self
    }

    /// Begins at the segment that holds the checkpoint's entry, instead of at the beginning. What lies before is fixed by the
    /// checkpoint, but not looked at.
    #[must_use]
    pub const fn since_checkpoint(mut self) -> Self {
        self.since = true;
        self
    }

    /// Ends after this entry, which must be there: what a running writer adds meanwhile is left alone.
    #[must_use]
    pub const fn until(mut self, entry: u64) -> Self {
        self.until = Some(entry);
        self
    }

    /// Reads and checks.
    ///
    /// # Errors
    /// An input error. What is wrong with the log is in the [`Report`].
    pub fn run(self) -> io::Result<Report> {
        walk::run(self.source, self.checkpoint.as_ref(), self.since, self.until)
    }
}
