//! Where a batch becomes durable: files, PostgreSQL or memory.

use crate::{
    Fault, ReadError,
    frame::{self, FrameHead, Hash},
    verify::Verifier,
};
use healthcare_core::Clock;
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// The end of the log: what is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) log: Uuid,
    /// Sequence of the last entry; 0 for an empty log.
    pub(crate) entries: u64,
    pub(crate) epoch: u64,
    /// Chain value of the last entry; zeros for an empty log.
    pub(crate) head: Hash,
}

/// An entry to be written: a header without a place yet, and its body.
pub(crate) type Unplaced<'a> = (FrameHead, &'a [u8]);

/// The one writer's half of a log.
pub(crate) trait Backend: fmt::Debug + Send {
    /// Writes the batch and makes it durable. After an error nothing of it counts.
    fn append(&mut self, batch: &[Unplaced<'_>]) -> Result<Tip, Fault>;

    /// Whether an error leaves it unable to go on until the log is opened again.
    fn poisoned_by(&self, fault: &Fault) -> bool;
}

/// The reading half of a log.
pub(crate) trait Archive: fmt::Debug + Send + Sync {
    /// Gives entries of a clinic, newest first, beginning before `before`, until `visit` says that it has enough or `budget`
    /// bytes were looked at. Tells where to go on, or that there is nothing more.
    fn newest(
        &self,
        clinic: Uuid,
        before: u64,
        budget: u64,
        visit: &mut dyn FnMut(&frame::Frame<'_>) -> bool,
    ) -> Result<Option<u64>, ReadError>;

    /// A verifier of all of it.
    fn verifier(&self) -> Verifier;
}

/// Gives every entry of a batch its place and appends its bytes.
pub(crate) struct Placing<'a> {
    pub(crate) epoch: u64,
    /// Sequence of the last entry before the batch.
    pub(crate) after: u64,
    /// The chain value to continue from.
    pub(crate) previous: Hash,
    pub(crate) clock: &'a Arc<dyn Clock>,
}

impl Placing<'_> {
    /// The bytes of each entry, one after the other, calling `placed` for each.
    pub(crate) fn encode(
        &self,
        batch: &[Unplaced<'_>],
        out: &mut Vec<u8>,
        mut placed: impl FnMut(&FrameHead, std::ops::Range<usize>),
    ) -> (u64, Hash) {
        let written = self.clock.now().as_microsecond();
        let (mut sequence, mut hash) = (self.after, self.previous);
        for (head, body) in batch {
            sequence += 1;
            let head = FrameHead { sequence, epoch: self.epoch, batch: self.after + 1, written, ..*head };
            let start = out.len();
            hash = frame::encode(out, &head, body, &hash);
            placed(&head, start..out.len());
        }
        (sequence, hash)
    }
}
