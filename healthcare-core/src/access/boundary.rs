//! The boundary: built once, it hands out the gate and every door.

use super::{Gate, StorageDoor};
use crate::{
    Action, Ask, AuditEvent, AuditSink, Authorizer, Clock, Durability, Edge, Outcome, Receipt,
    RequestContext, System, SystemClock, context::Refusals,
};
use jiff::Timestamp;
use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The gate and the doors of one application. Build one, and hand each part to whom it belongs.
///
/// Everything that widens access carries the boundary's identity: a part of another boundary is refused at run time.
#[derive(Debug)]
#[non_exhaustive]
pub struct Boundary {
    /// For handlers: opens accesses.
    pub gate: Gate,
    /// For repositories: the way to a grant's scope and filter.
    pub storage: StorageDoor,
    /// For the HTTP edge: makes contexts of verified tokens.
    pub edge: Edge,
    /// For jobs: makes contexts of named system actors.
    pub system: System,
}

/// Says what a [`Boundary`] is made of.
#[derive(Debug)]
#[must_use = "a boundary is made by `build`"]
pub struct BoundaryBuilder {
    authorizer: Arc<dyn Authorizer>,
    sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    grant_age_max: Duration,
    volatile: bool,
}

/// The boundary cannot be built so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The audit sink forgets.
    #[error("the audit sink is volatile: use a durable one, or say `allow_volatile_audit` in a test")]
    VolatileAudit,
    /// A grant must live for some time.
    #[error("the greatest age of a grant must be between 1 millisecond and 1 hour")]
    GrantAge,
}

impl Boundary {
    /// Begins a boundary: who decides, and where the records go.
    pub fn builder(authorizer: impl Authorizer + 'static, sink: impl AuditSink + 'static) -> BoundaryBuilder {
        BoundaryBuilder {
            authorizer: Arc::new(authorizer),
            sink: Arc::new(sink),
            clock: Arc::new(SystemClock::default()),
            grant_age_max: Duration::from_secs(60),
            volatile: false,
        }
    }
}

impl BoundaryBuilder {
    /// Another clock than the system's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Another clock than the system's, shared with whoever moves it.
    pub fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How old a grant may be when it is released; 60 seconds unless said otherwise.
    pub const fn grant_age_max(mut self, age: Duration) -> Self {
        self.grant_age_max = age;
        self
    }

    /// Accepts a sink whose receipts do not survive the process. For tests.
    pub const fn allow_volatile_audit(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// The boundary.
    ///
    /// # Errors
    /// [`BuildError`] when the sink is volatile and that was not allowed, or the age is out of range.
    pub fn build(self) -> Result<Boundary, BuildError> {
        if self.sink.durability() == Durability::Volatile && !self.volatile {
            return Err(BuildError::VolatileAudit);
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&self.grant_age_max) {
            return Err(BuildError::GrantAge);
        }
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let core = Arc::new(BoundaryCore {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            authorizer: self.authorizer,
            sink: self.sink,
            clock: self.clock,
            grant_age_max: self.grant_age_max,
            refusals: Refusals::default(),
        });
        Ok(Boundary {
            gate: Gate(Arc::clone(&core)),
            storage: StorageDoor(core.id),
            edge: Edge(Arc::clone(&core)),
            system: System(core),
        })
    }
}

/// What gate, edge and cases share.
#[derive(Debug)]
pub(crate) struct BoundaryCore {
    id: u64,
    pub(super) authorizer: Arc<dyn Authorizer>,
    sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    grant_age_max: Duration,
    pub(crate) refusals: Refusals,
}

impl BoundaryCore {
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
    /// Whether something opened at this reading of the monotonic clock is still good.
    pub(super) fn is_fresh(&self, opened: Duration) -> bool {
        self.monotonic().saturating_sub(opened) <= self.grant_age_max
    }
    pub(crate) fn submit(&self, event: AuditEvent) -> Receipt {
        self.sink.submit(event)
    }

    /// Records a refusal that happened before any access was asked for.
    pub(crate) fn deny(
        &self,
        context: &RequestContext,
        action: Action,
        kind: &'static str,
        reason: &'static str,
    ) {
        let ask = Ask { action, kind: Cow::Borrowed(kind), target: None, subject: None };
        let outcome = Outcome::Denied(Cow::Borrowed(reason));
        let event = AuditEvent {
            source: context.source(),
            session: context.session(),
            trace: context.trace().cloned(),
            ..AuditEvent::of_actor(
                context.next_event(),
                self.now(),
                context.actor().clone(),
                context.clinic(),
                ask,
                outcome,
            )
        };
        // Nothing is given, so nobody waits for the record; it is on its way.
        drop(self.submit(event));
    }
}
