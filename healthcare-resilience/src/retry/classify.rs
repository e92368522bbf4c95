use crate::{CallError, Class, Classify};
#[cfg(doc)]
use crate::{Elapsed, Rejection};
use std::error::Error;

/// Every error is a transient failure, except that a [`Rejection`] anywhere in its chain of causes means that nobody was
/// called, and an [`Elapsed`] of the caller's own time ([`Elapsed::is_callers`]) that the caller did not wait for the end.
/// What every policy uses that is told nothing else.
///
/// For errors that are not `std::error::Error`, such as `anyhow::Error`, give a classifier:
/// [`AnyError`](crate::AnyError) where no policy stands further in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Causes;

impl<T, E: Error + 'static> Classify<T, E> for Causes {
    fn classify(&self, result: Result<&T, &E>) -> Class {
        match result {
            Ok(_) => Class::Success,
            Err(error) => Class::of_error(error),
        }
    }
}

/// A classifier of a call's own results, for results that come through another policy: a refusal stays a refusal, a
/// time-out is transient unless the time was the caller's own, and the rest is what the classifier says.
///
/// ```
/// use healthcare_resilience::{AnyError, CallError, Class, Classify, Guarded};
/// let failed: Result<&u8, &CallError<&str>> = Err(&CallError::Inner("no"));
/// assert_eq!(Guarded(AnyError).classify(failed), Class::Transient);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guarded<C>(pub C);

impl<T, E, C: Classify<T, E>> Classify<T, CallError<E>> for Guarded<C> {
    fn classify(&self, result: Result<&T, &CallError<E>>) -> Class {
        match result {
            Ok(answer) => self.0.classify(Ok(answer)),
            Err(CallError::Inner(error)) => self.0.classify(Err(error)),
            Err(CallError::Rejected(_)) => Class::Rejected,
            Err(CallError::Elapsed(elapsed)) => elapsed.class(),
        }
    }
}

/// Transient where the condition holds, permanent where not; refusals and the end of the caller's own time are never shown
/// to it.
#[derive(Debug, Clone, Copy)]
pub struct When<F>(pub(crate) F);

impl<T, E, F> Classify<T, E> for When<F>
where
    E: Error + 'static,
    F: Fn(&E) -> bool,
{
    fn classify(&self, result: Result<&T, &E>) -> Class {
        match result {
            Ok(_) => Class::Success,
            Err(error) => match Class::of_error(error) {
                Class::Transient if (self.0)(error) => Class::Transient,
                Class::Transient => Class::Permanent,
                class => class,
            },
        }
    }
}
