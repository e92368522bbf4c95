//! Importing FHIR bundles into a clinic.
