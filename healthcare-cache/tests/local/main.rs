//! The cache of one process: policies, names, reads, and what is never served again.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod ages;
mod fences;
mod flights;
mod many;
mod model;
mod names;
mod policy;
mod rig;
mod room;
