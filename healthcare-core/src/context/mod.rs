//! Who asks, for which clinic, why, and from where.

mod actor;
mod edge;
mod justification;
mod purpose;
mod refusals;
mod trace;

pub use actor::{Actor, InvalidRole, Profile, Role};
pub use edge::{Clues, Edge, Identity, Refused, System};
pub use justification::{InvalidJustification, Justification};
pub use purpose::{InvalidPurpose, Purpose};
pub(crate) use refusals::Refusals;
pub use trace::{InvalidTrace, TraceContext};

use crate::{AuditEventId, ClinicId, CorrelationId, SessionId};
use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use uuid::Uuid;

/// One clinic, proved: only the edge and the system door make one, from a verified token or a named job.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClinicScope(ClinicId);

impl ClinicScope {
    pub(crate) const fn new(clinic: ClinicId) -> Self {
        Self(clinic)
    }

    /// The clinic.
    #[must_use]
    pub const fn clinic(&self) -> ClinicId {
        self.0
    }
}

impl fmt::Debug for ClinicScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClinicScope({})", self.0)
    }
}

/// Everything a decision and its record need to know of a request.
///
/// There is no public constructor: a person's context comes from [`Edge::request`], a job's from [`System::job`].
#[derive(Clone, Debug)]
pub struct RequestContext {
    boundary: u64,
    actor: Actor,
    scope: ClinicScope,
    location: Option<Uuid>,
    purpose: Option<Purpose>,
    justification: Option<Justification>,
    correlation: CorrelationId,
    trace: Option<TraceContext>,
    session: Option<SessionId>,
    source: Option<IpAddr>,
    events: Arc<AtomicU32>,
}

impl RequestContext {
    /// Who asks.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }
    /// The clinic, as proof.
    #[must_use]
    pub const fn scope(&self) -> ClinicScope {
        self.scope
    }
    /// The clinic.
    #[must_use]
    pub const fn clinic(&self) -> ClinicId {
        self.scope.clinic()
    }
    /// The location within the clinic, when the caller named one.
    #[must_use]
    pub const fn location(&self) -> Option<Uuid> {
        self.location
    }
    /// The purpose the caller asked for; without one the policy's default for the role applies.
    #[must_use]
    pub const fn asked_purpose(&self) -> Option<&Purpose> {
        self.purpose.as_ref()
    }
    /// What the caller gave as the reason, where one was asked for.
    #[must_use]
    pub const fn justification(&self) -> Option<&Justification> {
        self.justification.as_ref()
    }
    /// The same request, asking for another purpose. Whether it may is the policy's to say, as for what a caller asks for itself.
    #[must_use]
    pub fn asking_for(&self, purpose: Purpose) -> Self {
        Self { purpose: Some(purpose), ..self.clone() }
    }
    /// The same request, for this reason: every record of what it does holds it.
    #[must_use]
    pub fn because(&self, reason: Justification) -> Self {
        Self { justification: Some(reason), ..self.clone() }
    }
    /// The request's id.
    #[must_use]
    pub const fn correlation(&self) -> CorrelationId {
        self.correlation
    }
    /// The W3C trace the request is part of.
    #[must_use]
    pub const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }
    /// The sign-in.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }
    /// The client's address, as far as the host trusts it.
    #[must_use]
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// The number of the next audit event of this request: cheaper than a new UUID for each, and in order.
    pub(crate) fn next_event(&self) -> AuditEventId {
        AuditEventId { correlation: self.correlation, number: self.events.fetch_add(1, Ordering::Relaxed) }
    }

    pub(crate) const fn boundary(&self) -> u64 {
        self.boundary
    }
}
