//! An outbox in memory.

use async_trait::async_trait;
use healthcare_core::{Outbox, OutboxEntry, OutboxError, OutboxMessage};
use jiff::{SignedDuration, Timestamp};
use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// An outbox that lives and dies with the process: for tests, and for trying things out.
///
/// Cheap to clone; clones are one outbox.
#[derive(Clone, Default)]
pub struct MemoryOutbox {
    entries: Arc<Mutex<Vec<Stored>>>,
}

#[derive(Debug)]
struct Stored {
    id: Uuid,
    message: OutboxMessage,
    lease: i64,
    attempts: u32,
    /// When it may be leased: at once, at the end of its lease, or when it is to be tried again.
    due: Timestamp,
}

/// Entries of one aggregate are delivered one after the other.
#[derive(PartialEq, Eq, Hash, Clone)]
enum Line {
    Of(Uuid, Cow<'static, str>, Uuid),
    Alone(Uuid),
}

impl MemoryOutbox {
    /// An empty outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a change committed, all at once.
    pub fn append(&self, messages: impl IntoIterator<Item = OutboxMessage>) {
        self.entries().extend(messages.into_iter().map(|message| Stored {
            id: Uuid::now_v7(),
            message,
            lease: 0,
            attempts: 0,
            due: Timestamp::MIN,
        }));
    }

    /// How many entries are not delivered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether everything is delivered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn line(&self) -> Line {
        match &self.message {
            OutboxMessage::Event(event) => {
                Line::Of(event.clinic.as_uuid(), event.aggregate_kind.clone(), event.aggregate_id)
            }
            _ => Line::Alone(self.id),
        }
    }

    /// Whether `entry` is the lease that is in force.
    fn is_held_by(&self, entry: &OutboxEntry) -> bool {
        self.id == entry.id && self.lease == entry.lease
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn lease(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<OutboxEntry>, OutboxError> {
        let (mut begun, mut leased) = (HashSet::new(), Vec::new());
        for entry in self.entries().iter_mut() {
            if leased.len() >= limit as usize {
                break;
            }
            // The oldest undelivered entry of an aggregate speaks for all of it.
            if !begun.insert(entry.line()) || now < entry.due {
                continue;
            }
            let attempts = entry.attempts;
            entry.lease += 1;
            entry.attempts += 1;
            entry.due = later(now, lease);
            leased.push(OutboxEntry::new(entry.id, entry.lease, attempts, entry.message.clone()));
        }
        Ok(leased)
    }

    async fn delivered(&self, entry: &OutboxEntry, _: Timestamp) -> Result<bool, OutboxError> {
        let mut entries = self.entries();
        let before = entries.len();
        entries.retain(|stored| !stored.is_held_by(entry));
        Ok(entries.len() < before)
    }

    async fn retry(&self, entry: &OutboxEntry, retry_at: Timestamp) -> Result<bool, OutboxError> {
        let mut entries = self.entries();
        let Some(stored) = entries.iter_mut().find(|stored| stored.is_held_by(entry)) else {
            return Ok(false);
        };
        stored.due = retry_at;
        Ok(true)
    }
}

impl fmt::Debug for MemoryOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryOutbox({} entries)", self.len())
    }
}
