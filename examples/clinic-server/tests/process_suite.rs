//! The real program, as a process: killed, signalled, run twice, and searched for secrets.
//!
//! `HEALTHCARE_TEST_DEEP=1` makes the kill tests as large as the promise: 64 clients, 200 kills.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod process;
