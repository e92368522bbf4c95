use crate::PublishError;
use healthcare_core::{NotDurable, OutboxError};
use healthcare_resilience::Elapsed;

/// The outbox could not be read; what is in it stays in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// It said so.
    #[error("the outbox could not be read")]
    Outbox(#[source] OutboxError),
    /// It did not answer in time.
    #[error("the outbox did not answer in time")]
    Elapsed(#[source] Elapsed),
}

/// Why one entry was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Undeliverable {
    #[error("not published")]
    Bus(#[source] PublishError),
    #[error("not recorded durably")]
    Audit(#[source] NotDurable),
    #[error("not delivered within half the lease")]
    Elapsed(#[source] Elapsed),
    #[error("delivering it panicked")]
    Panicked,
    #[error("its kind of message is not known to this version")]
    Unknown,
}
