//! The pages in a real browser: what a person does in two windows, and whether each page can be read on a screen and on a telephone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod chromium;
#[path = "../common/mod.rs"]
mod common;
mod legible;
mod two_windows;
mod visit;
mod window;
