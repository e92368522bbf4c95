//! Invented events.

use healthcare_core::{
    Action, Actor, Ask, AuditEvent, AuditEventId, ClinicId, CorrelationId, KindCount, Outcome, UserId,
};
use jiff::Timestamp;
use std::borrow::Cow;
use uuid::Uuid;

/// The clinic with this number.
#[must_use]
pub const fn clinic(number: u128) -> ClinicId {
    ClinicId::from_uuid(Uuid::from_u128(0xc11_0000 + number))
}

/// A decision to let a patient's record be read: the first event of request `number`.
#[must_use]
pub fn allowed(clinic: ClinicId, number: u128) -> AuditEvent {
    let patient = patient(number);
    let ask = Ask {
        action: Action::Read,
        kind: Cow::Borrowed("patient"),
        target: Some(patient),
        subject: Some(patient),
    };
    let actor =
        Actor::User { id: UserId::from_uuid(Uuid::from_u128(0xd0c)), roles: [].into(), profile: None };
    let at = Timestamp::from_second(1_772_355_600).unwrap_or(Timestamp::UNIX_EPOCH);
    AuditEvent::of_actor(id(number, 0), at, actor, clinic, ask, Outcome::Allowed)
}

/// What came of the decision of the same `number`: the patient's record was given.
#[must_use]
pub fn disclosed(clinic: ClinicId, number: u128) -> AuditEvent {
    let counts = vec![KindCount { kind: Cow::Borrowed("patient"), count: 1 }];
    let outcome = Outcome::Disclosed { subjects: vec![patient(number)], counts };
    AuditEvent { id: id(number, 1), of: Some(id(number, 0)), outcome, ..allowed(clinic, number) }
}

/// The patient whom request `number` is about.
#[must_use]
pub const fn patient(number: u128) -> Uuid {
    Uuid::from_u128(0xbad_0000 + number)
}

/// The identity of an event.
#[must_use]
pub const fn id(correlation: u128, number: u32) -> AuditEventId {
    AuditEventId { correlation: CorrelationId::from_uuid(Uuid::from_u128(0xc0_0000 + correlation)), number }
}
