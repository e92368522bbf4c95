//! What is to be done later: which queues there are, which kinds of jobs, and how one is enqueued.
//!
//! To add a kind: a type with [`JobKind`](healthcare_messaging::JobKind) and its
//! [`JobHandler`](healthcare_messaging::JobHandler) in a file of its own, one line in `kinds.rs`, and its queue in
//! `queues.rs` when it is a new one.

mod kinds;
mod measured;
mod queues;
mod repository;
mod store;

pub(crate) use kinds::kinds;
pub(crate) use measured::measure;
pub(crate) use queues::QUEUES;
pub use repository::{JobRepository, JobsAsked, QueuedJob, queued_job};
pub use store::Jobs;
