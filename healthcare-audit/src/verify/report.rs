//! What the verifier found.

use std::fmt;
use uuid::Uuid;

/// Most findings that are kept; the rest is counted.
const MOST: usize = 100;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong {
    /// Header, body or chain value were changed, or the entry was put here from elsewhere.
    Changed,
    /// Another entry stands here: entries were removed, repeated or swapped.
    OutOfPlace {
        /// The one that stands here.
        found: u64,
    },
    /// Its fields hold what no writer writes.
    Irregular,
    /// The bytes here begin no entry.
    Unreadable,
    /// The segment's header was changed.
    Header,
    /// The segment does not continue the one before: one is missing, or is from another log.
    Link,
    /// The segment ends within this entry, and is not the last.
    Cut,
    /// The log ends within this entry: it is being written now, or a crash tore it, or somebody cut it.
    Unfinished,
    /// The log ends before this entry, which a checkpoint or the writer says that it had.
    Missing,
    /// The chain is whole and differs from the checkpoint: everything from some entry on was written anew.
    Rewritten,
    /// The checkpoint is of another log.
    OtherLog,
    /// The checkpoint's signature is not by the expected key.
    CheckpointSignature,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("was changed"),
            Self::OutOfPlace { found } => write!(f, "is missing or moved: entry {found} stands in its place"),
            Self::Irregular => f.write_str("holds what no writer writes"),
            Self::Unreadable => f.write_str("cannot be read: the bytes in its place are no entry"),
            Self::Header => f.write_str("cannot be trusted: its segment's header was changed"),
            Self::Link => {
                f.write_str("does not continue the segment before: one is missing, or this is another log's")
            }
            Self::Cut => f.write_str("is cut off in the middle of the log"),
            Self::Unfinished => f.write_str("is unfinished: it is being written now, or was torn or cut"),
            Self::Missing => f.write_str("is missing: the log was cut, or restored from an older copy"),
            Self::Rewritten => {
                f.write_str("differs from the checkpoint: it, or something before it, was written anew")
            }
            Self::OtherLog => f.write_str("cannot be compared: the checkpoint is of another log"),
            Self::CheckpointSignature => {
                f.write_str("cannot be compared: the checkpoint's signature is wrong")
            }
        }
    }
}

/// One wrong entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The segment's name.
    pub segment: String,
    /// The entry's number in the log, from 1.
    pub sequence: u64,
    /// What is wrong with it.
    pub wrong: Wrong,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} in {} {}", self.sequence, self.segment, self.wrong)
    }
}

/// The verifier's answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// There is no log here, and none was expected.
    Empty,
    /// Every entry that was looked at is as it was written.
    Sound,
    /// Every whole entry is, and the last is not whole.
    Unfinished,
    /// Something is wrong.
    Broken,
}

/// What the verifier found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The log's id.
    pub log: Option<Uuid>,
    /// Segments looked at.
    pub segments: u64,
    /// The first entry looked at.
    pub from: u64,
    /// The last entry found; 0 for none.
    pub entries: u64,
    /// Audit events among those looked at.
    pub events: u64,
    /// Openings of the log among them.
    pub openings: u64,
    /// Bytes of unfinished writing that openings cut, in sum.
    pub dropped_bytes: u64,
    /// Events that were refused because the queue was full, in sum.
    pub refused: u64,
    /// What is wrong, in the order of the log; at most 100.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more: u64,
    /// Whether a checkpoint was compared and agreed.
    pub agrees_with_checkpoint: bool,
}

impl Report {
    /// The answer in one word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.findings.as_slice() {
            [] if self.log.is_none() => Verdict::Empty,
            [] => Verdict::Sound,
            [Finding { wrong: Wrong::Unfinished, .. }] => Verdict::Unfinished,
            _ => Verdict::Broken,
        }
    }

    pub(super) fn add(&mut self, segment: &str, sequence: u64, wrong: Wrong) {
        if self.findings.len() < MOST {
            self.findings.push(Finding { segment: segment.to_owned(), sequence, wrong });
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.log {
            Some(log) => writeln!(f, "log {log}")?,
            None => writeln!(f, "no log")?,
        }
        writeln!(
            f,
            "entries {} to {} in {} segments: {} events, {} openings, {} events refused, {} unfinished bytes cut",
            self.from,
            self.entries,
            self.segments,
            self.events,
            self.openings,
            self.refused,
            self.dropped_bytes
        )?;
        for finding in &self.findings {
            writeln!(f, "WRONG: {finding}")?;
        }
        if self.more > 0 {
            writeln!(f, "WRONG: {} more", self.more)?;
        }
        let checkpoint = if self.agrees_with_checkpoint { ", and agrees with the checkpoint" } else { "" };
        match self.verdict() {
            Verdict::Empty => write!(f, "nothing to verify"),
            Verdict::Sound => write!(f, "sound{checkpoint}"),
            Verdict::Unfinished => write!(f, "sound up to its last entry, which is unfinished{checkpoint}"),
            Verdict::Broken => write!(f, "broken"),
        }
    }
}
