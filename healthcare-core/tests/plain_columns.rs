//! Every plain column stands here with the reason why it is not protected. A column that is added without one fails this test.
#![cfg(all(feature = "appointment", feature = "clinical"))]
#![allow(clippy::unwrap_used, missing_docs)]

use healthcare_core::{
    AllergyIntolerance, Appointment, BreakGlass, Clinic, Condition, Encounter, Immunization, Location,
    MedicationRequest, Observation, Patient, PlainColumn, Practitioner, Procedure, Record, Service,
};

const VISIT: &str = "an id: which of the person's visits it belongs to, and nothing of what was found";
const TREATS: &str = "an id: the relation by which a practitioner may see the chart is found by it";
const PLACE: &str = "an id of a place; the person is known to the clinic as such";
const CLOCK: &str = "availability and listings are computed from it; that somebody has an appointment is the price, what for is sealed";
const GLASS: &str = "an id or a time: whether the glass is open is asked before anything is opened; why it was broken is sealed";
const HOUSE: &str = "says nothing of a patient: what a clinic tells everyone about itself";

const REASONS: &[(&str, &str, &str)] = &[
    ("clinic", "name", HOUSE),
    ("clinic", "slug", HOUSE),
    ("clinic", "zone", HOUSE),
    ("clinic", "active", HOUSE),
    ("clinic", "plugins", HOUSE),
    ("location", "name", HOUSE),
    ("location", "zone", HOUSE),
    ("location", "address", HOUSE),
    ("location", "active", HOUSE),
    ("service", "code", HOUSE),
    ("service", "name", HOUSE),
    ("service", "duration_minutes", HOUSE),
    ("service", "active", HOUSE),
    ("practitioner", "family", HOUSE),
    ("practitioner", "given", HOUSE),
    ("practitioner", "prefix", HOUSE),
    ("practitioner", "location_id", HOUSE),
    ("practitioner", "hours", HOUSE),
    ("practitioner", "active", HOUSE),
    ("patient", "active", "whether the record is in use; deaths and departures are not told apart by it"),
    ("appointment", "practitioner_id", TREATS),
    ("appointment", "location_id", PLACE),
    (
        "appointment",
        "status",
        "claims and listings depend on it; it says whether a visit took place and not what came of it",
    ),
    ("appointment", "confirmed", "as the status"),
    ("appointment", "starts", CLOCK),
    ("appointment", "ends", CLOCK),
    ("appointment", "zone", PLACE),
    ("encounter", "practitioner_id", TREATS),
    ("encounter", "location_id", PLACE),
    ("condition", "encounter_id", VISIT),
    ("observation", "encounter_id", VISIT),
    ("medication_request", "encounter_id", VISIT),
    ("medication_request", "practitioner_id", "an id: who wrote it"),
    ("allergy_intolerance", "encounter_id", VISIT),
    ("procedure", "encounter_id", VISIT),
    ("immunization", "encounter_id", VISIT),
    ("break_glass", "user_id", GLASS),
    ("break_glass", "starts", GLASS),
    ("break_glass", "ends", GLASS),
    ("break_glass", "ended_at", GLASS),
    ("break_glass", "ended_by", GLASS),
    ("break_glass", "reviewed_at", GLASS),
    ("break_glass", "reviewed_by", GLASS),
];

fn columns<T: Record>() -> impl Iterator<Item = (&'static str, &'static str)> {
    T::COLUMNS.iter().map(|PlainColumn { name, .. }| (T::KIND, *name))
}

#[test]
fn every_plain_column_has_its_reason() {
    let declared: Vec<_> = columns::<Clinic>()
        .chain(columns::<Location>())
        .chain(columns::<Service>())
        .chain(columns::<Practitioner>())
        .chain(columns::<Patient>())
        .chain(columns::<Appointment>())
        .chain(columns::<Encounter>())
        .chain(columns::<Condition>())
        .chain(columns::<Observation>())
        .chain(columns::<MedicationRequest>())
        .chain(columns::<AllergyIntolerance>())
        .chain(columns::<Procedure>())
        .chain(columns::<Immunization>())
        .chain(columns::<BreakGlass>())
        .collect();
    let reasoned: Vec<_> = REASONS.iter().map(|(kind, column, _)| (*kind, *column)).collect();
    assert_eq!(declared, reasoned);
    assert!(REASONS.iter().all(|(.., reason)| reason.len() > 10));
}
