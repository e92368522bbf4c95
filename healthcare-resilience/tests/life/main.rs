//! The life of a program: start, health, time-outs, stop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod closing;
mod component;
mod health;
#[cfg(feature = "axum")]
mod router;
mod shutdown;
mod shutdown_model;
mod start;
mod time_out;
