//! What is done after each try: the part of a retry that has no future in it.

use super::{Effect, RetryToken, Settings, backoff::Progress};
use crate::{Class, Clock, Deadline, Elapsed, RejectReason, Rejection, clock::nanos, deadline::Context};
use std::{fmt, time::Duration};

/// Why a call that failed in a way that may pass was not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUp {
    /// As many tries were made as may be.
    TriesSpent,
    /// A plain write: it may have had effects.
    PlainWrite,
    /// A retry further out is at work and will try again: both would multiply.
    Nested,
    /// The request could not be cloned.
    NotCloned,
    /// The deadline would be over before the next try, or before the time the callee asked to be left alone.
    DeadlineNear,
    /// Too many calls are being tried again.
    BudgetEmpty,
}

impl GiveUp {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TriesSpent => "tries_spent",
            Self::PlainWrite => "plain_write",
            Self::Nested => "nested",
            Self::NotCloned => "not_cloned",
            Self::DeadlineNear => "deadline_near",
            Self::BudgetEmpty => "budget_empty",
        }
    }
}

impl fmt::Display for GiveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TriesSpent => "as many tries were made as may be",
            Self::PlainWrite => "a plain write is tried once: give it an idempotency key",
            Self::Nested => "a retry further out tries again",
            Self::NotCloned => "the request could not be cloned",
            Self::DeadlineNear => "the deadline would be over before the next try",
            Self::BudgetEmpty => "the retry budget is empty",
        })
    }
}

/// What to do after a try.
#[derive(Debug)]
pub(crate) enum Next {
    /// Hand out the result: it worked, or would not work again.
    Return,
    /// Hand out the result, although it might have worked again.
    GiveUp(GiveUp),
    /// Wait and try again. The token is the budget's, unless there is none.
    Wait(Duration, Option<RetryToken>),
}

/// Where one call stands.
#[derive(Debug)]
pub(crate) struct Plan {
    effect: Effect,
    pub(crate) tries: u32,
    pub(crate) deadline: Option<Deadline>,
    /// The time from the beginning to the deadline.
    pub(crate) limit: Duration,
    /// What the tries see of their task.
    pub(crate) context: Context,
    /// Why there is one try only.
    once: Option<GiveUp>,
    progress: Option<Progress>,
}

impl Plan {
    /// A call that has not begun.
    pub(crate) fn new(effect: Effect, deadline: Option<Deadline>) -> Self {
        let context = Context::default();
        Self { effect, tries: 0, deadline, limit: Duration::ZERO, context, once: None, progress: None }
    }

    /// Begins the call: counts it in the budget, unless a call further out did.
    ///
    /// # Errors
    /// When the deadline is over already. Nothing is counted then.
    pub(crate) fn begin(&mut self, settings: &Settings) -> Result<(), Rejection> {
        let mut context = Context::current().until(self.deadline);
        if settings.total.is_some() || context.deadline.is_some() {
            let now = Clock::default().now();
            context = context.until(settings.total.map(|total| Deadline::at(now.after(total))));
            self.limit = context.deadline.map_or(Duration::ZERO, |deadline| deadline.remaining(now));
            if self.limit.is_zero() {
                return Err(Rejection::new(settings.name, RejectReason::DeadlineOver));
            }
        }
        if !self.effect.is_repeatable() {
            self.only_once(GiveUp::PlainWrite);
        } else if context.is_retried && !settings.retries_nested {
            self.only_once(GiveUp::Nested);
        }
        if let Some(budget) = &settings.budget
            && context.pay(budget.id())
        {
            budget.record_call();
        }
        context.is_retried |= self.once.is_none() && settings.max_tries > 1;
        self.deadline = context.deadline;
        self.context = context;
        Ok(())
    }

    /// The deadline passed during a try.
    pub(crate) fn elapsed(&self) -> Elapsed {
        self.deadline.map_or(Elapsed::after(self.limit), |deadline| Elapsed::at(deadline, self.limit))
    }

    /// The call cannot be made again.
    pub(crate) fn only_once(&mut self, why: GiveUp) {
        self.once.get_or_insert(why);
    }

    /// Makes the next try with `make`, which is told whether it is certainly the last.
    pub(crate) fn try_with<F>(&mut self, settings: &Settings, make: impl FnOnce(bool) -> F) -> F {
        self.tries = self.tries.saturating_add(1);
        let is_last = self.once.is_some() || self.tries >= settings.max_tries;
        self.context.enter(|| make(is_last))
    }

    /// Decides after a try. The budget is asked last, so that whatever else forbids a further try costs no token.
    pub(crate) fn after(&mut self, settings: &Settings, class: Class, has_next: bool) -> Next {
        let asked = match class {
            Class::Transient => None,
            Class::Busy { retry_after } => retry_after,
            Class::Success | Class::Permanent | Class::Ignored | Class::Cancelled | Class::Rejected => {
                return Next::Return;
            }
        };
        if let Some(why) = self.once {
            return Next::GiveUp(why);
        }
        if self.tries >= settings.max_tries {
            return Next::GiveUp(GiveUp::TriesSpent);
        }
        if !has_next {
            return Next::GiveUp(GiveUp::NotCloned);
        }
        let wait = self.wait(settings, asked);
        // Where the callee asked for more than the cap, waiting for the cap alone would be of no use either.
        let needed = asked.map_or(wait, |asked| asked.max(wait));
        if self.deadline.is_some_and(|deadline| needed >= deadline.left()) {
            return Next::GiveUp(GiveUp::DeadlineNear);
        }
        let token = match &settings.budget {
            None => None,
            Some(budget) => match budget.try_take() {
                None => return Next::GiveUp(GiveUp::BudgetEmpty),
                token => token,
            },
        };
        Next::Wait(wait, token)
    }

    /// The backoff's wait, or the one the callee asked for when that is longer: up to the cap, and spread by the first
    /// wait, so that those who were sent away together do not come back together.
    fn wait(&mut self, settings: &Settings, asked: Option<Duration>) -> Duration {
        let progress = self
            .progress
            .get_or_insert_with(|| Progress::seeded(settings.seed.unwrap_or_else(|| fastrand::u64(..))));
        let backoff = settings.backoff.next_nanos(progress);
        let asked = nanos(asked.unwrap_or_default().min(settings.retry_after_max));
        let wait =
            if asked > backoff { asked.saturating_add(settings.backoff.spread(progress)) } else { backoff };
        Duration::from_nanos(wait)
    }
}
