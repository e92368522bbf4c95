use super::{BulkheadPermit, Shared, held::Held, places::Entry};
use crate::{RejectReason, Rejection, metrics::Reading};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::time::Sleep;

pin_project! {
    /// Waits for a place. Stands in line from the first poll on, and leaves the line when it is dropped.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Turn<'a> {
        seeker: Seeker<'a>,
        reason: RejectReason,
        #[pin]
        patience: Option<Sleep>,
    }
}

/// Somebody who wants a place.
#[derive(Debug)]
struct Seeker<'a> {
    // Gone once the place was found or refused.
    shared: Option<Held<'a, Shared>>,
    ticket: Option<u64>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(shared: Held<'a, Shared>) -> Self {
        let seeker = Seeker { shared: Some(shared), ticket: None };
        Self { seeker, reason: RejectReason::WaitedTooLong, patience: None }
    }
}

impl<'a> Future for Turn<'a> {
    type Output = Result<BulkheadPermit<'a>, Rejection>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(shared) = &this.seeker.shared else { return Poll::Pending };
        match this.seeker.ticket {
            None if shared.places.try_take() => return Poll::Ready(this.seeker.found()),
            None => {
                let (wait, reason) = shared.patience();
                if reason == RejectReason::DeadlineOver && wait.is_zero() {
                    return Poll::Ready(this.seeker.refused(reason));
                }
                match shared.places.enter(cx.waker().clone()) {
                    Entry::Taken => return Poll::Ready(this.seeker.found()),
                    Entry::Full => return Poll::Ready(this.seeker.refused(RejectReason::BulkheadFull)),
                    Entry::Waiting(ticket) => {
                        shared.metrics.add(Reading::Waiting, 1.0);
                        this.patience.set(Some(tokio::time::sleep(wait)));
                        (this.seeker.ticket, *this.reason) = (Some(ticket), reason);
                    }
                }
            }
            Some(ticket) if shared.places.is_handed(ticket, cx.waker().clone()) => {
                return Poll::Ready(this.seeker.found());
            }
            Some(_) => {}
        }
        let Some(patience) = this.patience.as_mut().as_pin_mut() else { return Poll::Pending };
        ready!(patience.poll(cx));
        Poll::Ready(this.seeker.gave_up(*this.reason))
    }
}

impl<'a> Seeker<'a> {
    fn found(&mut self) -> Result<BulkheadPermit<'a>, Rejection> {
        let was_waiting = self.ticket.take().is_some();
        let shared = self.shared.take().ok_or(GONE)?;
        if was_waiting {
            shared.metrics.add(Reading::Waiting, -1.0);
        }
        Ok(BulkheadPermit::of(shared))
    }

    fn gave_up(&mut self, reason: RejectReason) -> Result<BulkheadPermit<'a>, Rejection> {
        let (Some(shared), Some(ticket)) = (&self.shared, self.ticket) else { return Err(GONE) };
        // The place may have been handed over at the very last moment: then it is used, not lost.
        if shared.places.leave(ticket) { self.refused(reason) } else { self.found() }
    }

    fn refused(&mut self, reason: RejectReason) -> Result<BulkheadPermit<'a>, Rejection> {
        let was_waiting = self.ticket.take().is_some();
        let shared = self.shared.take().ok_or(GONE)?;
        if was_waiting {
            shared.metrics.add(Reading::Waiting, -1.0);
        }
        Err(shared.reject(reason))
    }
}

/// What a resolved seeker would say; it is never asked.
const GONE: Rejection = Rejection::new("bulkhead", RejectReason::BulkheadFull);

impl Drop for Seeker<'_> {
    fn drop(&mut self) {
        let (Some(shared), Some(ticket)) = (&self.shared, self.ticket) else { return };
        shared.metrics.add(Reading::Waiting, -1.0);
        if !shared.places.leave(ticket) {
            shared.places.give_back();
        }
    }
}
