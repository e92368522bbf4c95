//! What the result of a call says about the thing that was called.

use crate::{Elapsed, Rejection};
use std::{error::Error, time::Duration};

/// What a result means to every policy: one answer for breaker, retry, hedge, throttle and limit, so that they cannot
/// disagree about the same call.
///
/// | class | breaker and limits | retry and hedge |
/// | --- | --- | --- |
/// | `Success` | success | done |
/// | `Transient` | failure | try again |
/// | `Busy` | failure | try again, not before it allows |
/// | `Permanent` | failure | give up |
/// | `Ignored` | neither: the caller's mistake says nothing of the callee | give up |
/// | `Cancelled` | neither: the caller did not wait for the end | give up |
/// | `Rejected` | neither: nobody was called | give up |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// It worked.
    Success,
    /// It failed and may work when asked again.
    Transient,
    /// It asked to be left alone, for this long if it said so (RFC 9110 section 10.2.3, `Retry-After`).
    Busy {
        /// The wait it asked for.
        retry_after: Option<Duration>,
    },
    /// It failed and would fail again.
    Permanent,
    /// An answer that says nothing about its health: not found, refused, invalid.
    Ignored,
    /// The caller's own time was over: as if it had dropped the call. See [`Elapsed::is_callers`].
    Cancelled,
    /// Another policy refused the call before it was made.
    Rejected,
}

impl Class {
    /// The callee failed.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Transient | Self::Busy { .. } | Self::Permanent)
    }

    /// Asking again may help.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Transient | Self::Busy { .. })
    }

    /// What an error means of which nothing is known but its causes.
    pub(crate) fn of_error(error: &(dyn Error + 'static)) -> Self {
        if Rejection::find(error).is_some() {
            return Self::Rejected;
        }
        Elapsed::find(error).map_or(Self::Transient, Elapsed::class)
    }
}

/// Decides what a result means. Implemented for closures `Fn(Result<&T, &E>) -> Class`.
///
/// ```
/// use healthcare_resilience::{Class, Classify};
/// let by_status = |answer: Result<&u16, &std::io::Error>| match answer {
///     Ok(429) => Class::Busy { retry_after: None },
///     Ok(500..) | Err(_) => Class::Transient,
///     Ok(_) => Class::Success,
/// };
/// assert_eq!(by_status.classify(Ok(&503)), Class::Transient);
/// ```
pub trait Classify<T, E> {
    /// The meaning of `result`.
    fn classify(&self, result: Result<&T, &E>) -> Class;
}

impl<F, T, E> Classify<T, E> for F
where
    F: Fn(Result<&T, &E>) -> Class,
{
    fn classify(&self, result: Result<&T, &E>) -> Class {
        self(result)
    }
}

/// Takes every error for a transient failure, a refusal from further in too. For errors that are no `Error`; else
/// [`Causes`](crate::Causes), which every `call` uses, is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnyError;

impl<T, E> Classify<T, E> for AnyError {
    fn classify(&self, result: Result<&T, &E>) -> Class {
        match result {
            Ok(_) => Class::Success,
            Err(_) => Class::Transient,
        }
    }
}

/// What an error of a tower service is: anything that can cross threads.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a layer uses when it is given no classifier: [`Causes`](crate::Causes) for boxed errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErrorChain;

impl<T> Classify<T, BoxError> for ErrorChain {
    fn classify(&self, result: Result<&T, &BoxError>) -> Class {
        match result {
            Ok(_) => Class::Success,
            Err(error) => Class::of_error(error.as_ref()),
        }
    }
}
