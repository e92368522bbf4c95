//! The first bytes of a segment.

use super::{Cursor, Hash};
use ring::digest;
use uuid::Uuid;

/// Length of a segment header, bytes.
pub(crate) const SEGMENT_HEADER_LEN: usize = 112;
const MAGIC: [u8; 8] = *b"HCAUDIT\n";
const VERSION: u8 = 1;
const DOMAIN: &[u8] = b"healthcare-audit segment v1\n";

/// Who a segment belongs to, where it begins and what it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) log: Uuid,
    /// Sequence of the first entry of the segment.
    pub(crate) first: u64,
    pub(crate) epoch: u64,
    /// Last chain value of the segment before; zeros in the first.
    pub(crate) previous: Hash,
}

impl SegmentHead {
    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_LEN);
        out.extend_from_slice(&MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&[0; 7]);
        out.extend_from_slice(self.log.as_bytes());
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.previous);
        out
    }

    /// The chain value that the first entry of the segment continues from.
    pub(crate) fn hash(&self) -> Hash {
        header_hash(&self.fields())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.fields();
        let hash = header_hash(&out);
        out.extend_from_slice(&hash);
        out
    }

    /// The header, or nothing when these bytes are not exactly one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut at = Cursor(bytes);
        let fields = Cursor(bytes).slice(SEGMENT_HEADER_LEN - 32)?;
        if at.array()? != MAGIC || at.u8()? != VERSION || at.array()? != [0_u8; 7] {
            return None;
        }
        let head = Self {
            log: Uuid::from_bytes(at.array()?),
            first: at.u64()?,
            epoch: at.u64()?,
            previous: at.array()?,
        };
        (at.array::<32>()? == header_hash(fields)).then_some(head)
    }
}

fn header_hash(fields: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(DOMAIN);
    context.update(fields);
    super::entry::finish(context)
}
