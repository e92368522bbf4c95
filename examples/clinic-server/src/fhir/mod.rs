//! FHIR R4 bundles, read from files (<https://hl7.org/fhir/R4/bundle.html>).
//!
//! [`read_bundle`] turns a file's bytes into a [`Bundle`]: each entry is a resource the importer understands, or is left out for a
//! stated [`Reason`]. A supported resource that is not what FHIR R4 describes fails its whole bundle. No error, and no `Debug`
//! of anything here, repeats a value from the input.

mod bundle;
mod datatype;
mod error;
mod input;
mod kind;
mod limits;
mod reference;
mod resource;
mod when;

pub use bundle::{Bundle, Content, Entry, Reason};
pub use datatype::{Code, CodeableConcept, Coding, Decimal, HumanName, Identifier, Period, Quantity, Text};
pub use error::{BundleError, Problem};
pub use input::{read_bundle, unpack};
pub use kind::{Kind, TypeName};
pub use limits::Limits;
pub use reference::{Link, Reference, SourceId};
pub use resource::{
    Address, AllergyIntolerance, ClinicalText, Component, Condition, ContactPoint, Encounter, Immunization,
    MedicationRequest, Observation, ObservationValue, Organization, Participant, Patient, Practitioner,
    Procedure, Resource,
};
pub use when::When;
