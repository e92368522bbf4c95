//! How a call goes through the steps.

use super::{
    Shared,
    ending::{End, Ending, Verdict},
    row::{Row, make},
    step::Step,
    tries::{ByVerdict, Paid, Rows},
    within::InContext,
};
use crate::{
    CallError, Class, Classify, Effect, Hedge, Priority, Retry,
    deadline::Context,
    hedge::Race,
    retry::{Next, Plan, Sent, Tries},
    sync::Mutex,
};
use std::{convert::Infallible, future::Future};

/// A call and the steps it goes through.
#[derive(Debug)]
pub(super) struct Call<'a, C> {
    pub(super) stack: &'a Shared,
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
        self.row(0, self.stack.steps.len()).run(End::of_caller(), made).await.result
    }

    /// Makes the call and, as far as retry and hedge allow, makes it again.
    pub(super) async fn repeatedly<T, E, F>(&self, tries: impl Tries<F>) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let retry = self.stack.steps.iter().enumerate().find_map(|(at, step)| match step {
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
        let hedge = self.stack.steps.iter().enumerate().skip(from).find_map(|(at, step)| match step {
            Step::Hedge(hedge) => Some((at, hedge)),
            _ => None,
        });
        let Some((at, hedge)) = hedge else {
            let (tries, classifier) = (&mut tries, &self.classifier);
            let made = move |end| make(context, end, classifier, move || tries.next_try(is_last));
            return self.row(from, self.stack.steps.len()).run(end, made).await;
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
        let row = self.row(at + 1, self.stack.steps.len());
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
        let steps = self.stack.steps.get(from..to).unwrap_or_default();
        Row { stack: self.stack, steps, level: level(from), priority: self.priority }
    }
}

/// The caller has level 0.
const fn level(at: usize) -> usize {
    at + 1
}
