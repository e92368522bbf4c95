//! The bytes of a log, as the writer makes and recovers them. `docs/format.md` is the description; the verifier has a
//! parser of its own, so that a mistake here cannot hide itself.

mod bytes;
mod entry;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use bytes::Cursor;
pub(crate) use entry::{
    EntryKind, Flaw, Frame, FrameHead, HASH_LEN, Hash, MARKER, MAX_BODY, chain_value, closed, encode, gap,
    opened, parse, self_consistent, walk,
};
pub(crate) use segment::{SEGMENT_HEADER_LEN, SegmentHead};
