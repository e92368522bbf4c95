use super::{Stack, StepKind, step::Step};
use std::fmt;

/// A stack in words, from [`Stack::explain`]: a line for each step from the outside in, with its numbers and why it stands
/// there, and one for each rule that is broken knowingly. The lines are the same for the same stack.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'a> {
    pub(super) stack: &'a Stack,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stack {}, outside in", self.stack.shared.name)?;
        let steps = &self.stack.shared.steps;
        for (at, step) in steps.iter().enumerate() {
            let (outer, inner) = steps.split_at_checked(at).unwrap_or_default();
            let place = Place { step, outer, inner: inner.get(1..).unwrap_or_default() };
            write!(f, "\n{}. {}", at + 1, step.kind())?;
            if !step.name().is_empty() {
                write!(f, " {}", step.name())?;
            }
            write!(f, ": {}; {}", Numbers(step), place.reason())?;
        }
        for rule in &self.stack.shared.broken {
            write!(f, "\nallowed: not so here that {rule}, although {}", rule.reason())?;
        }
        Ok(())
    }
}

/// The numbers of a step.
struct Numbers<'a>(&'a Step);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::Deadline(limit) | Step::TimeOut(limit) => write!(f, "{limit:?}"),
            Step::WarmUp(warm_up) => write!(f, "{}", warm_up.numbers()),
            Step::Shed(shedder) => write!(f, "{}", shedder.numbers()),
            Step::Throttle(throttle) => write!(f, "{}", throttle.numbers()),
            Step::AdaptiveLimit(limit) => write!(f, "{}", limit.numbers()),
            Step::RateLimit(limit) => {
                write!(f, "{}", limit.quota())?;
                if limit.may_wait() { write!(f, ", waits up to {:?}", limit.max_wait()) } else { Ok(()) }
            }
            Step::Retry(retry) => {
                write!(f, "up to {} tries, waits {}", retry.max_tries(), retry.backoff())?;
                if let Some(total) = retry.total() {
                    write!(f, ", {total:?} in all")?;
                }
                match retry.budget() {
                    Some(budget) => write!(f, ", budget {}", budget.name()),
                    None => f.write_str(", no budget"),
                }
            }
            Step::Hedge(hedge) => {
                let (pace, budget) = (hedge.pace(), hedge.budget().name());
                write!(f, "up to {} further tries {pace}, budget {budget}", hedge.max_extra())
            }
            Step::Breaker(breaker) => write!(f, "{}", breaker.numbers()),
            Step::Bulkhead(bulkhead) => {
                write!(f, "{} at once", bulkhead.max_calls())?;
                match bulkhead.may_wait() {
                    true => write!(f, ", {} wait up to {:?}", bulkhead.max_waiting(), bulkhead.max_wait()),
                    false => f.write_str(", nobody waits"),
                }
            }
        }
    }
}

/// A step and what stands around it.
struct Place<'a> {
    step: &'a Step,
    outer: &'a [Step],
    inner: &'a [Step],
}

impl Place<'_> {
    fn is_inside(&self, kind: StepKind) -> bool {
        self.outer.iter().any(|step| step.kind() == kind)
    }

    fn is_outside(&self, kind: StepKind) -> bool {
        self.inner.iter().any(|step| step.kind() == kind)
    }

    fn reason(&self) -> &'static str {
        let is_around_retry = self.is_outside(StepKind::Retry);
        match self.step {
            Step::WarmUp(_) | Step::Shed(_) => "before anything was spent on the call",
            Step::Throttle(_) => "counts every try, and refusals further in not at all",
            Step::AdaptiveLimit(_) => "measures the callee, not the waits between tries",
            Step::Deadline(_) => "bounds every queue, try and wait below, and is seen by what is called",
            Step::RateLimit(_) if is_around_retry => "counts calls, however often they are tried",
            Step::RateLimit(_) => "counts every try, since the callee is sent every one",
            Step::Retry(_) => "repeats what stands below, and no refusal of it",
            Step::Hedge(_) => "doubles what is slow below, never a plain write",
            Step::Breaker(_) if is_around_retry => "sees one result for all tries",
            Step::Breaker(_) if self.is_inside(StepKind::Retry) => {
                "sees every try, and refuses further ones while open"
            }
            Step::Breaker(_) => "sees every call",
            Step::Bulkhead(_) if is_around_retry => "keeps the place while the call waits for its next try",
            Step::Bulkhead(_) if self.is_inside(StepKind::Retry) => {
                "gives the place back while the call waits for its next try"
            }
            Step::Bulkhead(_) => "keeps the place as long as the call lasts",
            Step::TimeOut(_) if is_around_retry => "for all tries and waits together",
            Step::TimeOut(_) if self.is_outside(StepKind::Bulkhead) => {
                "for each try, the wait for a place included"
            }
            Step::TimeOut(_) if self.is_inside(StepKind::Retry) => {
                "for each try, so that one that hangs leaves time for another"
            }
            Step::TimeOut(_) => "for the call itself",
        }
    }
}
