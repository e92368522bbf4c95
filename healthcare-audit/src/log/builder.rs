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
    frame::{EntryKind, Frame, Hash, MAX_BODY},
    storage::{OsStorage, Storage, read_whole},
};
use healthcare_core::{AuditEventId, ClinicId, Clock, CorrelationId, Durability, SystemClock};
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// Latest events whose fingerprints are restored when a log is opened.
const RESTORED: usize = 4_096;

/// Where a log is kept.
#[derive(Debug)]
pub(super) enum Home {
    Directory(PathBuf),
    Memory,
    #[cfg(feature = "postgres")]
    Postgres(Box<sqlx::postgres::PgConnectOptions>),
}

/// How a log is opened. Every limit has a default.
pub struct LogBuilder {
    home: Home,
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
        f.debug_struct("LogBuilder").field("spill", &self.spill).finish_non_exhaustive()
    }
}

impl LogBuilder {
    pub(super) fn new(home: Home, cipher: Arc<dyn BodyCipher>) -> Self {
        Self {
            home,
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

    /// Opens the log and begins a new epoch.
    ///
    /// On files: takes the lock, cuts what was never acknowledged, verifies the last segment and how the segments follow each
    /// other. Everywhere: compares with the expected checkpoint. Waits for the disk or the database: call it where blocking is
    /// allowed.
    ///
    /// # Errors
    /// [`OpenError`]: another process holds the log, it cannot be used, or it is not what was written.
    pub fn open(mut self) -> Result<AuditLog, OpenError> {
        self.check()?;
        match std::mem::replace(&mut self.home, Home::Memory) {
            Home::Memory => self.open_memory(),
            Home::Directory(dir) => {
                let storage = os_storage(&dir)?;
                let spill = self.open_spill()?;
                self.open_on(storage, &dir, spill)
            }
            #[cfg(feature = "postgres")]
            Home::Postgres(options) => self.open_postgres(*options),
        }
    }

    fn open_memory(self) -> Result<AuditLog, OpenError> {
        let (backend, archive) = MemoryBackend::begin(Arc::clone(&self.clock));
        let tip = backend.tip();
        let engine = self.start(Box::new(backend), tip, Fingerprints::default(), None)?;
        let recovery = Recovery { created: true, entries: 0, epoch: 1, dropped_bytes: 0 };
        Ok(self.assemble(engine, Box::new(archive), None, recovery, Durability::Volatile))
    }

    #[cfg(feature = "postgres")]
    fn open_postgres(self, options: sqlx::postgres::PgConnectOptions) -> Result<AuditLog, OpenError> {
        let spill = self.open_spill()?;
        let expected = self.expected()?;
        let opened = crate::postgres::open(options, Arc::clone(&self.clock), expected)?;
        let known = opened.latest.iter().filter_map(|bytes| crate::frame::parse(bytes).ok());
        let mut fingerprints = Fingerprints::default();
        known.filter_map(|frame| self.fingerprint_of(&frame)).for_each(|known| fingerprints.insert(known));
        let tip = opened.backend.tip();
        let engine = self.start(
            Box::new(opened.backend),
            tip,
            fingerprints,
            spill.as_ref().map(|(engine, _)| engine),
        )?;
        Ok(self.assemble(engine, Box::new(opened.archive), spill, opened.recovery, Durability::Durable))
    }

    fn open_spill(&self) -> Result<Option<Second>, OpenError> {
        let Some(dir) = &self.spill else { return Ok(None) };
        self.open_second(os_storage(dir)?, dir).map(Some)
    }

    pub(super) fn open_second(&self, storage: Arc<dyn Storage>, dir: &Path) -> Result<Second, OpenError> {
        let (engine, archive, _) = self.open_one(storage, dir, None, None)?;
        Ok((Arc::new(engine), archive))
    }

    pub(super) fn open_on(
        self,
        storage: Arc<dyn Storage>,
        dir: &Path,
        spill: Option<Second>,
    ) -> Result<AuditLog, OpenError> {
        let expected = self.expected()?;
        let second = spill.as_ref().map(|(engine, _)| engine);
        let (engine, archive, recovery) = self.open_one(storage, dir, expected, second)?;
        Ok(self.assemble(engine, archive, spill, recovery, Durability::Durable))
    }

    /// The checkpoint to compare with, when its signature is right.
    fn expected(&self) -> Result<Option<&Checkpoint>, OpenError> {
        let Some((checkpoint, key)) = &self.expected else { return Ok(None) };
        checkpoint.verify(key).map_err(OpenError::Checkpoint)?;
        Ok(Some(checkpoint))
    }

    fn open_one(
        &self,
        storage: Arc<dyn Storage>,
        dir: &Path,
        expected: Option<&Checkpoint>,
        spill: Option<&Arc<Engine>>,
    ) -> Result<(Engine, Box<dyn Archive>, Recovery), OpenError> {
        let io = |source| OpenError::Io { dir: dir.to_owned(), source };
        let lock = storage.lock().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked(dir.to_owned()),
            _ => io(error),
        })?;
        let found = recover::find(&*storage).map_err(|trouble| refused(trouble, dir))?;
        let log = found.as_ref().map(|found| (found.segment.log, found.entries));
        let segments = found.as_ref().map_or(&[][..], |found| &found.segments);
        let value =
            expected.map_or(Ok(None), |it| recover::chain_value_at(&*storage, segments, it.entries()));
        compare(expected, log, value.map_err(io)?)?;
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
        spill: Option<Second>,
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
}

/// The second place, and its reader.
pub(super) type Second = (Arc<Engine>, Box<dyn Archive>);

/// Compares what was found (the log's id and length, and the chain value at the checkpoint's entry) with a checkpoint.
pub(crate) fn compare(
    checkpoint: Option<&Checkpoint>,
    log: Option<(Uuid, u64)>,
    value: Option<Hash>,
) -> Result<(), OpenError> {
    let Some(checkpoint) = checkpoint else { return Ok(()) };
    let expected = checkpoint.entries();
    let found = log.map_or(0, |(_, entries)| entries);
    let same = log.is_none_or(|(id, _)| id == checkpoint.log());
    if same && found < expected {
        return Err(OpenError::RolledBack { expected, found });
    }
    if same && (expected == 0 || value.as_ref() == Some(checkpoint.head())) {
        return Ok(());
    }
    Err(OpenError::Forked { log: checkpoint.log(), sequence: expected })
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
