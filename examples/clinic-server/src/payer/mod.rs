//! Asks a payer over HTTP whether a visit is covered: a `CoverageEligibilityRequest` of FHIR R4 is posted, and its answer read.
//!
//! ```text
//! plugin eligibility ─ stack (deadline ─ retry ─ bulkhead ─ circuit ─ time-out) ─ HTTP/1.1, TLS, no redirects, 64 KiB ─ payer
//! ```
//!
//! The payer is told the clinic's id, the patient's id, the day and its own name. What it answers is looked at for four things and then
//! forgotten; its texts are never shown, logged or kept.

mod client;
mod message;
mod stack;

pub use client::FhirPayer;
pub use stack::PayerTimes;
