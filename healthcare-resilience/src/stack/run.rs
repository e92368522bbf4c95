//! How a call goes through the steps.

use super::{
    held::Held,
    permit::Permit,
    step::Step,
    within::{InContext, Over, Within},
};
use crate::{
    CallError, Class, Classify, Clock, Effect, Elapsed, Hedge, Moment, Priority, RejectReason, Rejection,
    Retry, RetryToken,
    deadline::{Context, Deadline},
    hedge::Race,
    retry::{Next, Plan, Sent, Tries},
    sync::Mutex,
};
use std::{convert::Infallible, future::Future, time::Duration};

/// Until when, and the level of the step that says so. The caller's own deadline has level 0, the outermost step 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    at: Moment,
    limit: Duration,
    level: usize,
}

impl End {
    /// The deadline the caller stands under.
    fn of_caller() -> Option<Self> {
        let deadline = Context::current().deadline?;
        Some(Self { at: deadline.moment(), limit: deadline.left(), level: 0 })
    }

    const fn deadline(self) -> Deadline {
        Deadline::at(self.at)
    }

    /// The sooner of two; the outer one when they are equal.
    fn sooner(outer: Option<Self>, inner: Self) -> Self {
        outer.filter(|outer| outer.at <= inner.at).unwrap_or(inner)
    }
}

/// How a row of steps ended, and what that says.
#[derive(Debug)]
struct Ending<T, E> {
    result: Result<T, CallError<E>>,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Class(Class),
    /// The limit of the step at this level dropped the call.
    Over(usize),
}

impl<T, E> From<Rejection> for Ending<T, E> {
    fn from(rejection: Rejection) -> Self {
        Self { result: Err(rejection.into()), verdict: Verdict::Class(Class::Rejected) }
    }
}

/// A call and the steps it goes through.
#[derive(Debug)]
pub(super) struct Call<'a, C> {
    pub(super) stack: &'static str,
    pub(super) steps: &'a [Step],
    pub(super) classifier: C,
    pub(super) effect: Effect,
    pub(super) priority: Priority,
}

impl<'a, C> Call<'a, C> {
    /// Makes the call once, through all steps in one go.
    pub(super) async fn once<T, E, F>(&self, work: impl FnOnce() -> F) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let made = |end| make(Context::current(), end, &self.classifier, work);
        self.row(0, self.steps.len()).run(End::of_caller(), made).await.result
    }

    /// Makes the call and, as far as retry and hedge allow, makes it again.
    pub(super) async fn repeatedly<T, E, F>(&self, tries: impl Tries<F>) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let retry = self.steps.iter().enumerate().find_map(|(at, step)| match step {
            Step::Retry(retry) => Some((at, retry)),
            _ => None,
        });
        let end = End::of_caller();
        let ending = match retry {
            None => self.one_try(0, Context::current(), end, false, tries).await,
            Some((at, retry)) => self.row(0, at).run(end, |end| self.retried(at, retry, end, tries)).await,
        };
        ending.result
    }

    async fn retried<T, E, F>(
        &self,
        at: usize,
        retry: &Retry,
        end: Option<End>,
        mut tries: impl Tries<F>,
    ) -> Ending<T, E>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let settings = retry.settings();
        let mut plan = Plan::new(self.effect, end.map(End::deadline));
        if let Err(rejection) = plan.begin(settings) {
            return rejection.into();
        }
        // The retry may have a limit of its own.
        let total =
            plan.deadline.map(|total| End { at: total.moment(), limit: plan.limit, level: level(at) });
        let end = total.map(|total| End::sooner(end, total));
        let mut token = None;
        let mut sent = Sent::nothing();
        loop {
            let (context, is_last) = plan.try_with(settings, |is_last| (Context::current(), is_last));
            let paid = Paid { tries: &mut tries, token: &mut token };
            let ending = self.one_try(at + 1, context, end, is_last, paid).await;
            let Verdict::Class(class) = ending.verdict else {
                // The call's own time was over, not that of the try.
                settings.late();
                return ending;
            };
            let why = match plan.after(settings, class, tries.has_next()) {
                Next::Return => None,
                Next::GiveUp(why) => Some(why),
                Next::Wait(wait, taken) => {
                    sent.keep(class, ending);
                    token = taken;
                    settings.waits(plan.tries, wait);
                    if !wait.is_zero() {
                        tokio::time::sleep(wait).await;
                    }
                    continue;
                }
            };
            let (class, ending) = sent.last(class, ending);
            settings.ended(plan.tries, class, why);
            return ending;
        }
    }

    /// One try, or the race of a few, through the steps from `from` on.
    async fn one_try<T, E, F>(
        &self,
        from: usize,
        context: Context,
        end: Option<End>,
        is_last: bool,
        mut tries: impl Tries<F>,
    ) -> Ending<T, E>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let hedge = self.steps.iter().enumerate().skip(from).find_map(|(at, step)| match step {
            Step::Hedge(hedge) => Some((at, hedge)),
            _ => None,
        });
        let Some((at, hedge)) = hedge else {
            let (tries, classifier) = (&mut tries, &self.classifier);
            let made = move |end| make(context, end, classifier, move || tries.next_try(is_last));
            return self.row(from, self.steps.len()).run(end, made).await;
        };
        let raced = |end: Option<End>| {
            let context = context.until(end.map(End::deadline));
            InContext { context, work: self.raced(at, hedge, end, tries) }
        };
        self.row(from, at).run(end, raced).await
    }

    async fn raced<T, E, F>(
        &self,
        at: usize,
        hedge: &Hedge,
        end: Option<End>,
        tries: impl Tries<F>,
    ) -> Ending<T, E>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        // Never contended: one task polls all tries of a call, one after the other.
        let tries = Mutex::new(tries);
        let row = self.row(at + 1, self.steps.len());
        let again = || async {
            let made = |end| make(Context::current(), end, &self.classifier, || tries.lock().next_try(false));
            Ok::<_, Infallible>(row.run(end, made).await)
        };
        let rows = Rows { again, has_next: || tries.lock().has_next() };
        match Race::new(hedge, rows, ByVerdict, self.effect).await {
            Ok(ending) => ending,
            Err(CallError::Inner(never)) => match never {},
            Err(CallError::Rejected(rejection)) => rejection.into(),
            // A hedge has no time limit.
            Err(CallError::Elapsed(elapsed)) => {
                Ending { result: Err(elapsed.into()), verdict: Verdict::Class(Class::Transient) }
            }
        }
    }

    fn row(&self, from: usize, to: usize) -> Row<'a> {
        let steps = self.steps.get(from..to).unwrap_or_default();
        Row { stack: self.stack, steps, level: level(from), priority: self.priority }
    }
}

/// The caller has level 0.
const fn level(at: usize) -> usize {
    at + 1
}

/// Tries of which the next one is paid for. Only a try that is made costs something: the token of one that a step
/// refuses goes back.
struct Paid<'t, W> {
    tries: &'t mut W,
    token: &'t mut Option<RetryToken>,
}

impl<W: Tries<F>, F> Tries<F> for Paid<'_, W> {
    fn next_try(&mut self, is_last: bool) -> F {
        if let Some(token) = self.token.take() {
            token.spend();
        }
        self.tries.next_try(is_last)
    }

    fn has_next(&self) -> bool {
        self.tries.has_next()
    }
}

/// The tries of a race, each through the steps inside of the hedge.
struct Rows<A, N> {
    again: A,
    has_next: N,
}

impl<F, A: FnMut() -> F, N: Fn() -> bool> Tries<F> for Rows<A, N> {
    fn next_try(&mut self, _: bool) -> F {
        (self.again)()
    }

    fn has_next(&self) -> bool {
        (self.has_next)()
    }
}

/// What a row found out already.
struct ByVerdict;

impl<T, E> Classify<Ending<T, E>, Infallible> for ByVerdict {
    fn classify(&self, result: Result<&Ending<T, E>, &Infallible>) -> Class {
        match result {
            Ok(Ending { verdict: Verdict::Class(class), .. }) => *class,
            // The call's own time is over: that ends all tries.
            Ok(Ending { verdict: Verdict::Over(_), .. }) => Class::Permanent,
            Err(never) => match *never {},
        }
    }
}

/// Steps that a call goes through in one go: between them nothing is tried again.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    stack: &'static str,
    steps: &'a [Step],
    /// Of the first step.
    level: usize,
    priority: Priority,
}

impl<'a> Row<'a> {
    /// Runs `work` inside the steps, until `end` or the end that a step sets.
    async fn run<T, E, F>(self, end: Option<End>, work: impl FnOnce(Option<End>) -> F) -> Ending<T, E>
    where
        F: Future<Output = Ending<T, E>>,
    {
        // Declared before the work, so dropped after it: no place is given back while the work still lives.
        let mut held = Held::none();
        let end = match self.enter(&mut held, end).await {
            Ok(end) => end,
            Err(rejection) => {
                held.record(Class::Rejected);
                return rejection.into();
            }
        };
        let mut ending = work(end).await;
        match ending.verdict {
            Verdict::Class(class) => held.record(class),
            Verdict::Over(level) => {
                held.record_over(level);
                if level >= self.level {
                    // Everything further out stands outside of that limit.
                    ending.verdict = Verdict::Class(Class::Transient);
                }
            }
        }
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

    const fn too_late(self) -> Rejection {
        Rejection::new(self.stack, RejectReason::DeadlineOver)
    }
}

/// Makes the call and says what its end means. What is called sees the deadline.
async fn make<T, E, F, C>(
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
                (Class::Cancelled, Some(end)) => Verdict::Over(end.level),
                (class, _) => Verdict::Class(class),
            };
            Ending { result: result.map_err(CallError::Inner), verdict }
        }
        Err(Over) => {
            let level = end.map_or(0, |end| end.level);
            let elapsed =
                end.map_or(Elapsed::after(Duration::ZERO), |end| Elapsed::at(end.deadline(), end.limit));
            Ending { result: Err(elapsed.into()), verdict: Verdict::Over(level) }
        }
    }
}
