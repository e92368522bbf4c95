use super::{Elapsed, TimeOutError};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Timeout;

pin_project! {
    /// The answer of [`TimeOut`](crate::TimeOut), or [`Elapsed`].
    ///
    /// The call is dropped the moment this resolves, not when this future is dropped.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TimeOutFuture<F> {
        #[pin]
        call: Option<Timeout<F>>,
        limit: Duration,
    }
}

impl<F: Future> TimeOutFuture<F> {
    pub(crate) fn new(call: F, limit: Duration) -> Self {
        Self { call: Some(tokio::time::timeout(limit, call)), limit }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for TimeOutFuture<F> {
    type Output = Result<T, TimeOutError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(call) = this.call.as_mut().as_pin_mut() else { return Poll::Pending };
        let done = ready!(call.poll(cx));
        // The holder may keep this future for long; the call must not live on inside it.
        this.call.set(None);
        Poll::Ready(match done {
            Ok(answer) => answer.map_err(TimeOutError::Inner),
            Err(_) => Err(TimeOutError::Elapsed(Elapsed::after(*this.limit))),
        })
    }
}
