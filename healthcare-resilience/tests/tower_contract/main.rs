//! What tower asks of a middleware: every law on every layer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod breaker;
mod laboratory;
mod laws;
mod time_out;
