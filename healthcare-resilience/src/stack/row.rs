//! The steps that a call goes through between two tries.

use super::{
    Shared,
    counted::Counted,
    ending::{End, Ending, Verdict},
    held::Held,
    permit::Permit,
    step::Step,
    within::{InContext, Over, Within},
};
use crate::{
    CallError, Class, Classify, Clock, Elapsed, Moment, Priority, RejectReason, Rejection, admitted::watched,
    deadline::Context,
};
use std::{future::Future, time::Duration};

/// Steps that a call goes through in one go: between them nothing is tried again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) stack: &'a Shared,
    pub(super) steps: &'a [Step],
    /// Of the first step.
    pub(super) level: usize,
    pub(super) priority: Priority,
}

impl<'a> Row<'a> {
    /// Runs `work` inside the steps, until `end` or the end that a step sets.
    pub(super) async fn run<T, E, F>(
        self,
        end: Option<End>,
        work: impl FnOnce(Option<End>) -> F,
    ) -> Ending<T, E>
    where
        F: Future<Output = Ending<T, E>>,
    {
        // Declared before the work, so dropped after it: no place is given back while the work still lives.
        let (mut counted, mut held) = (Counted::begun(self), Held::none());
        let end = match self.enter(&mut held, end).await {
            Ok(end) => end,
            Err(rejection) => {
                held.record(Class::Rejected);
                let ending = rejection.into();
                counted.ended(&ending);
                return ending;
            }
        };
        let panicked = || {
            held.panicked();
            counted.panicked();
        };
        let mut ending = watched(|| work(end), panicked).await;
        match ending.verdict {
            Verdict::Class(class) => held.record(class),
            Verdict::Over(end) => {
                held.record_over(end.level);
                if end.level >= self.level {
                    self.stack.elapsed(end.level, end.limit);
                    // Everything further out stands outside of that limit.
                    ending.verdict = Verdict::Class(Class::Transient);
                }
            }
        }
        counted.ended(&ending);
        ending
    }

    /// Takes a permit from each step, outermost first.
    async fn enter(self, held: &mut Held<'a>, mut end: Option<End>) -> Result<Option<End>, Rejection> {
        let mut now = None;
        for (step, level) in self.steps.iter().zip(self.level..) {
            match step {
                Step::Deadline(limit) | Step::TimeOut(limit) => {
                    let at = now.get_or_insert_with(|| Clock::default().now()).after(*limit);
                    end = Some(End::sooner(end, End { at, limit: *limit, level }));
                }
                Step::WarmUp(warm_up) => held.push(level, Permit::WarmUp(warm_up.try_acquire()?)),
                Step::Shed(shedder) => {
                    held.push(level, Permit::Limit(shedder.try_acquire(self.priority)?));
                }
                Step::Throttle(throttle) => held.push(level, Permit::Throttle(throttle.try_acquire()?)),
                Step::AdaptiveLimit(limit) => held.push(level, Permit::Limit(limit.try_acquire()?)),
                Step::Breaker(breaker) => held.push(level, Permit::Breaker(breaker.try_acquire()?)),
                Step::Bulkhead(bulkhead) => {
                    let permit = self.wait(end, bulkhead.acquire()).await?;
                    held.push(level, Permit::Bulkhead(permit));
                    now = None;
                }
                Step::RateLimit(limit) => {
                    self.wait(end, limit.acquire()).await?;
                    now = None;
                }
                // Around the row, not in it. A write passes them by, but not the time they allow in all.
                Step::Retry(retry) => {
                    if let Some(limit) = retry.total() {
                        let at = now.get_or_insert_with(|| Clock::default().now()).after(limit);
                        end = Some(End::sooner(end, End { at, limit, level }));
                    }
                }
                Step::Hedge(_) => {}
            }
        }
        match end {
            Some(end) if end.at <= now.unwrap_or_else(|| Clock::default().now()) => Err(self.too_late()),
            end => Ok(end),
        }
    }

    /// Waits for a permit. Nothing was called when the time is over: this says nothing of the callee.
    async fn wait<P>(
        self,
        end: Option<End>,
        permit: impl Future<Output = Result<P, Rejection>>,
    ) -> Result<P, Rejection> {
        Within::new(end.map(|end| end.at), permit).await.unwrap_or_else(|Over| Err(self.too_late()))
    }

    fn too_late(self) -> Rejection {
        self.stack.too_late();
        Rejection::new(self.stack.name, RejectReason::DeadlineOver)
    }
}

/// Makes the call and says what its end means. What is called sees the deadline.
pub(super) async fn make<T, E, F, C>(
    context: Context,
    end: Option<End>,
    classifier: &C,
    work: impl FnOnce() -> F,
) -> Ending<T, E>
where
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
{
    let context = context.until(end.map(End::deadline));
    let call = InContext { context, work: context.enter(work) };
    match Within::new(end.map(|end| end.at), call).await {
        Ok(result) => {
            // Under the limit that what was called saw: had it been that, it would be the call's own caller.
            let verdict = match (context.enter(|| classifier.classify(result.as_ref())), end) {
                (Class::Cancelled, Some(end)) => Verdict::Over(end),
                (class, _) => Verdict::Class(class),
            };
            Ending { result: result.map_err(CallError::Inner), verdict }
        }
        Err(Over) => {
            // Without an end nothing is over.
            let end = end.unwrap_or(End { at: Moment::START, limit: Duration::ZERO, level: 0 });
            let elapsed = Elapsed::at(end.deadline(), end.limit);
            Ending { result: Err(elapsed.into()), verdict: Verdict::Over(end) }
        }
    }
}
