//! The tables of a clinic.

/// A table whose every row belongs to one clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClinicTable {
    /// Its name in the schema `main`.
    pub name: &'static str,
    /// Whether it holds records: common columns, plain columns and one sealed column.
    pub record: bool,
}

const fn record(name: &'static str) -> ClinicTable {
    ClinicTable { name, record: true }
}
const fn plain(name: &'static str) -> ClinicTable {
    ClinicTable { name, record: false }
}

/// Every clinic table that this crate's migrations make. Isolation covers these and any further table with a `clinic_id`; a
/// PostgreSQL database where one of these is missing or unprotected is refused.
pub const CLINIC_TABLES: &[ClinicTable] = &[
    record("clinic"),
    record("location"),
    record("service"),
    record("practitioner"),
    record("patient"),
    record("appointment"),
    record("encounter"),
    record("condition"),
    record("observation"),
    record("medication_request"),
    record("allergy_intolerance"),
    record("procedure"),
    record("immunization"),
    record("break_glass"),
    plain("claim"),
    plain("subject_key"),
    plain("blind_index"),
    plain("idempotency"),
];
