//! Contract suites: run [`bus_contract`] against every [`EventBus`](crate::EventBus), [`outbox_contract`] against every
//! [`Outbox`](healthcare_core::Outbox) and [`jobs_contract`] against every [`JobStore`](crate::JobStore); with the feature `notify` `email_contract` against
//! every `EmailTransport`.
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
#[cfg(feature = "notify")]
mod email;
mod event;
mod jobs;
mod outbox;

#[cfg(feature = "notify")]
pub use self::email::{ReceivedEmail, email_contract, sample_address, sample_email};
pub use self::{
    bus::bus_contract,
    event::{event, outcome},
    jobs::{JobRig, jobs_contract},
    outbox::{OutboxRig, outbox_contract},
};
