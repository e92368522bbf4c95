//! Domain events.

use crate::{ClinicId, CorrelationId, Id, Record};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// Something that happened, for whoever listens: an envelope of ids, kinds and times.
///
/// It carries no protected value and no free text: who needs more opens a grant of their own and reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DomainEvent {
    /// The event's id; a listener that has seen it may pass over it.
    pub id: Uuid,
    /// What happened: `appointment.booked`.
    pub kind: Cow<'static, str>,
    /// The version of this envelope's form.
    pub schema: u16,
    /// In which clinic.
    pub clinic: ClinicId,
    /// The kind of record it happened to.
    pub aggregate_kind: Cow<'static, str>,
    /// The record it happened to.
    pub aggregate_id: Uuid,
    /// The version of the record after it happened: the order of its events.
    pub aggregate_version: i64,
    /// When.
    pub occurred: Timestamp,
    /// In which request.
    pub correlation: CorrelationId,
}

impl DomainEvent {
    /// The version of the form that this program writes.
    pub const SCHEMA: u16 = 1;

    pub(crate) fn new<T: Record>(
        kind: &'static str,
        (clinic, id, version): (ClinicId, Id<T>, i64),
        occurred: Timestamp,
        correlation: CorrelationId,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            kind: Cow::Borrowed(kind),
            schema: Self::SCHEMA,
            clinic,
            aggregate_kind: Cow::Borrowed(T::KIND),
            aggregate_id: id.as_uuid(),
            aggregate_version: version,
            occurred,
            correlation,
        }
    }
}
