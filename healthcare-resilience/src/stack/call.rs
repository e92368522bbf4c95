use super::{Stack, run::Call};
use crate::{CallError, Classify, Effect, IdempotencyKey, Priority, retry::Made};
use std::future::{Future, IntoFuture};

/// A call through a [`Stack`], before it is said what is called. From [`Stack::with`].
#[derive(Debug, Clone, Copy)]
#[must_use = "say read(), idempotent() or write()"]
pub struct StackCall<'a, C> {
    stack: &'a Stack,
    classifier: C,
    priority: Priority,
}

impl<'a, C> StackCall<'a, C> {
    pub(super) const fn new(stack: &'a Stack, classifier: C, priority: Priority) -> Self {
        Self { stack, classifier, priority }
    }

    /// Says with another classifier what results mean.
    pub fn with<D>(self, classifier: D) -> StackCall<'a, D> {
        StackCall { stack: self.stack, classifier, priority: self.priority }
    }

    /// Says how much the call matters, for the shedder; `Normal` when it is not said.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// [`Stack::read`] with this classifier.
    ///
    /// # Errors
    /// As there.
    pub async fn read<F, W, T, E>(self, mut work: F) -> Result<T, CallError<E>>
    where
        F: FnMut() -> W,
        W: IntoFuture<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        self.run(Effect::Read, move || work().into_future()).await
    }

    /// [`Stack::idempotent`] with this classifier.
    ///
    /// # Errors
    /// As there.
    pub async fn idempotent<F, W, T, E>(self, key: &IdempotencyKey, mut work: F) -> Result<T, CallError<E>>
    where
        F: FnMut() -> W,
        W: IntoFuture<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        self.run(Effect::from(key), move || work().into_future()).await
    }

    /// [`Stack::write`] with this classifier.
    ///
    /// # Errors
    /// As there.
    pub async fn write<W, T, E>(self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        self.call(Effect::Write).once(|| work.into_future()).await
    }

    async fn run<F, T, E>(self, effect: Effect, work: impl FnMut() -> F) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let repeats = self.stack.shared.repeats && effect.is_repeatable();
        let call = self.call(effect);
        if repeats { call.repeatedly(Made(work)).await } else { call.once(work).await }
    }

    fn call(self, effect: Effect) -> Call<'a, C> {
        Call { stack: &self.stack.shared, classifier: self.classifier, effect, priority: self.priority }
    }
}
