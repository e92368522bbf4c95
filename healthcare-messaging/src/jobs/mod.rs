//! Jobs: what is to be done later, at least once, by whoever holds the newest lease.

mod checked;
mod config;
mod error;
mod held;
mod listed;
mod memory;
mod new;
mod seen;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod statements;
mod store;

pub(crate) use self::config::is_name;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "sqlite", feature = "postgres"))))]
pub use self::sql::{SealedJob, SqlJobs};
pub use self::{
    config::JobConfigError,
    error::{JobError, Unreadable},
    held::{Claimed, Enqueued, Fate, Job, JobLease, Wanted},
    listed::{JobState, ListedJob, UnknownState},
    memory::MemoryJobs,
    new::{JobKind, NewJob, NewJobBuilder, UniqueKey},
    seen::{DeadLetter, DeathReason, Finished, JobFilter, QueueCount},
    store::JobStore,
};
