//! Repositories whose rows are remembered.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod look;
mod nodes;
mod reader;
mod relations;
mod rig;
mod writer;
