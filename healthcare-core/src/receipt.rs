//! Receipts: a future that says when something is durable.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// Why an audit event is not durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotDurable {
    /// The sink has no room for more events: it writes slower than they come.
    #[error("the audit queue is full: try again, and look at the disk's speed")]
    Full,
    /// The sink was closed.
    #[error("the audit log is closed")]
    Closed,
    /// Writing failed. The log's own error says how.
    #[error("the audit log could not be written: see its error")]
    Failed,
    /// The event is larger than the log permits.
    #[error("the audit event is too large")]
    TooLarge,
}

/// The promise that an event will be durable. Dropping it does not take the event back.
#[must_use = "an event is durable only when its receipt says so"]
pub struct Receipt(Inner);

enum Inner {
    Ready(Result<(), NotDurable>),
    Waiting(oneshot::Receiver<Result<(), NotDurable>>),
}

/// The sink's half of a receipt. Dropped without an answer, the receipt fails.
pub struct Acknowledge(oneshot::Sender<Result<(), NotDurable>>);

impl Acknowledge {
    /// Answers the receipt. Nothing happens when nobody waits.
    pub fn answer(self, result: Result<(), NotDurable>) {
        // Whoever opened the grant may be gone; the event is durable all the same.
        let _ = self.0.send(result);
    }
}

impl Receipt {
    /// A receipt that is answered already.
    pub const fn ready(result: Result<(), NotDurable>) -> Self {
        Self(Inner::Ready(result))
    }

    /// A receipt, and the handle that answers it.
    pub fn pending() -> (Acknowledge, Self) {
        let (sender, receiver) = oneshot::channel();
        (Acknowledge(sender), Self(Inner::Waiting(receiver)))
    }
}

impl Future for Receipt {
    type Output = Result<(), NotDurable>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Ready(result) => Poll::Ready(*result),
            Inner::Waiting(receiver) => {
                Pin::new(receiver).poll(cx).map(|answer| answer.unwrap_or(Err(NotDurable::Closed)))
            }
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Ready(result) => write!(f, "Receipt({result:?})"),
            Inner::Waiting(_) => f.write_str("Receipt(pending)"),
        }
    }
}
impl fmt::Debug for Acknowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acknowledge")
    }
}
