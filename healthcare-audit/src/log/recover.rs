//! Opening what a process left behind: cut what was never acknowledged, refuse what was changed.

use super::segment;
use crate::{
    frame::{self, Flaw, Frame, HASH_LEN, Hash, SEGMENT_HEADER_LEN, SegmentHead},
    storage::{Storage, StoredFile, read_whole},
};
use std::io;

/// Longest segment that is read, bytes: the longest that can be configured, and one batch.
pub(crate) const MAX_SEGMENT: u64 = (1 << 30) + (1 << 26);

/// Why a log cannot be recovered.
#[derive(Debug)]
pub(crate) enum Trouble {
    Io(io::Error),
    Corrupt { segment: u64, sequence: u64 },
    BrokenChain { segment: u64 },
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The end of a log as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) segments: Vec<u64>,
    pub(crate) segment: SegmentHead,
    /// The last segment up to its last whole entry.
    pub(crate) bytes: Vec<u8>,
    /// What came after it: writing that was never acknowledged.
    pub(crate) dropped: Vec<u8>,
    pub(crate) entries: u64,
    pub(crate) epoch: u64,
    /// Chain value of the last entry; zeros when there is none.
    pub(crate) head: Hash,
    /// Where the last write began: the only bytes whose durability is not proved.
    unproved: usize,
}

/// Looks at a directory. Removes nothing but a segment that was never finished being made.
pub(crate) fn find(storage: &dyn Storage) -> Result<Option<Found>, Trouble> {
    let mut segments = segment::all(storage)?;
    loop {
        let Some(&last) = segments.last() else { return Ok(None) };
        let bytes = read_whole(&*storage.open_to_read(&segment::name(last))?, MAX_SEGMENT)?;
        if let Some(head) = SegmentHead::parse(&bytes) {
            check_links(storage, &segments)?;
            if head.first != last {
                return Err(Trouble::BrokenChain { segment: last });
            }
            return scan(segments, head, bytes).map(Some);
        }
        // A header is made durable before anything follows it: a longer file had a good one once.
        if bytes.len() > SEGMENT_HEADER_LEN {
            return Err(Trouble::Corrupt { segment: last, sequence: last });
        }
        tracing::warn!(segment = last, "removing an audit segment that a crash left unfinished");
        storage.remove(&segment::name(last))?;
        storage.sync_dir()?;
        segments.pop();
    }
}

/// Every segment must name the chain value on which the one before it ends.
fn check_links(storage: &dyn Storage, segments: &[u64]) -> Result<(), Trouble> {
    let mut before: Option<(SegmentHead, Hash)> = None;
    for &first in segments {
        let broken = Trouble::BrokenChain { segment: first };
        let file = storage.open_to_read(&segment::name(first))?;
        let mut header = [0; SEGMENT_HEADER_LEN];
        let read = file.read_at(0, &mut header)?;
        let Some(head) = SegmentHead::parse(header.get(..read).unwrap_or_default()) else {
            return Err(broken);
        };
        let follows = match before {
            None => first == 1 && head.previous == [0; HASH_LEN],
            Some((earlier, end)) => {
                head.log == earlier.log && head.previous == end && head.epoch >= earlier.epoch
            }
        };
        if !follows || head.first != first {
            return Err(broken);
        }
        let mut end = [0; HASH_LEN];
        file.read_at(file.len()?.saturating_sub(32), &mut end)?;
        before = Some((head, end));
    }
    Ok(())
}

fn scan(segments: Vec<u64>, head: SegmentHead, mut bytes: Vec<u8>) -> Result<Found, Trouble> {
    let (mut at, mut sequence, mut epoch, mut hash) =
        (SEGMENT_HEADER_LEN, head.first, head.epoch, head.hash());
    let (mut unproved, mut batch) = (0, 0);
    let mut last = head.previous;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match frame::walk(rest, &hash, sequence, epoch) {
            Ok(frame) => {
                if frame.head.batch != batch {
                    (unproved, batch) = (at, frame.head.batch);
                }
                (hash, epoch) = (frame.hash, frame.head.epoch);
                last = hash;
                at += frame.len;
                sequence += 1;
            }
            Err(flaw) => {
                if flaw == Flaw::Order || was_durable(&bytes, at, &hash, sequence) {
                    return Err(Trouble::Corrupt { segment: head.first, sequence });
                }
                break;
            }
        }
    }
    let dropped = bytes.split_off(at);
    Ok(Found { segments, segment: head, bytes, dropped, entries: sequence - 1, epoch, head: last, unproved })
}

/// Whether something after a flaw proves that the flawed entry was durable once: an entry of a later write, which is only begun
/// when the one before is on disk. A torn write leaves at most entries of its own.
fn was_durable(bytes: &[u8], flaw: usize, previous: &Hash, sequence: u64) -> bool {
    let proves = |frame: Frame<'_>| frame.head.batch > sequence || frame.head.sequence < sequence;
    let flawed = bytes.get(flaw..).unwrap_or_default();
    // When it is the flawed entry's own chain value that is wrong, the next entry follows from what it should have been.
    if let Ok(frame) = frame::parse(flawed)
        && let Some(rest) = flawed.get(frame.len..)
        && frame::self_consistent(&frame::chain_value(flawed, &frame, previous), rest).is_some_and(proves)
    {
        return true;
    }
    let mut at = flaw;
    // What is hashed in vain is bounded, or markers planted in a body would make this quadratic.
    let mut patience = bytes.len().saturating_mul(4);
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.windows(4).position(|four| four == frame::MARKER))
    {
        let start = at + found;
        at = start + 1;
        let Some((before, rest)) = split_chain_value(bytes, start) else { continue };
        let Ok(candidate) = frame::parse(rest) else { continue };
        let Some(left) = patience.checked_sub(candidate.len) else { return true };
        patience = left;
        if frame::self_consistent(&before, rest).is_some_and(proves) {
            return true;
        }
    }
    false
}

fn split_chain_value(bytes: &[u8], at: usize) -> Option<(Hash, &[u8])> {
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((*before.last_chunk::<HASH_LEN>()?, rest))
}

impl Found {
    /// Makes what was found durable: cuts what was dropped, and writes the last batch again, because a flush that failed may have
    /// left it in the page cache alone, where it reads well and is lost with the power.
    pub(crate) fn settle(&self, storage: &dyn Storage) -> io::Result<Box<dyn StoredFile>> {
        let mut file = storage.open(&segment::name(self.segment.first))?;
        let last = self.bytes.get(self.unproved..).unwrap_or_default();
        file.write_at(u64::try_from(self.unproved).unwrap_or(u64::MAX), last)?;
        file.truncate(self.len())?;
        file.sync()?;
        storage.sync_dir()?;
        Ok(file)
    }

    pub(crate) fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// The chain value that the next entry or segment continues from.
    pub(crate) fn chain(&self) -> Hash {
        self.bytes.last_chunk::<HASH_LEN>().copied().unwrap_or_default()
    }

    /// The entries of the last segment with their places, oldest first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (usize, Frame<'_>)> {
        frames(&self.bytes)
    }
}

/// The entries of a segment with their places, oldest first, until the first bytes that are none.
pub(crate) fn frames(bytes: &[u8]) -> impl Iterator<Item = (usize, Frame<'_>)> {
    let mut at = SEGMENT_HEADER_LEN;
    std::iter::from_fn(move || {
        let frame = frame::parse(bytes.get(at..)?).ok()?;
        let place = at;
        at += frame.len;
        Some((place, frame))
    })
}

/// The chain value of one entry, or nothing when it is not there.
pub(crate) fn chain_value_at(
    storage: &dyn Storage,
    segments: &[u64],
    sequence: u64,
) -> io::Result<Option<Hash>> {
    let Some(&first) = segments.iter().rfind(|first| **first <= sequence) else { return Ok(None) };
    let bytes = read_whole(&*storage.open_to_read(&segment::name(first))?, MAX_SEGMENT)?;
    let found =
        frames(&bytes).find(|(_, frame)| frame.head.sequence == sequence).map(|(_, frame)| frame.hash);
    Ok(found)
}
