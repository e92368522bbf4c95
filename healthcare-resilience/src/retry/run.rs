//! The loop that both faces of a retry share.

use super::{
    Retry, RetryToken,
    plan::{Next, Plan},
    sent::Sent,
};
use crate::{CallError, Classify, Deadline, Rejection, deadline::sleep_until};
use pin_project_lite::pin_project;
use std::{
    borrow::Borrow,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{task::unconstrained, time::Sleep};

/// Makes the tries of a call.
pub(crate) trait Tries<F> {
    /// The next try. Asked for only while [`has_next`](Self::has_next).
    fn next_try(&mut self, is_last: bool) -> F;

    /// Whether there is what another try needs.
    fn has_next(&self) -> bool;
}

/// Tries that a closure makes.
#[derive(Debug)]
pub(crate) struct Made<O>(pub(crate) O);

impl<O: FnMut() -> F, F> Tries<F> for Made<O> {
    fn next_try(&mut self, _: bool) -> F {
        (self.0)()
    }

    fn has_next(&self) -> bool {
        true
    }
}

pin_project! {
    #[project = StepOf]
    #[derive(Debug)]
    pub(crate) enum Step<F> {
        Begin,
        Refused { rejection: Rejection },
        Try { #[pin] future: F },
        Wait { token: Option<RetryToken> },
        Done,
    }
}

pin_project! {
    /// A call, and where it stands.
    #[derive(Debug)]
    pub(crate) struct Run<P, W, F, C, N, R> {
        pub(crate) policy: P,
        pub(crate) tries: W,
        pub(crate) classifier: C,
        pub(crate) notify: N,
        pub(crate) plan: Plan,
        #[pin]
        pub(crate) step: Step<F>,
        // The wait between two tries, and the deadline during one.
        #[pin]
        pub(crate) timer: Option<Sleep>,
        pub(crate) sent: Sent<R>,
    }
}

impl<P, W, F, C, N, T, E> Future for Run<P, W, F, C, N, Result<T, E>>
where
    P: Borrow<Retry>,
    W: Tries<F>,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    N: FnMut(&E, Duration),
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let settings = (*this.policy).borrow().settings();
        loop {
            match this.step.as_mut().project() {
                StepOf::Begin => {
                    if let Err(rejection) = this.plan.begin(settings) {
                        this.step.set(Step::Refused { rejection });
                        continue;
                    }
                    let future = this.plan.try_with(settings, |is_last| this.tries.next_try(is_last));
                    this.step.set(Step::Try { future });
                }
                StepOf::Try { future } => {
                    let Poll::Ready(result) = this.plan.context.enter(|| future.poll(cx)) else {
                        ready!(until_late(this.timer.as_mut(), this.plan.deadline, cx));
                        this.step.set(Step::Done);
                        this.timer.set(None);
                        this.sent.clear();
                        settings.late();
                        return Poll::Ready(Err(this.plan.elapsed().into()));
                    };
                    // What the try held is released before anything else, and a panic below finds the call ended.
                    this.step.set(Step::Done);
                    this.timer.set(None);
                    let class = this.classifier.classify(result.as_ref());
                    let why = match this.plan.after(settings, class, this.tries.has_next()) {
                        Next::Wait(wait, token) => {
                            if let Err(error) = &result {
                                (this.notify)(error, wait);
                            }
                            this.sent.keep(class, result);
                            settings.waits(this.plan.tries, wait);
                            if !wait.is_zero() {
                                this.timer.set(Some(tokio::time::sleep(wait)));
                            }
                            this.step.set(Step::Wait { token });
                            continue;
                        }
                        Next::Return => None,
                        Next::GiveUp(why) => Some(why),
                    };
                    let (class, result) = this.sent.last(class, result);
                    settings.ended(this.plan.tries, class, why);
                    return Poll::Ready(result.map_err(CallError::Inner));
                }
                StepOf::Wait { token } => {
                    if let Some(timer) = this.timer.as_mut().as_pin_mut() {
                        ready!(timer.poll(cx));
                    }
                    this.timer.set(None);
                    let future = this.plan.try_with(settings, |is_last| this.tries.next_try(is_last));
                    // Only a try that was made costs something.
                    if let Some(token) = token.take() {
                        token.spend();
                    }
                    this.step.set(Step::Try { future });
                }
                StepOf::Refused { rejection } => {
                    let rejection = *rejection;
                    this.step.set(Step::Done);
                    settings.metrics.rejected(rejection.reason());
                    return Poll::Ready(Err(rejection.into()));
                }
                // Polled again after it resolved: stays pending, as a fused future does.
                StepOf::Done => return Poll::Pending,
            }
        }
    }
}

/// Resolves when the deadline is over; never without one. The timer is set up when a try first has to wait.
fn until_late(
    mut timer: Pin<&mut Option<Sleep>>,
    deadline: Option<Deadline>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(deadline) = deadline else { return Poll::Pending };
    if timer.is_none() {
        timer.set(Some(sleep_until(deadline)));
    }
    // Work that uses up its task's budget in each poll would keep the timer from ever being looked at.
    timer.as_pin_mut().map_or(Poll::Pending, |timer| Pin::new(&mut unconstrained(timer)).poll(cx))
}
