use super::{Context, Deadline};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context as Wakes, Poll},
};

pin_project! {
    /// A future under a deadline. Made by [`Deadline::scope`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scoped<F> {
        #[pin]
        future: F,
        deadline: Deadline,
    }
}

impl<F> Scoped<F> {
    pub(crate) const fn new(future: F, deadline: Deadline) -> Self {
        Self { future, deadline }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Wakes<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Looked up at every poll: the future may have been moved under another deadline meanwhile.
        Context::current().until(Some(*this.deadline)).enter(|| this.future.poll(cx))
    }
}
