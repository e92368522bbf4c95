use super::{Relay, error::Undeliverable, status::Settled};
use futures_util::FutureExt as _;
use healthcare_core::{OutboxEntry, OutboxError, OutboxMessage};
use healthcare_resilience::time_out;
use jiff::{SignedDuration, Timestamp};
use std::{error::Error, panic::AssertUnwindSafe, sync::Arc};

impl Relay {
    /// Delivers one entry and settles its lease.
    pub(super) async fn relay(&self, entry: &OutboxEntry) -> Settled {
        let settled = match self.deliver(entry).await {
            Ok(()) => {
                self.outbox.delivered(entry, self.clock.now()).await.map(|held| (Settled::Delivered, held))
            }
            Err(error) => {
                tracing::warn!(
                    entry = %entry.id,
                    attempts = entry.attempts,
                    error = &error as &dyn Error,
                    "an outbox entry was not delivered and is tried again"
                );
                self.outbox.retry(entry, self.retry_at(entry)).await.map(|held| (Settled::Retried, held))
            }
        };
        match settled {
            Ok((settled, true)) => settled,
            Ok((_, false)) => Settled::Lost,
            Err(OutboxError(error)) => {
                tracing::warn!(entry = %entry.id, error = &*error as &dyn Error, "a lease was not settled and runs out");
                Settled::Unsettled
            }
        }
    }

    async fn deliver(&self, entry: &OutboxEntry) -> Result<(), Undeliverable> {
        let delivery = AssertUnwindSafe(self.hand_over(&entry.message)).catch_unwind();
        // Half the lease, so that what was delivered can be settled before another relay takes the entry.
        match time_out(self.lease / 2, delivery).await {
            Ok(Ok(delivered)) => delivered,
            Ok(Err(_)) => Err(Undeliverable::Panicked),
            Err(elapsed) => Err(Undeliverable::Elapsed(elapsed)),
        }
    }

    async fn hand_over(&self, message: &OutboxMessage) -> Result<(), Undeliverable> {
        match message {
            OutboxMessage::Event(event) => {
                self.bus.publish(Arc::new(event.clone())).await.map_err(Undeliverable::Bus)
            }
            // The sink stores an id once, however often it is handed over.
            OutboxMessage::Outcome(event) => {
                self.audit.submit(event.clone()).await.map_err(Undeliverable::Audit)
            }
            // Written by a newer version: left for a relay of that version.
            _ => Err(Undeliverable::Unknown),
        }
    }

    fn retry_at(&self, entry: &OutboxEntry) -> Timestamp {
        let wait = self.backoff.after(entry.attempts.saturating_add(1), entry.id.as_u64_pair().1);
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        self.clock.now().saturating_add(wait).unwrap_or(Timestamp::MAX)
    }
}
