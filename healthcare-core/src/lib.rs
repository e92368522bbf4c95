#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

// The kernel. It knows of scopes, subjects and records, and of no trade; it never imports the domain below.
mod access;
mod audit;
mod authorize;
mod claim;
mod column;
#[cfg(feature = "config")]
mod config;
mod context;
mod error;
mod event;
mod filter;
mod id;
#[cfg(feature = "crypto")]
mod keys;
#[cfg(feature = "mock")]
pub mod mock;
mod outbox;
mod receipt;
mod record;
mod relation;
mod repository;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod value;

// The domain: the records and rules of a clinic, on top of the kernel.
#[cfg(feature = "appointment")]
mod appointments;
#[cfg(feature = "clinical")]
mod clinical;
#[cfg(feature = "clinic")]
mod clinics;

pub use access::*;
pub use audit::{AuditEvent, AuditEventId, AuditSink, Durability, KindCount, MemoryAudit, Outcome};
pub use authorize::{Action, Ask, Authorizer, Decision, Denial, Part, Terms, Undecided};
pub use claim::{Claim, Claims, EmptyInterval, Interval, Resource};
pub use column::{Column, ColumnMismatch, UnknownCode, Value, ValueKind};
#[cfg(feature = "config")]
pub use config::*;
pub use context::*;
pub use error::*;
pub use event::DomainEvent;
pub use filter::RowFilter;
pub use id::{ClinicId, CorrelationId, Id, InvalidId, SessionId, UserId};
#[cfg(feature = "crypto")]
pub use keys::*;
pub use outbox::{Outbox, OutboxEntry, OutboxError, OutboxMessage};
pub use receipt::{Acknowledge, NotDurable, Receipt};
#[cfg(feature = "crypto")]
pub(crate) use record::PhiReader;
pub use record::{
    Field, FieldSet, Header, Hidden, Index, Phi, PlainColumn, Record, Term, UnknownField, UnreadableRecord,
    has_fact,
};
pub(crate) use record::{Kernel, PhiWriter};
pub use relation::{MemoryRelations, RelationError, RelationSource};
pub use repository::*;
pub use time::{Clock, ManualClock, SystemClock};
pub use value::*;

#[cfg(feature = "appointment")]
pub use appointments::*;
#[cfg(feature = "clinical")]
pub use clinical::*;
#[cfg(feature = "clinic")]
pub use clinics::*;

/// What the macros expand to. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::record::{Kernel, PhiReader, PhiWriter};
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as DeError};

    /// Adds the terms of one field.
    pub fn terms<F: crate::Field>(
        protected: &<F::Record as crate::Record>::Protected,
        _: &Kernel,
        name: &'static str,
        into: &mut Vec<crate::Term>,
    ) {
        F::INDEX.stored(name, &F::of(protected).0, into);
    }
}
