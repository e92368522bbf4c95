use super::{Hedge, run::Race};
use crate::{CallError, Classify, Effect, retry::Made};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project! {
    /// A call under a [`Hedge`]. Made by [`Hedge::call`].
    #[must_use = "futures do nothing unless polled"]
    pub struct HedgeCall<'p, O, F: Future, C> {
        #[pin]
        race: Race<&'p Hedge, Made<O>, F, C, F::Output>,
    }
}

impl<'p, O, F: Future, C> HedgeCall<'p, O, F, C> {
    pub(crate) const fn new(policy: &'p Hedge, effect: Effect, operation: O, classifier: C) -> Self {
        Self { race: Race::new(policy, Made(operation), classifier, effect) }
    }
}

impl<O, F, C, T, E> Future for HedgeCall<'_, O, F, C>
where
    O: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().race.poll(cx)
    }
}

impl<O, F: Future, C> fmt::Debug for HedgeCall<'_, O, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeCall").field("policy", &self.race.running.policy).finish_non_exhaustive()
    }
}
