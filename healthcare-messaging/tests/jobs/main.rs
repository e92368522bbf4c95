//! Jobs: the contract on every store, the worker, and processes that die.
#![cfg(all(feature = "testing", feature = "sqlite", feature = "postgres"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod big_bang;
mod contract;
#[cfg(unix)]
mod crash;
mod model;
mod new;
mod plan;
mod sealed;
mod site;
mod worker;
