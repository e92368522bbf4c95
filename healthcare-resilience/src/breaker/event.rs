use super::{BreakerCause, BreakerState, machine::Change};
use crate::Moment;
use std::{fmt, time::Duration};
use tokio::sync::broadcast::{
    Receiver,
    error::{RecvError, TryRecvError},
};

/// Something happened to a circuit. Where `from` and `to` are the same it changed nothing but has something to say: it
/// was reset while closed, would have opened were it not for metrics only, or gave places of overdue probes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerEvent {
    /// The name the breaker was built with.
    pub breaker: &'static str,
    /// Counts the events of this breaker from one. Where one is left out, events came faster than they could be told, or
    /// [`MissedEvents`] has said so.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// The state before.
    pub from: BreakerState,
    /// The state after.
    pub to: BreakerState,
    /// Why.
    pub cause: BreakerCause,
    /// How long it stays open, when it opened.
    pub open_for: Option<Duration>,
}

impl BreakerEvent {
    pub(super) const fn of(breaker: &'static str, change: Change) -> Self {
        let Change { number, at, from, to, cause, open_for } = change;
        Self { breaker, number, at, from, to, cause, open_for }
    }
}

impl fmt::Display for BreakerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} to {}: {}", self.breaker, self.from, self.to, self.cause)
    }
}

/// The listener was slower than the events and has lost the oldest. It can go on with the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{missed} events of a circuit breaker were missed: listen in a task of its own")]
pub struct MissedEvents {
    /// How many were lost.
    pub missed: u64,
}

/// What happens to a circuit from now on, in order. Keeps the last 32 for a slow listener.
#[derive(Debug)]
pub struct BreakerEvents(Receiver<BreakerEvent>);

impl BreakerEvents {
    pub(super) const fn new(receiver: Receiver<BreakerEvent>) -> Self {
        Self(receiver)
    }

    /// The next event, as soon as there is one; `None` when the breaker and all its clones are gone. Dropping this
    /// future loses nothing.
    ///
    /// # Errors
    /// [`MissedEvents`] when this listener was too slow. The next call goes on with the oldest that is left.
    pub async fn next(&mut self) -> Result<Option<BreakerEvent>, MissedEvents> {
        match self.0.recv().await {
            Ok(event) => Ok(Some(event)),
            Err(RecvError::Closed) => Ok(None),
            Err(RecvError::Lagged(missed)) => Err(MissedEvents { missed }),
        }
    }

    /// The next event if there is one already.
    ///
    /// # Errors
    /// [`MissedEvents`] when this listener was too slow.
    pub fn try_next(&mut self) -> Result<Option<BreakerEvent>, MissedEvents> {
        match self.0.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty | TryRecvError::Closed) => Ok(None),
            Err(TryRecvError::Lagged(missed)) => Err(MissedEvents { missed }),
        }
    }
}
