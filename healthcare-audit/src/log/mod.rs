//! The log: a queue, a writer thread, and a place where batches become durable.

mod backend;
mod builder;
mod engine;
#[cfg(test)]
mod fault_tests;
mod file;
mod index;
mod memory;
mod queue;
mod recent;
mod recover;
mod segment;

/// The locks of the queue.
mod sync {
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
}

pub use builder::LogBuilder;

pub(crate) use backend::{Archive, Tip};
pub(crate) use file::FileArchive;
#[cfg(feature = "postgres")]
pub(crate) use {
    backend::{Backend, Placing, Unplaced},
    builder::compare,
};

use crate::verify::Verifier;
use crate::{
    BodyCipher, Checkpoint, CheckpointSigner, CipherError, Fault, Page, Query, ReadError, Reconciliation,
    cipher::body_context, read,
};
use builder::Home;
use engine::Engine;
use healthcare_core::{
    AuditEvent, AuditEventId, AuditSink, ClinicId, Clock, Durability, NotDurable, Receipt,
};
use queue::Pending;
use ring::digest;
use std::{path::PathBuf, sync::Arc};
use uuid::Uuid;

/// A durable, hash-chained, encrypted log of audit events, and the [`AuditSink`] of a boundary.
///
/// # Contract
/// - [`submit`](AuditSink::submit) seals the event and queues it: it never waits for the disk. A full queue, an event that is too
///   large, a missing key and a stopped log fail the receipt at once.
/// - A receipt resolves to `Ok` after the event is on disk (or committed), together with whatever else was queued by then. Dropping it
///   takes nothing back.
/// - After a write or a flush has failed, nothing is tried again: every waiter is told, and the log takes no more until it is
///   opened again, which verifies what is on disk. Emergency events go to the second place, when there is one.
/// - Cloning gives another handle to the same log. Dropping the last one writes what is queued, like [`close`](Self::close).
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Dropped in this order: the first may still hand events to the second.
    engine: Engine,
    spill: Option<Arc<Engine>>,
    archive: Box<dyn Archive>,
    spilled: Option<Box<dyn Archive>>,
    cipher: Arc<dyn BodyCipher>,
    clock: Arc<dyn Clock>,
    max_event: usize,
    durability: Durability,
    recovery: Recovery,
}

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whether the log was made just now.
    pub created: bool,
    /// Entries that were found.
    pub entries: u64,
    /// The epoch that began with this opening.
    pub epoch: u64,
    /// Bytes at the end that were not whole entries, and were cut. They were never acknowledged, unless somebody changed the
    /// file; their number and SHA-256 stand in the log.
    pub dropped_bytes: u64,
}

/// The end of a log: what is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogHead {
    /// The log's id.
    pub log: Uuid,
    /// How many entries it has.
    pub entries: u64,
    /// The epoch of the last.
    pub epoch: u64,
}

impl AuditLog {
    /// A log in `dir`, made if missing, whose bodies `cipher` seals. One process holds it at a time.
    pub fn builder(dir: impl Into<PathBuf>, cipher: Arc<dyn BodyCipher>) -> LogBuilder {
        LogBuilder::new(Home::Directory(dir.into()), cipher)
    }

    /// A log in memory, for tests and for looking at what happens. Its receipts promise nothing beyond the process.
    pub fn in_memory(cipher: Arc<dyn BodyCipher>) -> LogBuilder {
        LogBuilder::new(Home::Memory, cipher)
    }

    /// A log in the tables of [`postgres::MIGRATION`](crate::postgres::MIGRATION). Several processes may write to it: their
    /// batches take turns. It keeps a connection, a thread and a small runtime of its own, so that neither a busy pool nor the end
    /// of the host's runtime can hold it up.
    #[cfg(feature = "postgres")]
    pub fn on_postgres(options: sqlx::postgres::PgConnectOptions, cipher: Arc<dyn BodyCipher>) -> LogBuilder {
        LogBuilder::new(Home::Postgres(Box::new(options)), cipher)
    }

    /// A verifier of this log as it is now: what is added meanwhile is left alone.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        self.0.archive.verifier().until(self.head().entries)
    }

    /// A verifier of the second place, when there is one.
    #[must_use]
    pub fn spill_verifier(&self) -> Option<Verifier> {
        let (spill, archive) = self.0.spill.as_ref().zip(self.0.spilled.as_ref())?;
        Some(archive.verifier().until(spill.tip().entries))
    }

    /// What opening found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.0.recovery
    }

    /// What is durable now.
    #[must_use]
    pub fn head(&self) -> LogHead {
        let Tip { log, entries, epoch, .. } = self.0.engine.tip();
        LogHead { log, entries, epoch }
    }

    /// Why the log takes no more events, if so: for a readiness check.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.0.engine.fault()
    }

    /// A signed statement of what is durable now. Keep it where whoever can write the log's directory cannot: it is what
    /// makes a cut or restored log show.
    #[must_use]
    pub fn checkpoint(&self, signer: &CheckpointSigner) -> Checkpoint {
        signer.sign(self.0.engine.tip(), self.0.clock.now())
    }

    /// The latest events of a clinic, newest first. Emergency events that the log could not take stand in the second place: see
    /// [`read_spilled`](Self::read_spilled). Reads files: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn recent(&self, clinic: ClinicId, limit: usize) -> Result<Page, ReadError> {
        self.read(&Query::new(clinic).limit(limit))
    }

    /// The events of a clinic that match, newest first. Reads files: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn read(&self, query: &Query) -> Result<Page, ReadError> {
        read::page(&*self.0.archive, &*self.0.cipher, query)
    }

    /// Like [`read`](Self::read), of the second place, where emergency events went that the first could not take. Empty when there
    /// is none.
    ///
    /// # Errors
    /// [`ReadError`] when it cannot be read.
    pub fn read_spilled(&self, query: &Query) -> Result<Page, ReadError> {
        self.0
            .spilled
            .as_ref()
            .map_or_else(|| Ok(Page::default()), |archive| read::page(&**archive, &*self.0.cipher, query))
    }

    /// Matches the decisions of a clinic with what came of them: what was allowed and has no recorded end, commits whose outcome
    /// never arrived. Reads the whole log of the clinic.
    ///
    /// # Errors
    /// [`ReadError`] when the log cannot be read.
    pub fn reconcile(&self, clinic: ClinicId) -> Result<Reconciliation, ReadError> {
        read::reconcile(&*self.0.archive, &*self.0.cipher, clinic)
    }

    /// Writes what is queued, marks the orderly end, and refuses everything later. Waits for the disk: call it where blocking is
    /// allowed.
    ///
    /// # Errors
    /// [`Fault`] when something could not be written; its receipts have failed.
    pub fn close(&self) -> Result<(), Fault> {
        let closed = self.0.engine.close();
        let spilled = self.0.spill.as_ref().map_or(Ok(()), |spill| spill.close());
        closed.and(spilled)
    }

    fn seal(&self, event: &AuditEvent) -> Result<Sealed, NotDurable> {
        let plain = serde_json::to_vec(event).map_err(|_| {
            tracing::error!(event = %event.id, "an audit event could not be written as JSON");
            NotDurable::Failed
        })?;
        if plain.len() > self.0.max_event {
            return Err(NotDurable::TooLarge);
        }
        let context = body_context(event.clinic, event.id);
        let body = self.0.cipher.seal(event.clinic, &context, &plain).map_err(|error: CipherError| {
            tracing::error!(event = %event.id, %error, "an audit event could not be sealed");
            NotDurable::Failed
        })?;
        if body.len() > crate::frame::MAX_BODY {
            return Err(NotDurable::TooLarge);
        }
        Ok(Sealed { body, fingerprint: fingerprint(&context, &plain) })
    }
}

struct Sealed {
    body: Vec<u8>,
    fingerprint: [u8; 16],
}

/// Says whether two submissions are the same event. Its id alone does not: a caller who could choose a request's id could
/// otherwise make a second access look recorded.
fn fingerprint(context: &[u8], plain: &[u8]) -> [u8; 16] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(context);
    hash.update(plain);
    hash.finish().as_ref().first_chunk::<16>().copied().unwrap_or_default()
}

impl AuditSink for AuditLog {
    fn submit(&self, event: AuditEvent) -> Receipt {
        let sealed = match self.seal(&event) {
            Ok(sealed) => sealed,
            Err(reason) => return Receipt::ready(Err(reason)),
        };
        let AuditEventId { correlation, number } = event.id;
        let (acknowledge, receipt) = Receipt::pending();
        let pending = Pending {
            clinic: event.clinic.as_uuid(),
            correlation: correlation.as_uuid(),
            number,
            emergency: event.emergency,
            body: sealed.body,
            fingerprint: sealed.fingerprint,
            acknowledge,
        };
        if let Err(rejected) = self.0.engine.push(pending) {
            let (pending, reason) = *rejected;
            match &self.0.spill {
                Some(spill) if pending.emergency => spill_over(spill, pending, reason),
                _ => pending.acknowledge.answer(Err(reason)),
            }
        }
        receipt
    }

    fn durability(&self) -> Durability {
        self.0.durability
    }
}

/// Puts an event that must not be refused into the second place.
fn spill_over(spill: &Engine, pending: Pending, reason: NotDurable) {
    tracing::error!(%reason, "an emergency event goes to the second audit log");
    if let Err(rejected) = spill.push(pending) {
        let (pending, reason) = *rejected;
        pending.acknowledge.answer(Err(reason));
    }
}
