//! The chart: what is known of a patient, each record about one of them.
//!
//! Everything that says something of their health is protected; in clear stand only ids that relations and joins need.

mod coded;
mod records;

pub use coded::{Coded, Measure, Period};
pub use records::{
    AllergyIntolerance, Condition, Encounter, Immunization, MedicationRequest, Observation, Procedure,
    allergy_intolerance, condition, encounter, immunization, medication_request, observation, procedure,
};
