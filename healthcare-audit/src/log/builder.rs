//! Opening a log.

use super::{
    AuditLog, Inner, Recovery,
    backend::{Archive, Backend, Tip},
    engine::{Engine, Spill},
    file::{FileBackend, Parts},
    fingerprint,
    memory::MemoryBackend,
    queue::Limits,
    recent::Fingerprints,
    recover::{self, Found, MAX_SEGMENT, Trouble},
    segment, spill_over,
};
use crate::{
    BodyCipher, Checkpoint, CheckpointKey, Fault, OpenError,
    cipher::body_context,
    frame::{EntryKind, Frame, MAX_BODY},
    storage::{OsStorage, Storage, read_whole},
};
use healthcare_core::{AuditEventId, ClinicId, Clock, CorrelationId, Durability, SystemClock};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Latest events whose fingerprints are restored when a log is opened.
const RESTORED: usize = 4_096;

/// How a log is opened. Every limit has a default.
pub struct LogBuilder {
    dir: PathBuf,
    spill: Option<PathBuf>,
    cipher: Arc<dyn BodyCipher>,
    clock: Arc<dyn Clock>,
    expected: Option<(Checkpoint, CheckpointKey)>,
    queue_events: usize,
    queue_bytes: usize,
    batch_bytes: usize,
    segment_bytes: u64,
    max_event: usize,
}

impl fmt::Debug for LogBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBuilder")
            .field("dir", &self.dir)
            .field("spill", &self.spill)
            .finish_non_exhaustive()
    }
}

impl LogBuilder {
    pub(super) fn new(dir: PathBuf, cipher: Arc<dyn BodyCipher>) -> Self {
        Self {
            dir,
            spill: None,
            cipher,
            clock: Arc::new(SystemClock::default()),
            expected: None,
            queue_events: 65_536,
            queue_bytes: 64 << 20,
            batch_bytes: 4 << 20,
            segment_bytes: 16 << 20,
            max_event: 256 << 10,
        }
    }

    /// A second directory, on another disk, for emergency events that the first cannot take. It is a log of its own.
    #[must_use]
    pub fn spill(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spill = Some(dir.into());
        self
    }

    /// The last checkpoint that was exported: a log that is shorter, or another one, is refused.
    #[must_use]
    pub fn expect(mut self, checkpoint: Checkpoint, key: CheckpointKey) -> Self {
        self.expected = Some((checkpoint, key));
        self
    }

    /// The clock that entries are stamped with.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Most events and bytes that may wait to be written (default 65,536 and 64 MiB); more are refused.
    #[must_use]
    pub const fn queue(mut self, events: usize, bytes: usize) -> Self {
        (self.queue_events, self.queue_bytes) = (events, bytes);
        self
    }

    /// Most bytes written at once (default 4 MiB).
    #[must_use]
    pub const fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes;
        self
    }

    /// Length at which a new segment is begun, bytes (default 16 MiB, at most 1 GiB). Opening reads one segment whole.
    #[must_use]
    pub const fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Longest event, bytes of JSON (default 256 KiB).
    #[must_use]
    pub const fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    fn check(&self) -> Result<(), OpenError> {
        // Sealing adds a few bytes; an eighth is far more than any cipher needs.
        let wrong = [
            ("queue", self.queue_events == 0 || self.queue_bytes < self.max_event),
            ("batch_bytes", self.batch_bytes == 0 || self.batch_bytes > 1 << 25),
            ("segment_bytes", self.segment_bytes == 0 || self.segment_bytes > 1 << 30),
            ("max_event", self.max_event == 0 || self.max_event > MAX_BODY / 8 * 7),
        ];
        wrong.iter().find(|(_, wrong)| *wrong).map_or(Ok(()), |(name, _)| Err(OpenError::Option(name)))
    }

    /// Opens the log: takes its lock, cuts what was never acknowledged, verifies the last segment and how the segments follow
    /// each other, compares with the expected checkpoint, and begins a new epoch.
    ///
    /// # Errors
    /// [`OpenError`]: another process holds it, the files cannot be used, or they are not what was written.
    pub fn open(self) -> Result<AuditLog, OpenError> {
        self.check()?;
        let storage = os_storage(&self.dir)?;
        let spill = self.spill.as_deref().map(os_storage).transpose()?;
        self.open_on(storage, spill)
    }

    /// A log in memory, for tests and for looking at what happens. Its receipts promise nothing beyond the process.
    ///
    /// # Errors
    /// [`OpenError::Option`] when a limit makes no sense.
    pub fn in_memory(self) -> Result<AuditLog, OpenError> {
        self.check()?;
        let (backend, archive) = MemoryBackend::begin(Arc::clone(&self.clock));
        let tip = backend.tip();
        let engine = self.start(Box::new(backend), tip, Fingerprints::default(), None)?;
        let recovery = Recovery { created: true, entries: 0, epoch: 1, dropped_bytes: 0 };
        Ok(self.assemble(engine, Box::new(archive), None, recovery, Durability::Volatile))
    }

    pub(crate) fn open_on(
        self,
        storage: Arc<dyn Storage>,
        spill: Option<Arc<dyn Storage>>,
    ) -> Result<AuditLog, OpenError> {
        let second = match (spill, &self.spill) {
            (Some(storage), Some(dir)) => Some(self.open_one(storage, dir, None)?),
            _ => None,
        };
        let (spill, spilled): (_, Option<Box<dyn Archive>>) = match second {
            Some((engine, archive, _)) => (Some(Arc::new(engine)), Some(archive)),
            None => (None, None),
        };
        let (engine, archive, recovery) = self.open_one(storage, &self.dir, spill.as_ref())?;
        Ok(self.assemble(engine, archive, spill.zip(spilled), recovery, Durability::Durable))
    }

    fn open_one(
        &self,
        storage: Arc<dyn Storage>,
        dir: &Path,
        spill: Option<&Arc<Engine>>,
    ) -> Result<(Engine, Box<dyn Archive>, Recovery), OpenError> {
        let io = |source| OpenError::Io { dir: dir.to_owned(), source };
        let lock = storage.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked(dir.to_owned()),
            _ => io(error),
        })?;
        let found = recover::find(&*storage).map_err(|trouble| refused(trouble, dir))?;
        if dir == self.dir {
            self.compare(&*storage, found.as_ref()).map_err(|refusal| refusal.unwrap_or_else(io))?;
        }
        let known = match &found {
            Some(found) => self.restore(&*storage, found).map_err(io)?,
            None => Fingerprints::default(),
        };
        let begun = FileBackend::begin(storage, lock, found, self.segment_bytes, Arc::clone(&self.clock));
        let Parts { backend, archive, found } = begun.map_err(OpenError::Writer)?;
        let recovery = Recovery {
            created: found.is_none(),
            entries: found.as_ref().map_or(0, |found| found.entries),
            epoch: backend.tip().epoch,
            dropped_bytes: found
                .as_ref()
                .map_or(0, |found| u64::try_from(found.dropped.len()).unwrap_or(u64::MAX)),
        };
        if recovery.dropped_bytes > 0 {
            tracing::warn!(?recovery, "the audit log ended in an unfinished write, which was cut");
        }
        let tip = backend.tip();
        let engine = self.start(Box::new(backend), tip, known, spill)?;
        Ok((engine, Box::new(archive), recovery))
    }

    fn start(
        &self,
        backend: Box<dyn Backend>,
        tip: Tip,
        known: Fingerprints,
        spill: Option<&Arc<Engine>>,
    ) -> Result<Engine, OpenError> {
        let limits = Limits { events: self.queue_events, bytes: self.queue_bytes };
        let spill = spill.map(|second| {
            let second = Arc::clone(second);
            let spill: Spill = Arc::new(move |pending, reason| spill_over(&second, pending, reason));
            spill
        });
        Engine::start(backend, tip, known, limits, self.batch_bytes, spill)
            .map_err(|error| OpenError::Writer(Fault::from(error)))
    }

    fn assemble(
        self,
        engine: Engine,
        archive: Box<dyn Archive>,
        spill: Option<(Arc<Engine>, Box<dyn Archive>)>,
        recovery: Recovery,
        durability: Durability,
    ) -> AuditLog {
        let (spill, spilled) = spill.unzip();
        AuditLog(Arc::new(Inner {
            engine,
            spill,
            archive,
            spilled,
            cipher: self.cipher,
            clock: self.clock,
            max_event: self.max_event,
            durability,
            recovery,
        }))
    }

    /// Remembers the latest events, so that one delivered again after a restart is stored once.
    fn restore(&self, storage: &dyn Storage, found: &Found) -> io::Result<Fingerprints> {
        let mut latest = self.fingerprints(found.frames());
        for first in found.segments.iter().rev().skip(1) {
            if latest.len() >= RESTORED {
                break;
            }
            let bytes = read_whole(&*storage.open_to_read(&segment::name(*first))?, MAX_SEGMENT)?;
            latest.extend(self.fingerprints(recover::frames(&bytes)));
        }
        let mut known = Fingerprints::default();
        latest.iter().take(RESTORED).rev().for_each(|fingerprint| known.insert(*fingerprint));
        Ok(known)
    }

    /// Of the latest events among these, newest first.
    fn fingerprints<'f>(&self, frames: impl Iterator<Item = (usize, Frame<'f>)>) -> Vec<[u8; 16]> {
        let events = frames.map(|(_, frame)| frame).filter(|frame| frame.head.kind == EntryKind::Event);
        let mut events: Vec<_> = events.collect();
        events.drain(..events.len().saturating_sub(RESTORED));
        // A key that is not in memory yet costs at most that such an event is stored twice.
        events.iter().rev().filter_map(|frame| self.fingerprint_of(frame)).collect()
    }

    fn fingerprint_of(&self, frame: &Frame<'_>) -> Option<[u8; 16]> {
        let clinic = ClinicId::from_uuid(frame.head.clinic);
        let correlation = CorrelationId::from_uuid(frame.head.correlation);
        let context = body_context(clinic, AuditEventId { correlation, number: frame.head.number });
        let plain = self.cipher.open(clinic, &context, frame.body).ok()?;
        Some(fingerprint(&context, &plain))
    }

    /// `Err(Err(_))` is an input error, `Err(Ok(_))` a refusal.
    fn compare(
        &self,
        storage: &dyn Storage,
        found: Option<&Found>,
    ) -> Result<(), Result<OpenError, io::Error>> {
        let Some((checkpoint, key)) = &self.expected else { return Ok(()) };
        if let Err(error) = checkpoint.verify(key) {
            return Err(Ok(OpenError::Checkpoint(error)));
        }
        let expected = checkpoint.entries();
        let entries = found.map_or(0, |found| found.entries);
        let forked = || Err(Ok(OpenError::Forked { log: checkpoint.log(), sequence: expected }));
        if found.is_some_and(|found| found.segment.log != checkpoint.log()) {
            return forked();
        }
        if entries < expected {
            return Err(Ok(OpenError::RolledBack { expected, found: entries }));
        }
        let Some(found) = found.filter(|_| expected > 0) else { return Ok(()) };
        let value = recover::chain_value_at(storage, &found.segments, expected).map_err(Err)?;
        if value.as_ref() == Some(checkpoint.head()) { Ok(()) } else { forked() }
    }
}

fn os_storage(dir: &Path) -> Result<Arc<dyn Storage>, OpenError> {
    match OsStorage::at(dir) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(source) => Err(OpenError::Io { dir: dir.to_owned(), source }),
    }
}

fn refused(trouble: Trouble, dir: &Path) -> OpenError {
    match trouble {
        Trouble::Io(source) => OpenError::Io { dir: dir.to_owned(), source },
        Trouble::Corrupt { segment, sequence } => {
            OpenError::Corrupt { segment: segment::name(segment), sequence }
        }
        Trouble::BrokenChain { segment } => OpenError::BrokenChain { segment: segment::name(segment) },
    }
}

// The longest segment that can be configured, with one batch more, can be read back.
const _: () = assert!(MAX_SEGMENT >= (1 << 30) + (1 << 26));
