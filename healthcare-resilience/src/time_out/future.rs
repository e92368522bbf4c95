use super::Elapsed;
use crate::BoxError;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Timeout;

pin_project! {
    /// The answer of [`TimeOut`](crate::TimeOut), or [`Elapsed`] in a box.
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

impl<F, T, E> Future for TimeOutFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(call) = this.call.as_mut().as_pin_mut() else { return Poll::Pending };
        let done = ready!(call.poll(cx));
        // The holder may keep this future for long; the call must not live on inside it.
        this.call.set(None);
        Poll::Ready(match done {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Elapsed::after(*this.limit).into()),
        })
    }
}
