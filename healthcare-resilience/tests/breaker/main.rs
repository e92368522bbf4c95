//! The circuit breaker, by what it promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod beside;
mod build;
mod calls;
mod clocks;
mod events;
mod half_open;
mod herd;
mod model;
mod public_cases;
mod script;
mod stale;
mod verdicts;
mod windows;
