//! One queue, one writer thread, one backend: group commit.

use super::{
    backend::{Backend, Tip, Unplaced},
    queue::{Drained, Limits, Pending, Queue, Rejected},
    recent::Fingerprints,
};
use crate::{
    Fault,
    frame::{self, EntryKind, FrameHead},
};
use healthcare_core::NotDurable;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

/// Where events go that could not be written, when they must not be refused.
pub(crate) type Spill = Arc<dyn Fn(Pending, NotDurable) + Send + Sync>;

#[derive(Debug)]
struct Status {
    tip: Tip,
    fault: Option<Fault>,
}

/// What the handle and the writer thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    queue: Queue,
    status: Mutex<Status>,
}

impl Shared {
    fn set_fault(&self, fault: Fault) {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).fault = Some(fault);
    }
    fn clear_fault(&self, tip: Tip) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Status { tip, fault: None };
    }
}

/// A running writer. Dropping it writes what was queued and ends the thread.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    pub(crate) fn start(
        backend: Box<dyn Backend>,
        tip: Tip,
        known: Fingerprints,
        limits: Limits,
        batch_bytes: usize,
        spill: Option<Spill>,
    ) -> std::io::Result<Self> {
        let shared =
            Arc::new(Shared { queue: Queue::new(limits), status: Mutex::new(Status { tip, fault: None }) });
        let writer = Writer { shared: Arc::clone(&shared), backend, known, batch_bytes, spill };
        let thread = std::thread::Builder::new().name("audit-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn push(&self, pending: Pending) -> Result<(), Rejected> {
        self.shared.queue.push(pending)
    }

    pub(crate) fn tip(&self) -> Tip {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).tip
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// Writes what is queued, refuses more, and waits for the writer to end.
    pub(crate) fn close(&self) -> Result<(), Fault> {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            self.shared.set_fault(Fault::Panicked);
        }
        self.fault().map_or(Ok(()), Err)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A fault was told to everyone who waited; there is nobody left to tell.
        let _ = self.close();
    }
}

struct Writer {
    shared: Arc<Shared>,
    backend: Box<dyn Backend>,
    known: Fingerprints,
    batch_bytes: usize,
    spill: Option<Spill>,
}

impl Writer {
    fn run(mut self) {
        while let Some(drained) = self.shared.queue.drain(self.batch_bytes) {
            let written =
                catch_unwind(AssertUnwindSafe(|| self.write(&drained))).unwrap_or(Err(Fault::Panicked));
            match written {
                Ok(tip) => {
                    if let Some(tip) = tip {
                        self.shared.clear_fault(tip);
                    }
                    for event in drained.events {
                        event.acknowledge.answer(Ok(()));
                    }
                }
                Err(fault) => {
                    let poisoned = matches!(fault, Fault::Panicked) || self.backend.poisoned_by(&fault);
                    self.shared.queue.count_refused(drained.refused);
                    self.fail(drained.events, fault, poisoned);
                    if poisoned {
                        return;
                    }
                }
            }
        }
        self.farewell();
    }

    /// Writes what is new of the batch. An event written before is acknowledged without being written again.
    fn write(&mut self, drained: &Drained) -> Result<Option<Tip>, Fault> {
        let gap = (drained.refused > 0).then(|| frame::gap(drained.refused));
        let mut batch: Vec<Unplaced<'_>> = Vec::with_capacity(drained.events.len() + 1);
        if let Some((head, body)) = &gap {
            batch.push((*head, body));
        }
        let mut fresh = Fingerprints::default();
        for event in &drained.events {
            if self.known.contains(&event.fingerprint) || fresh.contains(&event.fingerprint) {
                continue;
            }
            fresh.insert(event.fingerprint);
            batch.push((event_head(event), &event.body));
        }
        if batch.is_empty() {
            return Ok(None);
        }
        let tip = self.backend.append(&batch)?;
        for event in &drained.events {
            self.known.insert(event.fingerprint);
        }
        Ok(Some(tip))
    }

    /// Tells everyone who waits; what must not be refused goes to the second place.
    fn fail(&self, mut events: Vec<Pending>, fault: Fault, poisoned: bool) {
        tracing::error!(error = %fault, poisoned, "the audit log could not be written");
        self.shared.set_fault(fault);
        if poisoned {
            events.append(&mut self.shared.queue.fail());
        }
        for event in events {
            match &self.spill {
                Some(spill) if event.emergency => spill(event, NotDurable::Failed),
                _ => event.acknowledge.answer(Err(NotDurable::Failed)),
            }
        }
    }

    /// Marks the orderly end, so that a later reader knows that nothing was in flight.
    fn farewell(&mut self) {
        let (head, body) = frame::closed();
        match catch_unwind(AssertUnwindSafe(|| self.backend.append(&[(head, &body)]))) {
            Ok(Ok(tip)) => self.shared.clear_fault(tip),
            Ok(Err(fault)) => self.shared.set_fault(fault),
            Err(_) => self.shared.set_fault(Fault::Panicked),
        }
    }
}

/// Whatever ends the thread, nobody is left waiting: a queued event whose receipt were never answered would hang its caller.
impl Drop for Writer {
    fn drop(&mut self) {
        for event in self.shared.queue.fail() {
            event.acknowledge.answer(Err(NotDurable::Failed));
        }
    }
}

const fn event_head(event: &Pending) -> FrameHead {
    FrameHead {
        kind: EntryKind::Event,
        emergency: event.emergency,
        number: event.number,
        sequence: 0,
        epoch: 0,
        batch: 0,
        clinic: event.clinic,
        correlation: event.correlation,
        written: 0,
    }
}
