use super::{
    OrderRule, Shared, Stack, StackConfigError, StepKind,
    order::{self, StepFacts},
    step::{STEPS_MAX, Step},
};
use crate::{
    AdaptiveLimit, Bulkhead, CircuitBreaker, Hedge, RateLimit, Retry, Shedder, Throttle, WarmUp,
    listeners::Listeners, metrics::PolicyMetrics,
};
use std::{sync::Arc, time::Duration};

/// Describes a [`Stack`]: the steps from the outside in, as they are named.
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct StackBuilder {
    name: &'static str,
    steps: Vec<Step>,
    allowed: Vec<OrderRule>,
}

impl StackBuilder {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, steps: Vec::new(), allowed: Vec::new() }
    }

    /// Lets calls in gradually after the program started.
    pub fn warm_up(self, warm_up: WarmUp) -> Self {
        self.step(Step::WarmUp(warm_up))
    }

    /// Refuses what matters least when not everything can be served. How much a call matters is said with
    /// [`StackCall::priority`](crate::StackCall::priority).
    pub fn shed(self, shedder: Shedder) -> Self {
        self.step(Step::Shed(shedder))
    }

    /// The time for everything further in: queues, tries, the waits between them. What is called can see it as
    /// [`Deadline::current`](crate::Deadline::current), and so can the stacks it goes through.
    ///
    /// A deadline the caller stands under already holds in every stack, with this step and without it.
    pub fn deadline(self, limit: Duration) -> Self {
        self.step(Step::Deadline(limit))
    }

    /// Leaves out part of the tries while the callee refuses or fails many.
    pub fn throttle(self, throttle: Throttle) -> Self {
        self.step(Step::Throttle(throttle))
    }

    /// Finds out how many tries the callee can take at once.
    pub fn adaptive_limit(self, limit: AdaptiveLimit) -> Self {
        self.step(Step::AdaptiveLimit(limit))
    }

    /// Outside the retry it counts calls: what a caller may do. Inside it counts tries: what the callee is sent.
    ///
    /// Its permit is spent when the call passes this step. It does not come back when a step further in refuses the try, when
    /// the call is dropped, or when the time is over. Name it after the bulkhead and the breaker where only what is sent
    /// is to be counted.
    pub fn rate_limit(self, limit: RateLimit) -> Self {
        self.step(Step::RateLimit(limit))
    }

    /// Tries again what stands further in.
    pub fn retry(self, retry: Retry) -> Self {
        self.step(Step::Retry(retry))
    }

    /// Sends a try a second time when it is slow.
    pub fn hedge(self, hedge: Hedge) -> Self {
        self.step(Step::Hedge(hedge))
    }

    /// Stops calling what keeps failing.
    pub fn breaker(self, breaker: CircuitBreaker) -> Self {
        self.step(Step::Breaker(breaker))
    }

    /// Lets so many calls be under way at once.
    pub fn bulkhead(self, bulkhead: Bulkhead) -> Self {
        self.step(Step::Bulkhead(bulkhead))
    }

    /// The time for everything further in. Inside the retry it is the time of a try, outside that of all of them.
    ///
    /// Outside a bulkhead the wait for a place counts. When the time is over in the queue the call was not made:
    /// that is a refusal, and says nothing of the callee.
    pub fn time_out(self, limit: Duration) -> Self {
        self.step(Step::TimeOut(limit))
    }

    /// Breaks a rule knowingly. The explanation says so.
    pub fn allow(mut self, rule: OrderRule) -> Self {
        self.allowed.push(rule);
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The stack.
    ///
    /// # Errors
    /// [`StackConfigError`] when it is empty or too long, when a limit is zero, or when the order breaks an
    /// [`OrderRule`] that was not allowed to be broken.
    pub fn build(self) -> Result<Stack, StackConfigError> {
        let stack = self.name;
        if self.steps.is_empty() {
            return Err(StackConfigError::Empty { stack });
        }
        if self.steps.len() > STEPS_MAX {
            return Err(StackConfigError::TooManySteps { stack, max: STEPS_MAX });
        }
        if let Some(rule) = self.allowed.iter().copied().find(|rule| !rule.may_be_broken()) {
            return Err(StackConfigError::NotAllowed { stack, rule });
        }
        let facts: Vec<StepFacts> = self.steps.iter().map(Step::facts).collect();
        if let Some(zero) = facts.iter().find(|step| step.limit == Some(Duration::ZERO)) {
            return Err(StackConfigError::NoTime { stack, step: zero.kind });
        }
        order::check(stack, &facts, &self.allowed)?;
        let repeats = facts.iter().any(|step| matches!(step.kind, StepKind::Retry | StepKind::Hedge));
        let mut broken: Vec<OrderRule> = order::broken(&facts).map(|(rule, ..)| rule).collect();
        broken.dedup();
        let shared = Shared {
            name: self.name,
            steps: self.steps.into(),
            repeats,
            broken: broken.into(),
            events: Listeners::new(),
            metrics: PolicyMetrics::new("stack", self.name),
        };
        Ok(Stack { shared: Arc::new(shared) })
    }
}
