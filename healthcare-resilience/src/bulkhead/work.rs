use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

pin_project! {
    /// Work with its permit inside: wherever it is dropped, whatever it holds goes before its place is free.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Guarded<F, P> {
        // Fields are dropped in this order.
        #[pin]
        work: Option<F>,
        permit: Option<P>,
    }
}

impl<F, P> Guarded<F, P> {
    pub(crate) const fn new(work: F, permit: P) -> Self {
        Self { work: Some(work), permit: Some(permit) }
    }
}

impl<F: Future, P> Future for Guarded<F, P> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Some(work) = this.work.as_mut().as_pin_mut() else { return Poll::Pending };
        let output = ready!(work.poll(cx));
        this.work.set(None);
        *this.permit = None;
        Poll::Ready(output)
    }
}
