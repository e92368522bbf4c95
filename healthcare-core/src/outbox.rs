//! The outbox seam: what was committed with a change and is not delivered yet.

use crate::{AuditEvent, DomainEvent};
use async_trait::async_trait;
use jiff::Timestamp;
use std::{fmt, time::Duration};
use uuid::Uuid;

/// What an outbox entry carries.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "an outcome is in every second message; a box would save nothing"
)]
pub enum OutboxMessage {
    /// Something happened: for listeners.
    Event(DomainEvent),
    /// What came of a change: for the audit log, once.
    Outcome(AuditEvent),
}

/// An entry that was leased to a relay.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutboxEntry {
    /// Its id.
    pub id: Uuid,
    /// The lease's fencing token: settling with an older one changes nothing.
    pub lease: i64,
    /// How often it was leased before.
    pub attempts: u32,
    /// What it carries.
    pub message: OutboxMessage,
}

impl OutboxEntry {
    /// An entry.
    #[must_use]
    pub const fn new(id: Uuid, lease: i64, attempts: u32, message: OutboxMessage) -> Self {
        Self { id, lease, attempts, message }
    }
}

/// The outbox could not be read or written; nothing is lost, the lease runs out by itself.
#[derive(Debug, thiserror::Error)]
#[error("the outbox could not be read or written")]
pub struct OutboxError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The reading side of the outbox; the writing side is a commit.
///
/// # Contract
/// - An entry of a committed change is leased again and again until it is delivered; one of a rolled-back change never.
/// - While an event of an aggregate is undelivered, later events of it are not leased. An outcome waits for no event: a listener that
///   fails must not keep the audit log from learning what was committed.
/// - Delivery is at least once: whoever receives must pass over an id it has seen.
#[async_trait]
pub trait Outbox: fmt::Debug + Send + Sync {
    /// Leases up to `limit` entries that are due, oldest first, for `lease` from `now`.
    async fn lease(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<OutboxEntry>, OutboxError>;

    /// Marks a leased entry delivered. `false` when the lease was lost to another relay meanwhile.
    async fn delivered(&self, entry: &OutboxEntry, now: Timestamp) -> Result<bool, OutboxError>;

    /// Gives a leased entry back, to be leased again from `retry_at`.
    async fn retry(&self, entry: &OutboxEntry, retry_at: Timestamp) -> Result<bool, OutboxError>;
}
