//! The audit seam: what is recorded, and the promise of a sink.

use crate::{
    Action, Actor, Ask, ClinicId, CorrelationId, Justification, NotDurable, Part, Purpose, Receipt,
    SessionId, TraceContext,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

/// The identity of an audit event: its request, and its number within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AuditEventId {
    /// The request.
    pub correlation: CorrelationId,
    /// The event's number within the request, from 0.
    pub number: u32,
}

impl fmt::Display for AuditEventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.correlation, self.number)
    }
}

/// One fact about an access. It names records by id and fields by name, and holds no field's value but the reason for breaking the glass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Its identity.
    pub id: AuditEventId,
    /// The decision this is an outcome of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<AuditEventId>,
    /// When, by the boundary's clock. Order is the log's, not the clock's.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// In which clinic.
    pub clinic: ClinicId,
    /// At which location of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Uuid>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// In whose words: the reason that was given for emergency access. Who may read the log may not read it for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Under which sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// In which trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// What was asked.
    pub ask: Ask,
    /// What came of it.
    pub outcome: Outcome,
    /// Which kinds were given, and which of their fields were hidden.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Arc<[Part]>>,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// Emergency access: recorded in a second place when the first fails, instead of being refused.
    #[serde(default)]
    pub emergency: bool,
}

impl AuditEvent {
    /// An event with the least there is to say; the rest is absent.
    #[must_use]
    pub const fn of_actor(
        id: AuditEventId,
        at: Timestamp,
        actor: Actor,
        clinic: ClinicId,
        ask: Ask,
        outcome: Outcome,
    ) -> Self {
        Self {
            id,
            of: None,
            at,
            actor,
            clinic,
            location: None,
            purpose: None,
            justification: None,
            source: None,
            session: None,
            trace: None,
            ask,
            outcome,
            parts: None,
            rule: None,
            emergency: false,
        }
    }
}

/// How many rows of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Cow<'static, str>,
    /// How many.
    pub count: u32,
}

/// What came of an access.
///
/// `Allowed` counts as disclosed unless a later event of the same decision says `NotFound`, `Withheld` or `Abandoned`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Decided: yes.
    Allowed,
    /// Decided: no, with the reason's code.
    Denied(Cow<'static, str>),
    /// Rows were given: whose, and how many of which kind.
    Disclosed {
        /// The people concerned, each once.
        subjects: Vec<Uuid>,
        /// The rows by kind.
        counts: Vec<KindCount>,
    },
    /// There was no such row.
    NotFound,
    /// There was a row, and it was not given.
    Withheld,
    /// The grant was dropped before anything was given.
    Abandoned,
    /// A change was committed.
    Written {
        /// The people concerned, each once.
        #[serde(default)]
        subjects: Vec<Uuid>,
        /// The rows by kind.
        counts: Vec<KindCount>,
        /// How many events went with them.
        events: u32,
    },
    /// A commit was cut off in flight: whether it happened is for the database to say.
    Unconfirmed,
    /// Callers nobody knows were refused, for this reason, so many times.
    Refused {
        /// The code of the catalogue.
        code: Cow<'static, str>,
        /// How many.
        count: u32,
    },
    /// Something outside the access path, under a short code: `signed-in`, `signed-out`.
    Noted(Cow<'static, str>),
}

/// How lasting a sink's receipts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Gone with the process. A boundary accepts such a sink only when told so.
    Volatile,
    /// Survives the process and the machine's restart.
    Durable,
}

/// Where audit events go.
///
/// # Contract
/// - `submit` is eager: when it returns the event is on its way, whether or not the receipt is awaited.
/// - `submit` never blocks. When there is no room the receipt fails at once with [`NotDurable::Full`].
/// - The receipt resolves to `Ok` only when the event is durable; an acknowledged event is never lost, reordered or changed.
/// - Events are ordered as they were submitted.
/// - The same event again, with the same id and contents, is acknowledged and stored once. The same id with other contents is
///   stored: a reused request id hides nothing.
pub trait AuditSink: fmt::Debug + Send + Sync {
    /// Takes an event.
    fn submit(&self, event: AuditEvent) -> Receipt;

    /// How lasting the receipts are.
    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

impl<S: AuditSink + ?Sized> AuditSink for Arc<S> {
    fn submit(&self, event: AuditEvent) -> Receipt {
        (**self).submit(event)
    }
    fn durability(&self) -> Durability {
        (**self).durability()
    }
}

/// A sink in memory, for tests and for looking at what happens. It can be broken on purpose.
#[derive(Debug, Default)]
pub struct MemoryAudit {
    events: Mutex<Vec<AuditEvent>>,
    broken: AtomicBool,
}

impl MemoryAudit {
    /// What was recorded, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<AuditEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The outcomes of what was recorded, oldest first.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.events().into_iter().map(|event| event.outcome).collect()
    }

    /// The outcomes of one kind of action, oldest first.
    #[must_use]
    pub fn outcomes_of(&self, action: Action) -> Vec<Outcome> {
        self.events()
            .into_iter()
            .filter(|event| event.ask.action == action)
            .map(|event| event.outcome)
            .collect()
    }

    /// Makes every later receipt fail, or not.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

impl AuditSink for MemoryAudit {
    fn submit(&self, event: AuditEvent) -> Receipt {
        if self.broken.load(Ordering::SeqCst) {
            return Receipt::ready(Err(NotDurable::Failed));
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if !events.contains(&event) {
            events.push(event);
        }
        Receipt::ready(Ok(()))
    }

    fn durability(&self) -> Durability {
        Durability::Volatile
    }
}
