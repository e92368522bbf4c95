//! What stands around the cache: what it counts, responses that are kept, what operators may do.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod admin;
#[cfg(all(feature = "metrics", feature = "redis"))]
mod canary;
mod counts;
mod responses;
mod templates;
