//! The log in memory: the same entries and chain, kept nowhere.

use super::{
    backend::{Archive, Backend, Placing, Tip, Unplaced},
    segment,
};
use crate::{
    Fault, ReadError,
    frame::{self, EntryKind, Frame, HASH_LEN, Hash, SegmentHead},
    verify::Verifier,
};
use healthcare_core::Clock;
use std::{
    io::Cursor,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

type Entries = Arc<Mutex<Vec<Vec<u8>>>>;

#[derive(Debug)]
pub(crate) struct MemoryBackend {
    entries: Entries,
    chain: Hash,
    tip: Tip,
    clock: Arc<dyn Clock>,
}

#[derive(Debug)]
pub(crate) struct MemoryArchive {
    header: Vec<u8>,
    entries: Entries,
}

impl MemoryBackend {
    pub(crate) fn begin(clock: Arc<dyn Clock>) -> (Self, MemoryArchive) {
        let entries = Entries::default();
        let head = SegmentHead { log: Uuid::now_v7(), first: 1, epoch: 1, previous: [0; HASH_LEN] };
        let tip = Tip { log: head.log, entries: 0, epoch: 1, head: [0; HASH_LEN] };
        let archive = MemoryArchive { header: head.encode(), entries: Arc::clone(&entries) };
        (Self { entries, chain: head.hash(), tip, clock }, archive)
    }

    pub(crate) const fn tip(&self) -> Tip {
        self.tip
    }
}

impl Backend for MemoryBackend {
    fn append(&mut self, batch: &[Unplaced<'_>]) -> Result<Tip, Fault> {
        let placing = Placing {
            epoch: self.tip.epoch,
            after: self.tip.entries,
            previous: self.chain,
            clock: &self.clock,
        };
        let (mut bytes, mut ranges) = (Vec::new(), Vec::new());
        let (entries, head) = placing.encode(batch, &mut bytes, |_, range| ranges.push(range));
        let mut kept = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(ranges.into_iter().filter_map(|range| bytes.get(range).map(<[u8]>::to_vec)));
        self.chain = head;
        self.tip = Tip { entries, head, ..self.tip };
        Ok(self.tip)
    }

    fn poisoned_by(&self, _: &Fault) -> bool {
        true
    }
}

impl Archive for MemoryArchive {
    fn newest(
        &self,
        clinic: Uuid,
        before: u64,
        _: u64,
        visit: &mut dyn FnMut(&Frame<'_>) -> bool,
    ) -> Result<Option<u64>, ReadError> {
        let kept = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in kept.iter().rev().filter_map(|bytes| frame::parse(bytes).ok()) {
            let wanted = frame.head.kind == EntryKind::Event && frame.head.clinic == clinic;
            if wanted && frame.head.sequence < before && visit(&frame) {
                return Ok(Some(frame.head.sequence));
            }
        }
        Ok(None)
    }

    fn verifier(&self) -> Verifier {
        let kept = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = [self.header.clone(), kept.concat()].concat();
        Verifier::segments([(segment::name(1), Cursor::new(bytes))])
    }
}
