#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod bus;
mod in_process;
mod jobs;
#[cfg(feature = "notify")]
mod notify;
mod outbox;
mod realtime;
mod relay;
mod sync;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod worker;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "sqlite", feature = "postgres"))))]
pub use crate::jobs::{SealedJob, SqlJobs};
#[cfg(feature = "notify")]
#[cfg_attr(docsrs, doc(cfg(feature = "notify")))]
pub use crate::notify::{
    ClinicName, EmailFailure, EmailTransport, LogEmail, MemoryEmail, NoticeText, NoticeValues, OutgoingEmail,
    Template, TemplateError, VisitTime,
};
#[cfg(feature = "smtp")]
#[cfg_attr(docsrs, doc(cfg(feature = "smtp")))]
pub use crate::notify::{
    InvalidSender, InvalidSmtpUrl, MailSender, SmtpConfigError, SmtpEmail, SmtpEmailBuilder, SmtpUrl,
};
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use crate::realtime::{SocketOffer, WEB_SOCKET_PROTOCOL};
pub use crate::{
    bus::{
        Counts, Delivery, EventBus, Handler, HandlerError, PublishError, SubscribeError, Subscribed,
        Subscription, Tally, Undelivered, Why,
    },
    in_process::InProcessBus,
    jobs::{
        Claimed, DeadLetter, DeathReason, Enqueued, Fate, Finished, Job, JobConfigError, JobError, JobFilter,
        JobKind, JobLease, JobState, JobStore, ListedJob, MemoryJobs, NewJob, NewJobBuilder, QueueCount,
        UniqueKey, UnknownState, Unreadable, Wanted,
    },
    outbox::MemoryOutbox,
    realtime::{
        Close, Connection, Envelope, Frame, Heard, Hub, HubBuilder, HubConfigError, HubCounts, InvalidRoom,
        Next, Presence, Rights, RoomName, RoomRefused, Socket, SocketGone, SocketTimes, TicketRefused,
        TicketText, Tickets, Who, serve, turn_away,
    },
    relay::{Pass, Relay, RelayBuilder, RelayConfigError, RelayError, RelayStatus, Wake, WakingWriter},
    worker::{
        Attempt, Done, JobFailure, JobHandler, Worker, WorkerBuilder, WorkerConfigError, WorkerStatus,
        WorkerTally,
    },
};
