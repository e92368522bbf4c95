//! What a task carries down to the policies further in: its deadline, and what is already retried or paid for.

use super::Deadline;
use std::cell::Cell;

/// Budgets one call can pass through before further ones are taken for already paid.
const BUDGETS_MAX: usize = 4;

/// A copy of the task's facts. It is put in place for each poll, so it belongs to the task and not to the thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context {
    pub(crate) deadline: Option<Deadline>,
    /// A retry is at work further out.
    pub(crate) is_retried: bool,
    budgets: [usize; BUDGETS_MAX],
}

thread_local! {
    static CURRENT: Cell<Context> = const {
        Cell::new(Context { deadline: None, is_retried: false, budgets: [0; BUDGETS_MAX] })
    };
}

impl Context {
    /// The facts of the task that is being polled on this thread.
    pub(crate) fn current() -> Self {
        CURRENT.get()
    }

    /// Runs `step` with these facts in place and puts back the former ones, also when it panics.
    pub(crate) fn enter<T>(self, step: impl FnOnce() -> T) -> T {
        struct Former(Context);
        impl Drop for Former {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _former = Former(CURRENT.replace(self));
        step()
    }

    /// With the earlier of the two deadlines.
    pub(crate) fn until(mut self, deadline: Option<Deadline>) -> Self {
        self.deadline = match (self.deadline, deadline) {
            (Some(one), Some(other)) => Some(one.earlier(other)),
            (one, other) => one.or(other),
        };
        self
    }

    /// Notes that the budget `id` was paid for the call, and tells whether this was the first time.
    ///
    /// The tries of a retry further out are no new load: a budget they share is paid once for all of them.
    pub(crate) fn pay(&mut self, id: usize) -> bool {
        for slot in &mut self.budgets {
            if *slot == id {
                return false;
            }
            if *slot == 0 {
                *slot = id;
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_budget_is_paid_once_and_beyond_the_limit_never() {
        let mut context = Context::default();
        assert!(context.pay(7) && !context.pay(7));
        assert!((8..=10).all(|id| context.pay(id)));
        assert!(!context.pay(11), "unknown room counts as paid: the safe side");
    }

    #[test]
    fn a_panic_puts_the_former_facts_back() {
        let retried = Context { is_retried: true, ..Context::default() };
        let panicked = catch_unwind(AssertUnwindSafe(|| retried.enter(|| panic!("in a try"))));
        assert!(panicked.is_err());
        assert!(!Context::current().is_retried);
    }
}
