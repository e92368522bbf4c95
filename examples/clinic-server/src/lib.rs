//! The clinic server: a clinic's backend on the healthcare crates.

pub mod config;
pub mod fhir;
pub mod pages;
