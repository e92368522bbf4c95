//! A cache in memory and in a tier that several nodes share.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod away;
#[cfg(feature = "statistics")]
mod counted;
mod fences;
mod held;
mod lives;
mod model;
mod restricted;
#[allow(dead_code, reason = "others need the rest of it")]
mod rig;
mod turns;
