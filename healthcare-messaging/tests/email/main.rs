//! E-mail: what each end of a conversation means, and a real server of another make.
#![cfg(all(feature = "testing", feature = "smtp"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod faults;
mod memory;
mod scripted;
mod sink;
