use crate::{CallError, Class, Classify, Rejection};
use std::error::Error;

/// Every error is a transient failure, except that a [`Rejection`] anywhere in its chain of causes means that nobody was
/// called. What [`Retry`](crate::Retry) and [`Hedge`](crate::Hedge) use when they are told nothing else.
///
/// For errors that are not `std::error::Error`, such as `anyhow::Error`, give a classifier:
/// [`AnyError`](crate::AnyError) where no policy stands further in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Causes;

impl<T, E: Error + 'static> Classify<T, E> for Causes {
    fn classify(&self, result: Result<&T, &E>) -> Class {
        match result {
            Ok(_) => Class::Success,
            Err(error) if Rejection::find(error).is_some() => Class::Rejected,
            Err(_) => Class::Transient,
        }
    }
}

/// A classifier of a call's own results, for results that come through another policy: a refusal stays a refusal, a
/// time-out is transient, and the rest is what the classifier says.
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
            Err(CallError::Elapsed(_)) => Class::Transient,
        }
    }
}

/// Transient where the condition holds, permanent where not; refusals are never shown to it.
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
            Err(error) if Rejection::find(error).is_some() => Class::Rejected,
            Err(error) if (self.0)(error) => Class::Transient,
            Err(_) => Class::Permanent,
        }
    }
}
