use healthcare_core::{
    Action, Actor, Ask, AuditEvent, AuditEventId, ClinicId, CorrelationId, DomainEvent, Outcome,
};
use jiff::Timestamp;
use serde_json::json;
use std::borrow::Cow;
use uuid::Uuid;

/// An event of this kind and aggregate, as it comes out of a database.
#[must_use]
pub fn event(clinic: ClinicId, kind: &str, aggregate: Uuid, version: i64) -> DomainEvent {
    serde_json::from_value(json!({
        "id": Uuid::now_v7(),
        "kind": kind,
        "schema": DomainEvent::SCHEMA,
        "clinic": clinic,
        "aggregate_kind": "sample",
        "aggregate_id": aggregate,
        "aggregate_version": version,
        "occurred": Timestamp::UNIX_EPOCH,
        "correlation": CorrelationId::random(),
    }))
    .expect("an event in its written form")
}

/// An outcome record, as a commit writes it.
#[must_use]
pub fn outcome(clinic: ClinicId, target: Uuid) -> AuditEvent {
    let id = AuditEventId { correlation: CorrelationId::random(), number: 1 };
    let ask =
        Ask { action: Action::Update, kind: Cow::Borrowed("sample"), target: Some(target), subject: None };
    AuditEvent::of_actor(
        id,
        Timestamp::UNIX_EPOCH,
        Actor::Anonymous,
        clinic,
        ask,
        Outcome::Written { subjects: Vec::new(), counts: Vec::new(), events: 1 },
    )
}
