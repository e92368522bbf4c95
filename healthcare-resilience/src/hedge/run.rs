//! The race that both faces of a hedge share.

use super::{
    Hedge, HedgeEvent, Shared,
    running::{Running, end, is_final, lost},
    tally::count,
};
use crate::{
    CallError, Classify, Effect, Moment, RejectReason, Rejection,
    deadline::Context as Facts,
    retry::{Sent, Tries},
};
use pin_project_lite::pin_project;
use std::{
    borrow::Borrow,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::time::Sleep;

pin_project! {
    /// A further try. On the heap: most calls have none.
    struct Extra<F> {
        #[pin]
        future: F,
        began: Moment,
    }
}

/// What a call has settled when it begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Start {
    facts: Facts,
    began: Moment,
    /// Further tries that may yet be sent.
    extra_left: u32,
}

pin_project! {
    /// A call, and where it stands.
    pub(crate) struct Race<P: Borrow<Hedge>, W, F, C, R> {
        // Dropped before `running`, whose drop tells that they were.
        #[pin]
        first: Option<F>,
        extras: Vec<Pin<Box<Extra<F>>>>,
        pub(crate) running: Running<P>,
        tries: W,
        classifier: C,
        effect: Effect,
        start: Option<Start>,
        refused: Option<Rejection>,
        extras_sent: u32,
        sent: Sent<R>,
        #[pin]
        timer: Option<Sleep>,
        is_done: bool,
    }
}

impl<P: Borrow<Hedge>, W, F, C, R> Race<P, W, F, C, R> {
    pub(crate) const fn new(policy: P, tries: W, classifier: C, effect: Effect) -> Self {
        Self {
            first: None,
            extras: Vec::new(),
            running: Running::new(policy),
            tries,
            classifier,
            effect,
            start: None,
            refused: None,
            extras_sent: 0,
            sent: Sent::nothing(),
            timer: None,
            is_done: false,
        }
    }

    /// A race whose first try is made by `first`.
    pub(crate) fn begun(
        policy: P,
        tries: W,
        classifier: C,
        effect: Effect,
        first: impl FnOnce() -> F,
    ) -> Self {
        let mut race = Self::new(policy, tries, classifier, effect);
        match Start::new(race.running.shared(), effect) {
            Err(rejection) => race.refused = Some(rejection),
            Ok(start) => {
                race.first = Some(start.facts.enter(first));
                race.running.began(false);
                race.start = Some(start);
            }
        }
        race
    }
}

impl Start {
    /// # Errors
    /// When the task's deadline is over.
    fn new(shared: &Shared, effect: Effect) -> Result<Self, Rejection> {
        let mut facts = Facts::current();
        let mut began = Moment::START;
        if shared.measures() {
            began = shared.clock.now();
        }
        if facts.deadline.is_some_and(|deadline| deadline.left().is_zero()) {
            return Err(Rejection::new(shared.name, RejectReason::DeadlineOver));
        }
        if facts.pay(shared.budget.id()) {
            shared.budget.record_call();
        }
        let extra_left = if effect.is_repeatable() { shared.max_extra } else { 0 };
        Ok(Self { facts, began, extra_left })
    }
}

impl<P, W, F, C, T, E> Future for Race<P, W, F, C, Result<T, E>>
where
    P: Borrow<Hedge>,
    W: Tries<F>,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    type Output = Result<T, CallError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_done {
            // Polled again after it resolved: stays pending, as a fused future does.
            return Poll::Pending;
        }
        if let Err(rejection) = self.as_mut().begin() {
            let this = self.project();
            *this.is_done = true;
            this.running.shared().metrics.rejected(rejection.reason());
            return Poll::Ready(Err(rejection.into()));
        }
        loop {
            if let Poll::Ready(done) = self.as_mut().poll_tries(cx) {
                return Poll::Ready(done.map_err(CallError::Inner));
            }
            if self.as_mut().poll_delay(cx).is_pending() {
                return Poll::Pending;
            }
            // A further try was sent: it is to be polled, and the next delay set.
        }
    }
}

impl<P, W, F, C, T, E> Race<P, W, F, C, Result<T, E>>
where
    P: Borrow<Hedge>,
    W: Tries<F>,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    fn begin(self: Pin<&mut Self>) -> Result<(), Rejection> {
        let mut this = self.project();
        if let Some(rejection) = this.refused.take() {
            return Err(rejection);
        }
        if this.start.is_none() {
            let start = Start::new(this.running.shared(), *this.effect)?;
            *this.start = Some(start);
            this.first.set(Some(start.facts.enter(|| this.tries.next_try(start.extra_left == 0))));
            this.running.began(false);
        }
        Ok(())
    }

    /// Polls every try that is under way, the first one first.
    fn poll_tries(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let mut this = self.project();
        let Some(start) = this.start.as_mut() else { return Poll::Pending };
        let facts = start.facts;
        if let Some(first) = this.first.as_mut().as_pin_mut()
            && let Poll::Ready(result) = this.running.watch(|| facts.enter(|| first.poll(cx)))
        {
            this.first.set(None);
            let class = this.running.watch(|| this.classifier.classify(result.as_ref()));
            if is_final(class) || this.extras.is_empty() {
                this.extras.clear();
                this.timer.set(None);
                *this.is_done = true;
                let (class, result) = this.sent.last(class, result);
                end(this.running, class, start.began, false);
                return Poll::Ready(result);
            }
            this.sent.keep(class, result);
            this.running.failed();
            start.extra_left = 0;
        }
        let mut at = 0;
        while let Some(extra) = this.extras.get_mut(at) {
            let began = extra.began;
            let step = || extra.as_mut().project().future.poll(cx);
            let polled = this.running.watch(|| facts.enter(step));
            let Poll::Ready(result) = polled else {
                at += 1;
                continue;
            };
            drop(this.extras.swap_remove(at));
            let class = this.running.watch(|| this.classifier.classify(result.as_ref()));
            let is_alone = this.extras.is_empty() && this.first.is_none();
            if is_final(class) || is_alone {
                if this.first.is_some() {
                    this.first.set(None);
                    lost(this.running, start.began);
                }
                this.extras.clear();
                this.timer.set(None);
                *this.is_done = true;
                let (class, result) = this.sent.last(class, result);
                end(this.running, class, began, true);
                return Poll::Ready(result);
            }
            this.sent.keep(class, result);
            this.running.failed();
            start.extra_left = 0;
        }
        Poll::Pending
    }

    /// Ready when a further try was sent.
    fn poll_delay(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(start) = this.start.as_mut() else { return Poll::Pending };
        if start.extra_left == 0 || !this.tries.has_next() {
            return Poll::Pending;
        }
        if this.timer.is_none() {
            let Some(delay) = this.running.policy.borrow().delay() else {
                start.extra_left = 0;
                return Poll::Pending;
            };
            this.timer.set(Some(tokio::time::sleep(delay)));
        }
        let Some(timer) = this.timer.as_mut().as_pin_mut() else { return Poll::Pending };
        // Work that uses up its task's budget in each poll would keep the timer from ever being looked at.
        std::task::ready!(Pin::new(&mut tokio::task::unconstrained(timer)).poll(cx));
        this.timer.set(None);
        let shared = this.running.shared();
        let now = if shared.measures() { shared.clock.now() } else { Moment::START };
        let is_over = start.facts.deadline.is_some_and(|deadline| deadline.left().is_zero());
        let token = if is_over { None } else { shared.budget.try_take() };
        let Some(token) = token else {
            // Those under way go on.
            start.extra_left = 0;
            if !is_over {
                count(&shared.tally.unpaid, 1);
                shared.metrics.event("unpaid");
                shared.send(HedgeEvent::Unpaid { policy: shared.name });
            }
            return Poll::Pending;
        };
        start.extra_left -= 1;
        let future = start.facts.enter(|| this.tries.next_try(start.extra_left == 0));
        token.spend();
        *this.extras_sent += 1;
        shared.metrics.event("hedge");
        shared.send(HedgeEvent::Sent { policy: shared.name, extra: *this.extras_sent });
        this.extras.push(Box::pin(Extra { future, began: now }));
        this.running.began(true);
        Poll::Ready(())
    }
}
