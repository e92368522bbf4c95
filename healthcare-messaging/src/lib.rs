#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod bus;
mod in_process;
mod jobs;
mod outbox;
mod relay;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod worker;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "sqlite", feature = "postgres"))))]
pub use crate::jobs::{SealedJob, SqlJobs};
pub use crate::{
    bus::{
        Counts, Delivery, EventBus, Handler, HandlerError, PublishError, SubscribeError, Subscribed,
        Subscription, Tally, Undelivered, Why,
    },
    in_process::InProcessBus,
    jobs::{
        Claimed, DeadLetter, DeathReason, Enqueued, Fate, Finished, Job, JobConfigError, JobError, JobFilter,
        JobKind, JobLease, JobStore, MemoryJobs, NewJob, NewJobBuilder, QueueCount, UniqueKey, Unreadable,
        Wanted,
    },
    outbox::MemoryOutbox,
    relay::{Pass, Relay, RelayBuilder, RelayConfigError, RelayError, RelayStatus, Wake, WakingWriter},
    worker::{
        Attempt, Done, JobFailure, JobHandler, Worker, WorkerBuilder, WorkerConfigError, WorkerStatus,
        WorkerTally,
    },
};
