//! What can go wrong with a log. No variant carries an event's contents.

use std::{io, path::PathBuf, sync::Arc};
use uuid::Uuid;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a log stopped taking events. It stays stopped until it is opened again, which verifies what is on disk.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The disk or the quota is full.
    #[error("the audit log's disk is full: free space, then open the log again")]
    DiskFull(#[source] Arc<io::Error>),
    /// Writing or making durable failed. After a failed flush nothing can be believed, so nothing is tried again.
    #[error("the audit log could not be written: repair the disk, then open the log again")]
    Io(#[source] Arc<io::Error>),
    /// Somebody deleted the file being written.
    #[error("the audit log's file was deleted while it was in use: restore it, then open the log again")]
    Unlinked,
    /// The database refused or went away.
    #[error("the audit log's database could not be written")]
    Database(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Another writer moved the log on, so this one's idea of the chain is stale.
    #[error("another writer has taken over the audit log")]
    Superseded,
    /// The writer panicked: a defect.
    #[error("the audit log's writer panicked: report this")]
    Panicked,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(Arc::new(error)),
            _ => Self::Io(Arc::new(error)),
        }
    }
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another part of this one, holds the log.
    #[error("{} is in use by another process: one audit log has one writer, give this process a directory of its own", .0.display())]
    Locked(PathBuf),
    /// The directory or a file of it could not be used.
    #[error("the audit log in {} could not be opened", dir.display())]
    Io {
        /// The log's directory.
        dir: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// An entry that was durable is not what was written.
    #[error(
        "entry {sequence} of segment {segment} is corrupt: run the verifier, restore the file, and do not delete it"
    )]
    Corrupt {
        /// File name of the segment.
        segment: String,
        /// Sequence of the first wrong entry.
        sequence: u64,
    },
    /// Segments do not follow each other: one was deleted, swapped or taken from another log.
    #[error(
        "segment {segment} does not continue the one before it: run the verifier, restore the file, and do not delete it"
    )]
    BrokenChain {
        /// File name of the segment.
        segment: String,
    },
    /// The log is shorter than a checkpoint of it.
    #[error(
        "the log ends at entry {found}, but a checkpoint says that it had {expected}: it was cut or restored from an older copy"
    )]
    RolledBack {
        /// Entries the checkpoint vouches for.
        expected: u64,
        /// Entries found.
        found: u64,
    },
    /// The log differs from a checkpoint of it.
    #[error(
        "entry {sequence} differs from the checkpoint: the log was rewritten, or the checkpoint is of log {log}"
    )]
    Forked {
        /// The log the checkpoint is of.
        log: Uuid,
        /// The entry the checkpoint stands at.
        sequence: u64,
    },
    /// The checkpoint to compare with cannot be believed.
    #[error("the expected checkpoint cannot be believed")]
    Checkpoint(#[source] crate::CheckpointError),
    /// A limit or option makes no sense.
    #[error("the option {0} is out of range: see its documentation")]
    Option(&'static str),
    /// The writer could not be started.
    #[error("the audit log's writer could not be started")]
    Writer(#[source] Fault),
    /// The database is on another machine, and the connection would not check who answers.
    #[error("the audit log's database is on another machine: set sslmode=verify-full")]
    Unverified,
    /// The database could not be used.
    #[error("the audit log's database could not be opened")]
    Database(#[source] Cause),
}

/// Why entries could not be read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file could not be read.
    #[error("the audit log could not be read")]
    Io(#[from] io::Error),
    /// The database could not be read.
    #[error("the audit log's database could not be read")]
    Database(#[source] Cause),
    /// The bytes at this place are not an entry.
    #[error("segment {segment} cannot be read beyond entry {sequence}: run the verifier")]
    Corrupt {
        /// File name of the segment.
        segment: String,
        /// The last entry that could be read.
        sequence: u64,
    },
}

/// A body could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CipherError {
    /// There is no key for this clinic, or none yet.
    #[error("no audit key for this clinic")]
    NoKey,
    /// The bytes are not what was sealed, or were sealed for another place.
    #[error("the sealed body does not open under this clinic's audit key")]
    NotAuthentic,
    /// Anything else.
    #[error("sealing failed")]
    Other(#[source] Cause),
}
