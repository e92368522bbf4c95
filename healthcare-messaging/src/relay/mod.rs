//! The relay: from the outbox to the bus and the audit log.

mod build;
mod deliver;
mod error;
mod flight;
mod status;
mod wake;

pub use self::{
    build::{RelayBuilder, RelayConfigError},
    error::RelayError,
    status::{Pass, RelayStatus},
    wake::{Wake, WakingWriter},
};

use self::flight::Flight;
use crate::{EventBus, backoff::Backoff};
use futures_util::future::join_all;
use healthcare_core::{AuditSink, Clock, Outbox, OutboxEntry};
use healthcare_resilience::{Token, time_out};
use std::{fmt, sync::Arc, time::Duration};

/// Empties an outbox: events go to the bus, outcome records to the audit log.
///
/// An entry is leased, delivered, and marked delivered under its lease. A relay that dies in between leaves the lease to
/// run out, and the entry is delivered again: at least once, by the id of the event. Any number of relays may work on one
/// outbox. What fails is tried again, later each time, and never given up; meanwhile later entries of the same aggregate
/// wait and others go on.
///
/// ```
/// use healthcare_core::MemoryAudit;
/// use healthcare_messaging::{InProcessBus, MemoryOutbox, Relay, Wake};
/// use healthcare_resilience::Shutdown;
/// use std::{sync::Arc, time::Duration};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (outbox, bus, audit) = (MemoryOutbox::new(), InProcessBus::new(), MemoryAudit::default());
/// let wake = Wake::new();
/// let relay = Relay::builder(Arc::new(outbox), Arc::new(bus), Arc::new(audit)).wake(&wake).build()?;
///
/// let shutdown = Shutdown::builder().stage("relay", Duration::from_secs(10)).build()?;
/// let stage = shutdown.stage("relay")?;
/// stage.spawn("relay", relay.run(stage.token()))?;
/// wake.signal(); // after a commit
///
/// shutdown.begin();
/// assert!(shutdown.drain().await.is_clean());
/// # Ok(()) }
/// ```
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    bus: Arc<dyn EventBus>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    wake: Wake,
    status: Arc<RelayStatus>,
    batch: u32,
    lease: Duration,
    poll: Duration,
    backoff: Backoff,
}

impl Relay {
    /// Starts describing a relay from `outbox` to `bus` and `audit`.
    pub fn builder(
        outbox: Arc<dyn Outbox>,
        bus: Arc<dyn EventBus>,
        audit: Arc<dyn AuditSink>,
    ) -> RelayBuilder {
        RelayBuilder::new(outbox, bus, audit)
    }

    /// How the relay does, also while it runs.
    #[must_use]
    pub fn status(&self) -> Arc<RelayStatus> {
        Arc::clone(&self.status)
    }

    /// Works until `token` says stop, then finishes what it has leased and returns what it did in all.
    ///
    /// It looks when it is woken, and at the poll interval; at once again only after a pass that delivered something. A delivery that takes
    /// longer than the poll interval goes on beside the passes that follow, and takes room of their batches.
    /// Dropping this future loses nothing: what was leased is delivered again when the lease is over.
    pub async fn run(self, token: Token) -> Pass {
        let (mut flight, mut failures) = (Flight::of(&self), 0);
        while !token.is_stopping() {
            let pause = match flight.pass().await {
                Ok(has_delivered) => {
                    failures = 0;
                    if has_delivered { Duration::ZERO } else { self.poll }
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the outbox could not be relayed"
                    );
                    failures += 1;
                    // Never sooner than an idle relay looks.
                    self.poll.max(self.backoff.after(failures, u64::from(failures)))
                }
            };
            if !pause.is_zero() {
                flight.rest(pause, failures > 0, &token).await;
            }
        }
        flight.land().await
    }

    /// Leases one batch and delivers it, each entry on its own.
    ///
    /// # Errors
    /// [`RelayError`] when the outbox could not be read; nothing is lost.
    pub async fn pass(&self) -> Result<Pass, RelayError> {
        let entries = self.lease(self.batch).await?;
        let mut pass = Pass { leased: entries.len() as u64, ..Pass::default() };
        for settled in join_all(entries.iter().map(|entry| self.relay(entry))).await {
            pass.count(settled);
            self.status.settled(settled);
        }
        Ok(pass)
    }

    async fn lease(&self, room: u32) -> Result<Vec<OutboxEntry>, RelayError> {
        let leasing = self.outbox.lease(room, self.lease, self.clock.now());
        match time_out(self.lease, leasing).await {
            Ok(Ok(entries)) => {
                self.status.looked(self.clock.now());
                Ok(entries)
            }
            Ok(Err(error)) => Err(self.status.failed(RelayError::Outbox(error))),
            Err(elapsed) => Err(self.status.failed(RelayError::Elapsed(elapsed))),
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("outbox", &self.outbox).field("bus", &self.bus).finish_non_exhaustive()
    }
}
