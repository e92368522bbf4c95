//! What a node is made of, part by part: its bytes, its ears, its queue and its bars.
//!
//! The very files of the crate are compiled here.
#![cfg(feature = "testing")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "tests; and the crate uses what is not needed here"
)]

#[path = "../../src/node/bars.rs"]
mod bars;
#[path = "../../src/node/hearing.rs"]
mod hearing;
#[path = "../../src/node/notice.rs"]
mod notice;
#[path = "../../src/node/numbers.rs"]
mod numbers;
#[path = "../../src/node/queue.rs"]
mod queue;
#[path = "../../src/sync.rs"]
mod sync;

mod barring;
mod counting;
mod ears;
mod network;
mod owing;
mod wire;

use healthcare_cache::{Mark, ScopeMark, SharedLimits, Verb};
