//! What tower asks of a middleware: every law on every layer. `docs/evidence/resilience-cases/tower-contract.md` says
//! which laws, and what is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod breaker;
mod laboratory;
mod laws;
mod layers;
mod rate;
mod retry;
mod stack;
mod time_out;
