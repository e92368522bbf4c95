//! The two doors through which a context is made.

use super::{Actor, ClinicScope, Profile, Purpose, RequestContext, Role, TraceContext};
use crate::{
    Action, Ask, AuditEvent, AuditEventId, ClinicId, CorrelationId, ErrorCode, Outcome, SessionId, UserId,
    access::BoundaryCore,
};
use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, atomic::AtomicU32},
};
use uuid::Uuid;

/// What a verified token says. The host makes one only after it has checked the token's signature, life and session.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who signed in.
    pub user: UserId,
    /// The one clinic the token names.
    pub clinic: ClinicId,
    /// The user's roles in that clinic.
    pub roles: Arc<[Role]>,
    /// The record that stands for the user.
    pub profile: Option<Profile>,
    /// The sign-in.
    pub session: Option<SessionId>,
}

/// What the request itself says. None of it is trusted: a clinic may only agree with the token's.
#[derive(Debug, Clone, Default)]
pub struct Clues<'r> {
    /// The clinic of the `X-Clinic-ID` header.
    pub header: Option<&'r str>,
    /// The clinic of the query string.
    pub query: Option<&'r str>,
    /// The clinic that the host's subdomain stands for, resolved by the host.
    pub subdomain: Option<ClinicId>,
    /// The location within the clinic.
    pub location: Option<&'r str>,
    /// The purpose of use asked for.
    pub purpose: Option<&'r str>,
    /// The request's id, when the host numbered it already.
    pub correlation: Option<CorrelationId>,
    /// The `traceparent` header. One that is malformed is ignored, as the standard asks.
    pub trace: Option<&'r str>,
    /// The client's address, taken from forwarding headers only behind a trusted proxy.
    pub source: Option<IpAddr>,
}

/// The request contradicts its token, or says something that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The request names another clinic than the token.
    #[error(
        "the request names another clinic than the token: sign in to that clinic, or leave the clinic out"
    )]
    ClinicMismatch,
    /// The purpose of use is not a code.
    #[error("X-Purpose-Of-Use is not a purpose code: use one such as TREAT")]
    Purpose,
    /// The location is not an id.
    #[error("the location is not an id")]
    Location,
}

impl Refused {
    /// The code of the catalogue.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::ClinicMismatch => ErrorCode::ClinicMismatch,
            Self::Purpose | Self::Location => ErrorCode::ValidationFailed,
        }
    }
}

/// Makes contexts for requests of people. Handed out once, when the boundary is built.
#[derive(Debug, Clone)]
pub struct Edge(pub(crate) Arc<BoundaryCore>);

impl Edge {
    /// The context of a request with a verified token.
    ///
    /// # Errors
    /// [`Refused`] when header, query or subdomain name another clinic than the token (which is recorded as a denial), or
    /// when the purpose or location cannot be read.
    pub fn request(&self, identity: Identity, clues: &Clues<'_>) -> Result<RequestContext, Refused> {
        let context = self.context(identity, clues)?;
        if agrees(context.clinic(), clues) {
            return Ok(context);
        }
        tracing::warn!(correlation = %context.correlation(), "the request names another clinic than its token: refused");
        self.0.deny(&context, Action::Enter, "clinic", "the request names another clinic than the token");
        Err(Refused::ClinicMismatch)
    }

    fn context(&self, identity: Identity, clues: &Clues<'_>) -> Result<RequestContext, Refused> {
        let purpose = clues.purpose.map(str::parse::<Purpose>).transpose().map_err(|_| Refused::Purpose)?;
        let location = clues.location.map(Uuid::try_parse).transpose().map_err(|_| Refused::Location)?;
        Ok(RequestContext {
            boundary: self.0.id(),
            actor: Actor::User { id: identity.user, roles: identity.roles, profile: identity.profile },
            scope: ClinicScope::new(identity.clinic),
            location,
            purpose,
            justification: None,
            correlation: clues.correlation.unwrap_or_else(CorrelationId::random),
            trace: clues.trace.and_then(|text| text.parse::<TraceContext>().ok()),
            session: identity.session,
            source: clues.source,
            events: Arc::new(AtomicU32::new(0)),
        })
    }

    /// Counts a caller who was refused before anybody knew who it was: no token, a forged one, an expired one. The first of a
    /// minute is recorded at once and the others as one number, so that a flood of them does not fill the log.
    pub fn refused(&self, code: ErrorCode) {
        self.record(self.0.refusals.count(code, self.0.monotonic()));
    }

    /// Records the refusals that were counted and not recorded yet. For the end of a process.
    pub fn record_refused(&self) {
        self.record(self.0.refusals.drain());
    }

    fn record(&self, refusals: Vec<(ErrorCode, u32)>) {
        for refusal in refusals {
            // Nothing is given, so nobody waits for the record; it is on its way.
            drop(self.0.submit(super::refusals::event(self.0.now(), refusal)));
        }
    }

    /// Records something that a person did outside the access path: a sign-in, a sign-out, a refused token.
    /// `session` is the sign-in it began or ended, `clinic` the one concerned; `what` is a short code without personal data.
    pub fn note(
        &self,
        clinic: ClinicId,
        actor: Actor,
        (session, source): (Option<SessionId>, Option<IpAddr>),
        what: Outcome,
    ) -> crate::Receipt {
        let id = AuditEventId { correlation: CorrelationId::random(), number: 0 };
        let ask = Ask { action: Action::Enter, kind: Cow::Borrowed("session"), target: None, subject: None };
        self.0.submit(AuditEvent {
            session,
            source,
            ..AuditEvent::of_actor(id, self.0.now(), actor, clinic, ask, what)
        })
    }
}

fn agrees(clinic: ClinicId, clues: &Clues<'_>) -> bool {
    let same = |text: Option<&str>| {
        text.is_none_or(|text| text.parse::<ClinicId>().is_ok_and(|named| named == clinic))
    };
    same(clues.header) && same(clues.query) && clues.subdomain.is_none_or(|named| named == clinic)
}

/// Makes contexts for the system's own jobs: one clinic at a time, under a name and a role, recorded like anyone else.
/// Handed out once, when the boundary is built.
#[derive(Debug, Clone)]
pub struct System(pub(crate) Arc<BoundaryCore>);

impl System {
    /// The context of one run of `job` in `clinic`.
    #[must_use]
    pub fn job(&self, job: &'static str, role: Role, clinic: ClinicId) -> RequestContext {
        RequestContext {
            boundary: self.0.id(),
            actor: Actor::System { job: Cow::Borrowed(job), role },
            scope: ClinicScope::new(clinic),
            location: None,
            purpose: None,
            justification: None,
            correlation: CorrelationId::random(),
            trace: None,
            session: None,
            source: None,
            events: Arc::new(AtomicU32::new(0)),
        }
    }

    /// The scope of one clinic, for work on its headers alone: relays, key look-ups, migrations of its rows.
    #[must_use]
    pub const fn scope(&self, clinic: ClinicId) -> ClinicScope {
        ClinicScope::new(clinic)
    }
}
