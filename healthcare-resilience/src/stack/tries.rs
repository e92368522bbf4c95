use super::ending::{Ending, Verdict};
use crate::{Class, Classify, RetryToken, retry::Tries};
use std::convert::Infallible;

/// Tries of which the next one is paid for. Only a try that is made costs something: the token of one that a step
/// refuses goes back.
pub(super) struct Paid<'t, W> {
    pub(super) tries: &'t mut W,
    pub(super) token: &'t mut Option<RetryToken>,
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
pub(super) struct Rows<A, N> {
    pub(super) again: A,
    pub(super) has_next: N,
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
pub(super) struct ByVerdict;

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
