//! Contract suites: run [`bus_contract`] against every [`EventBus`](crate::EventBus), [`outbox_contract`] against every
//! [`Outbox`](healthcare_core::Outbox) and [`jobs_contract`] against every [`JobStore`](crate::JobStore).
//!
//! Not covered by semver: a case may be added whenever a contract is found to leave something open.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite fails by panic"
)]

mod bus;
mod event;
mod jobs;
mod outbox;

pub use self::{
    bus::bus_contract,
    event::{event, outcome},
    jobs::{JobRig, jobs_contract},
    outbox::{OutboxRig, outbox_contract},
};
