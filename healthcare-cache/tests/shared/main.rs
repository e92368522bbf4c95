//! The shared tier: in memory, in Redis, and when it breaks.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod doubles;
mod memory;
#[cfg(feature = "deadpool")]
mod redis;
