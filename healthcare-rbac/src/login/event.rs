//! What sign-in tells the audit log.

use healthcare_core::{Actor, ClinicId, Edge, ErrorCode, Outcome, Receipt, Role, SessionId, UserId};
use jiff::Timestamp;
use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

healthcare_core::code_enum! {
    /// What happened to a sign-in.
    pub enum AuthEventKind {
        /// Somebody signed in. The tokens are handed out only when this is durable.
        SignedIn = "signed-in",
        /// An unknown address or a wrong password.
        Failed = "sign-in-failed",
        /// The password was right, and the user may not sign in here.
        Refused = "sign-in-refused",
        /// An access token was renewed.
        Refreshed = "token-refreshed",
        /// A refresh token was used again: the sign-in was ended.
        Reuse = "refresh-reuse",
        /// The user went on in another clinic. The tokens are handed out only when this is durable.
        Switched = "clinic-switched",
        /// The user signed out.
        SignedOut = "signed-out",
    }
}

/// One of them. It never holds an address or a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthEvent {
    /// What.
    pub kind: AuthEventKind,
    /// Who, when they are known.
    pub user: Option<UserId>,
    /// In which clinic; absent for an address nobody has.
    pub clinic: Option<ClinicId>,
    /// With which roles.
    pub roles: Arc<[Role]>,
    /// Which sign-in.
    pub session: Option<SessionId>,
    /// From where.
    pub source: Option<IpAddr>,
    /// When.
    pub at: Timestamp,
}

/// Takes them.
///
/// # Contract
/// As [`AuditSink`](healthcare_core::AuditSink): `note` never blocks, and the receipt resolves when the event is durable.
/// How often an event comes is bounded by the throttle; one without a clinic may be counted instead of kept.
pub trait AuthSink: fmt::Debug + Send + Sync {
    /// Takes one.
    fn note(&self, event: &AuthEvent) -> Receipt;
}

/// The boundary's own audit log. An attempt on an address nobody has belongs to no clinic: the edge counts it, and records the count
/// by the minute.
impl AuthSink for Edge {
    fn note(&self, event: &AuthEvent) -> Receipt {
        let Some(clinic) = event.clinic else {
            tracing::warn!(event = event.kind.as_str(), source = ?event.source, "sign-in without a known user");
            self.refused(ErrorCode::CredentialsInvalid);
            return Receipt::ready(Ok(()));
        };
        let actor = event.user.map_or(Actor::Anonymous, |id| Actor::User {
            id,
            roles: Arc::clone(&event.roles),
            profile: None,
        });
        Self::note(
            self,
            clinic,
            actor,
            (event.session, event.source),
            Outcome::Noted(Cow::Borrowed(event.kind.as_str())),
        )
    }
}

/// Events in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryAuthEvents(Mutex<Vec<AuthEvent>>);

impl MemoryAuthEvents {
    /// What was noted, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<AuthEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl AuthSink for MemoryAuthEvents {
    fn note(&self, event: &AuthEvent) -> Receipt {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Receipt::ready(Ok(()))
    }
}
