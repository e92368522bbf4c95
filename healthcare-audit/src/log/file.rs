//! The log on files.

use super::{
    backend::{Archive, Backend, Placing, Tip, Unplaced},
    index::{Index, Place},
    recover::{self, Found, MAX_SEGMENT},
    segment,
};
use crate::{
    Fault, ReadError,
    frame::{self, EntryKind, Frame, HASH_LEN, Hash, SEGMENT_HEADER_LEN, SegmentHead},
    storage::{OsStorage, Storage, StoredFile, read_whole},
    verify::Verifier,
};
use healthcare_core::Clock;
use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// The writer of a directory.
pub(crate) struct FileBackend {
    storage: Arc<dyn Storage>,
    /// Held for as long as the writer lives.
    _lock: Box<dyn Send + Sync>,
    file: Box<dyn StoredFile>,
    segment: u64,
    position: u64,
    chain: Hash,
    tip: Tip,
    segment_bytes: u64,
    clock: Arc<dyn Clock>,
    index: Arc<Mutex<Index>>,
}

impl fmt::Debug for FileBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBackend")
            .field("segment", &self.segment)
            .field("tip", &self.tip)
            .finish_non_exhaustive()
    }
}

/// What an opened directory gives.
pub(crate) struct Parts {
    pub(crate) backend: FileBackend,
    pub(crate) archive: FileArchive,
    /// What was found, when there was a log.
    pub(crate) found: Option<Found>,
}

impl FileBackend {
    /// Begins a log, or goes on with the one found, in a new epoch.
    pub(crate) fn begin(
        storage: Arc<dyn Storage>,
        lock: Box<dyn Send + Sync>,
        found: Option<Found>,
        segment_bytes: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Parts, Fault> {
        let mut index = Index::starting_at(found.as_ref().map_or(1, |found| found.segment.first));
        let (file, segment, position, chain, tip);
        if let Some(found) = &found {
            file = found.settle(&*storage)?;
            (segment, position, chain) = (found.segment.first, found.len(), found.chain());
            tip = Tip {
                log: found.segment.log,
                entries: found.entries,
                epoch: found.epoch + 1,
                head: found.head,
            };
            index.segments.clone_from(&found.segments);
            for (offset, frame) in found.frames().filter(|(_, frame)| frame.head.kind == EntryKind::Event) {
                index.insert(frame.head.clinic, place(segment, offset, &frame));
            }
        } else {
            let head = SegmentHead { log: Uuid::now_v7(), first: 1, epoch: 1, previous: [0; HASH_LEN] };
            file = segment::create(&*storage, &head)?;
            (segment, position, chain) = (1, header_len(), head.hash());
            tip = Tip { log: head.log, entries: 0, epoch: 1, head: [0; HASH_LEN] };
            index.segments.push(1);
        }
        index.durable = position;
        let index = Arc::new(Mutex::new(index));
        let archive = FileArchive { storage: Arc::clone(&storage), index: Arc::clone(&index) };
        let mut backend =
            Self { storage, _lock: lock, file, segment, position, chain, tip, segment_bytes, clock, index };
        let (head, body) = frame::opened(found.as_ref().map_or(&[], |found| &found.dropped));
        backend.append(&[(head, &body)])?;
        Ok(Parts { backend, archive, found })
    }

    pub(crate) const fn tip(&self) -> Tip {
        self.tip
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on in a new segment.
    fn rotate(&mut self) -> io::Result<()> {
        let head = SegmentHead {
            log: self.tip.log,
            first: self.tip.entries + 1,
            epoch: self.tip.epoch,
            previous: self.chain,
        };
        self.file = segment::create(&*self.storage, &head)?;
        (self.segment, self.position, self.chain) = (head.first, header_len(), head.hash());
        let mut index = self.index();
        index.segments.push(head.first);
        index.durable = header_len();
        Ok(())
    }
}

impl Backend for FileBackend {
    fn append(&mut self, batch: &[Unplaced<'_>]) -> Result<Tip, Fault> {
        if self.position >= self.segment_bytes {
            self.rotate()?;
        }
        let placing = Placing {
            epoch: self.tip.epoch,
            after: self.tip.entries,
            previous: self.chain,
            clock: &self.clock,
        };
        let (segment, base) = (self.segment, self.position);
        let (mut bytes, mut places) = (Vec::new(), Vec::with_capacity(batch.len()));
        let (entries, head) = placing.encode(batch, &mut bytes, |head, range| {
            if head.kind == EntryKind::Event {
                let offset = base.saturating_add(u64::try_from(range.start).unwrap_or(u64::MAX));
                places.push((
                    head.clinic,
                    Place { segment, offset, len: range.len(), sequence: head.sequence },
                ));
            }
        });
        self.file.write_at(self.position, &bytes)?;
        self.file.sync()?;
        if !self.file.is_linked()? {
            return Err(Fault::Unlinked);
        }
        self.position = self.position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.chain = head;
        self.tip = Tip { entries, head, ..self.tip };
        let mut index = self.index();
        index.durable = self.position;
        for (clinic, place) in places {
            index.insert(clinic, place);
        }
        drop(index);
        Ok(self.tip)
    }

    /// Always: after a failed write or flush the file's contents are not known until it is read again.
    fn poisoned_by(&self, _: &Fault) -> bool {
        true
    }
}

fn header_len() -> u64 {
    u64::try_from(SEGMENT_HEADER_LEN).unwrap_or(u64::MAX)
}

fn place(segment: u64, offset: usize, frame: &Frame<'_>) -> Place {
    let offset = u64::try_from(offset).unwrap_or(u64::MAX);
    Place { segment, offset, len: frame.len, sequence: frame.head.sequence }
}

/// The reader of a directory whose writer is in this process.
#[derive(Debug)]
pub(crate) struct FileArchive {
    storage: Arc<dyn Storage>,
    index: Arc<Mutex<Index>>,
}

impl FileArchive {
    /// A reader of what stands in a directory now, whoever writes there.
    pub(crate) fn read_only(dir: &Path) -> io::Result<Self> {
        let storage = OsStorage::existing(dir);
        let mut index = Index::starting_at(u64::MAX);
        index.segments = segment::all(&storage)?;
        // A last entry that is being written is not whole, and is left out by the parser.
        index.durable = u64::MAX;
        Ok(Self { storage: Arc::new(storage), index: Arc::new(Mutex::new(index)) })
    }

    fn read_place(&self, place: Place, visit: &mut dyn FnMut(&Frame<'_>) -> bool) -> Result<bool, ReadError> {
        let file = self.storage.open_to_read(&segment::name(place.segment))?;
        let mut bytes = vec![0; place.len];
        let read = file.read_at(place.offset, &mut bytes)?;
        match frame::parse(bytes.get(..read).unwrap_or_default()) {
            Ok(frame) if frame.head.sequence == place.sequence => Ok(visit(&frame)),
            _ => Err(ReadError::Corrupt { segment: segment::name(place.segment), sequence: place.sequence }),
        }
    }
}

impl Archive for FileArchive {
    fn newest(
        &self,
        clinic: Uuid,
        before: u64,
        mut budget: u64,
        visit: &mut dyn FnMut(&Frame<'_>) -> bool,
    ) -> Result<Option<u64>, ReadError> {
        let (places, floor, segments, durable) = {
            let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            let (places, floor) = index.newest(clinic, before);
            (places, floor, index.segments.clone(), index.durable)
        };
        for place in places {
            if self.read_place(place, visit)? {
                return Ok(Some(place.sequence));
            }
        }
        let active = segments.last().copied();
        for &first in segments.iter().rev().filter(|first| **first < floor) {
            let file = self.storage.open_to_read(&segment::name(first))?;
            let mut bytes = read_whole(&*file, MAX_SEGMENT)?;
            if Some(first) == active {
                bytes.truncate(usize::try_from(durable).unwrap_or(usize::MAX));
            }
            let (mut end, mut last, mut found) = (SEGMENT_HEADER_LEN, first, Vec::new());
            for (at, frame) in recover::frames(&bytes) {
                (end, last) = (at + frame.len, frame.head.sequence);
                if frame.head.kind == EntryKind::Event && frame.head.clinic == clinic && last < floor {
                    found.push(frame);
                }
            }
            // Only what another process is writing at this moment may end within an entry.
            if end < bytes.len() && !(Some(first) == active && durable == u64::MAX) {
                return Err(ReadError::Corrupt { segment: segment::name(first), sequence: last });
            }
            for frame in found.iter().rev() {
                if visit(frame) {
                    return Ok(Some(frame.head.sequence));
                }
            }
            budget = budget.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if budget == 0 && first > 1 {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    fn verifier(&self) -> Verifier {
        self.storage.verifier()
    }
}
