use crate::{Clock, Moment, deadline::Context as TaskContext};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    task::{Unconstrained, unconstrained},
    time::{Sleep, sleep},
};

/// The time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

pin_project! {
    /// `work` until `end`.
    ///
    /// The timer is made when `work` first lets the caller wait: work that is ready at once costs no timer. It is not
    /// subject to tokio's budget for a task, or work that uses up the budget at every poll could not be ended.
    pub(super) struct Within<F> {
        end: Option<Moment>,
        #[pin]
        work: Option<F>,
        #[pin]
        timer: Option<Unconstrained<Sleep>>,
    }
}

impl<F: Future> Within<F> {
    pub(super) const fn new(end: Option<Moment>, work: F) -> Self {
        Self { end, work: Some(work), timer: None }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = Result<F::Output, Over>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(work) = this.work.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(done) = work.poll(cx) {
            // What the work owns is released before anyone is told that it is done.
            this.work.set(None);
            return Poll::Ready(Ok(done));
        }
        let Some(end) = *this.end else { return Poll::Pending };
        if this.timer.is_none() {
            let rest = end.since(Clock::default().now());
            this.timer.set(Some(unconstrained(sleep(rest))));
        }
        let Some(timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        if timer.poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.work.set(None);
        Poll::Ready(Err(Over))
    }
}

pin_project! {
    /// `work`, which sees `context` whenever it is polled.
    pub(super) struct InContext<F> {
        pub(super) context: TaskContext,
        #[pin]
        pub(super) work: F,
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.context.enter(|| this.work.poll(cx))
    }
}
