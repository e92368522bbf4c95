//! The clinic server: a clinic's backend on the healthcare crates.
//!
//! Read [`App`] for the parts, [`api`] for one file per resource of the HTTP API, [`pages`] for what a browser sees,
//! [`fhir`] for bundles, [`config`] for settings.

mod app;
mod caches;
mod emergency;
mod jobs;
mod live;
mod log_watch;
pub mod notices;
mod ops;
mod stores;

pub mod api;
pub mod commands;
pub mod config;
pub mod fhir;
pub mod http;
pub mod import;
pub mod pages;
pub mod payer;
pub mod seed;
pub mod wiring;

pub use app::{App, EdgeSettings};
pub use caches::Caches;
pub use emergency::Emergencies;
pub use jobs::{JobRepository, Jobs, JobsAsked, QueuedJob, queued_job};
pub use live::{Feed, Live};
pub use log_watch::LogWatch;
pub use stores::{ChartWriter, ClinicStore, PatientRepository, ReplyStore, Repository, Stores, Told};
