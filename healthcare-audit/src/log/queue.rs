//! The bounded queue between whoever submits and the one writer.

// The model check in `tests/queue_model.rs` includes this file with other locks.
use super::sync::{Condvar, Mutex, MutexGuard};
use healthcare_core::{Acknowledge, NotDurable};
use std::{fmt, sync::PoisonError};
use uuid::Uuid;

/// A sealed event on its way.
pub(crate) struct Pending {
    pub(crate) clinic: Uuid,
    pub(crate) correlation: Uuid,
    pub(crate) number: u32,
    pub(crate) emergency: bool,
    /// The sealed body.
    pub(crate) body: Vec<u8>,
    /// Fingerprint of id and plaintext: the same event again has the same.
    pub(crate) fingerprint: [u8; 16],
    pub(crate) acknowledge: Acknowledge,
}

impl Pending {
    /// What the event counts against the byte limit: its body and what it costs beside it.
    const fn cost(&self) -> usize {
        self.body.len() + 256
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({}.{})", self.correlation, self.number)
    }
}

/// An event that was not taken, and why. Boxed: the way of success stays small.
pub(crate) type Rejected = Box<(Pending, NotDurable)>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// What the writer takes at once.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) events: Vec<Pending>,
    /// Events refused for want of room since the last time.
    pub(crate) refused: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    /// What is queued is still written; nothing more comes in.
    Closed,
    Failed,
}

#[derive(Debug)]
struct State {
    events: Vec<Pending>,
    bytes: usize,
    refused: u64,
    gate: Gate,
}

#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    limits: Limits,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State { events: Vec::new(), bytes: 0, refused: 0, gate: Gate::Open };
        Self { state: Mutex::new(state), wake: Condvar::new(), limits }
    }

    /// Nothing in here panics while it holds the lock, so a poisoned lock guards a whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event, or gives it back with the reason. Never waits for the writer.
    pub(crate) fn push(&self, pending: Pending) -> Result<(), Rejected> {
        let mut state = self.state();
        let reason = match state.gate {
            Gate::Closed => Some(NotDurable::Closed),
            Gate::Failed => Some(NotDurable::Failed),
            Gate::Open => {
                let full = state.events.len() >= self.limits.events
                    || state.bytes.saturating_add(pending.cost()) > self.limits.bytes;
                full.then_some(NotDurable::Full)
            }
        };
        if let Some(reason) = reason {
            if reason == NotDurable::Full {
                state.refused = state.refused.saturating_add(1);
            }
            return Err(Box::new((pending, reason)));
        }
        state.bytes = state.bytes.saturating_add(pending.cost());
        state.events.push(pending);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    /// Waits for events and takes as many as `bytes` permits (at least one). Nothing when the queue is closed and empty.
    pub(crate) fn drain(&self, bytes: usize) -> Option<Drained> {
        let mut state = self.state();
        while state.events.is_empty() {
            if state.gate != Gate::Open {
                return None;
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = 0_usize;
        let mut count = 0;
        for event in &state.events {
            if count > 0 && taken.saturating_add(event.cost()) > bytes {
                break;
            }
            taken = taken.saturating_add(event.cost());
            count += 1;
        }
        let rest = state.events.split_off(count);
        let events = std::mem::replace(&mut state.events, rest);
        state.bytes = state.bytes.saturating_sub(taken);
        Some(Drained { events, refused: std::mem::take(&mut state.refused) })
    }

    /// Counts refusals again whose gap could not be written.
    pub(crate) fn count_refused(&self, refused: u64) {
        let mut state = self.state();
        state.refused = state.refused.saturating_add(refused);
    }

    /// Lets nothing more in. What is queued is still drained.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if state.gate == Gate::Open {
            state.gate = Gate::Closed;
        }
        drop(state);
        self.wake.notify_all();
    }

    /// Lets nothing more in and gives back what is queued.
    pub(crate) fn fail(&self) -> Vec<Pending> {
        let mut state = self.state();
        if state.gate == Gate::Open {
            state.gate = Gate::Failed;
        }
        state.bytes = 0;
        let events = std::mem::take(&mut state.events);
        drop(state);
        self.wake.notify_all();
        events
    }
}
