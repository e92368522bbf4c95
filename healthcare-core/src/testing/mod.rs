//! Contract suites for the seams, and a stage to run them on. Behind the feature `testing`; not covered by semver.
//!
//! An implementation of a seam is right when its suite passes. Give the suite a way to make the implementation:
//!
//! ```no_run
//! use healthcare_core::{MemoryStore, StorageDoor, testing};
//! # #[cfg(feature = "clinical")]
//! async fn memory_store_keeps_the_contract() {
//!     testing::records(|door: StorageDoor| async { testing::charting(MemoryStore::new(door)) }).await;
//! }
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a suite fails by panic"
)]

mod audit;
#[cfg(feature = "appointment")]
mod booking;
#[cfg(feature = "clinic")]
mod emergency;
#[cfg(feature = "appointment")]
mod notices;
#[cfg(feature = "appointment")]
mod payer;
#[cfg(feature = "clinical")]
mod records;
mod stage;

pub use audit::audit_sink;
#[cfg(feature = "appointment")]
pub use booking::{booking, contention};
#[cfg(feature = "clinic")]
pub use emergency::emergency_access;
#[cfg(feature = "appointment")]
pub use notices::notices;
#[cfg(feature = "appointment")]
pub use payer::payer;
#[cfg(feature = "clinical")]
pub use records::{charting, records};
pub use stage::{OpenPolicy, Stage};
