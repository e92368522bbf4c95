//! Fallback: another answer when a call failed or was refused, and a record that it was used.

mod layer;

pub use self::layer::{FallbackFuture, FallbackLayer, FallbackService};

use crate::{AnyError, BoxError, CallError, Class, Classify, listeners::Listeners, metrics::PolicyMetrics};
use std::{
    fmt,
    future::{Future, IntoFuture},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::broadcast;

/// What to fall back on. A bit set of classes.
///
/// ```
/// use healthcare_resilience::FallbackOn;
/// let unreachable = FallbackOn::REFUSED.and(FallbackOn::FAILED);
/// assert_eq!(unreachable, FallbackOn::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FallbackOn(u8);

impl FallbackOn {
    /// A policy refused the call: nobody was asked.
    pub const REFUSED: Self = Self(1);
    /// The callee failed, or the time was over, its or the caller's.
    pub const FAILED: Self = Self(2);
    /// An answer that says nothing about the callee's health: not found, refused, invalid. Not among the defaults,
    /// because it is an answer.
    pub const IGNORED: Self = Self(4);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, class: Class) -> bool {
        let bit = match class {
            Class::Success => 0,
            Class::Rejected => Self::REFUSED.0,
            Class::Transient | Class::Busy { .. } | Class::Permanent | Class::Cancelled => Self::FAILED.0,
            Class::Ignored => Self::IGNORED.0,
        };
        self.0 & bit != 0
    }
}

impl Default for FallbackOn {
    /// Refusals and failures.
    fn default() -> Self {
        Self::REFUSED.and(Self::FAILED)
    }
}

/// A fallback gave the answer of a call. Holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FallbackEvent {
    /// The policy.
    pub policy: &'static str,
    /// What the failed call meant.
    pub class: Class,
}

/// Makes the answer of a [`Fallback`] from the error it stands for.
pub trait Substitute<T, E> {
    /// The answer.
    fn substitute(&self, error: &E) -> T;
}

/// The same answer for every error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Always<T>(T);

impl<T: Clone, E> Substitute<T, E> for Always<T> {
    fn substitute(&self, _: &E) -> T {
        self.0.clone()
    }
}

/// An answer made by a function.
#[derive(Debug, Clone, Copy)]
pub struct FromError<F>(F);

impl<F: Fn(&E) -> T, T, E> Substitute<T, E> for FromError<F> {
    fn substitute(&self, error: &E) -> T {
        (self.0)(error)
    }
}

/// Answers in place of a call that failed or was refused: with a value, or with a function of the error. Cheap to
/// clone.
///
/// It looks at errors alone, so a success is never hidden, and it is never silent: each use is an event, a count and a
/// metric. The caller of a clinical function must still be able to tell a stand-in from an answer; say it in the value.
///
/// ```
/// use healthcare_resilience::{CallError, Fallback, OrFallback as _, Retry, Retryable as _};
/// # async fn fetch() -> Result<u32, std::io::Error> { Err(std::io::Error::other("reset")) }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let retry = Retry::builder("beds").build()?;
/// let unknown = Fallback::value("beds", None);
/// let free = async { Ok((|| fetch()).retry_read(&retry).await.map(Some)?) }.or_fallback(&unknown).await;
/// # let free: Result<Option<u32>, CallError<std::io::Error>> = free;
/// assert_eq!((free?, unknown.used()), (None, 1));
/// # Ok(()) }
/// ```
pub struct Fallback<S, C = AnyError> {
    shared: Arc<Shared>,
    substitute: S,
    classifier: C,
    on: FallbackOn,
}

struct Shared {
    name: &'static str,
    used: AtomicU64,
    events: Listeners<FallbackEvent>,
    metrics: PolicyMetrics,
}

impl<T> Fallback<Always<T>> {
    /// Answers with `value`.
    pub fn value(name: &'static str, value: T) -> Self {
        Self::new(name, Always(value))
    }
}

impl<F> Fallback<FromError<F>> {
    /// Answers with what `function` makes of the error: a [`CallError`], or for a layer a [`BoxError`].
    pub fn from_error<T, E>(name: &'static str, function: F) -> Self
    where
        F: Fn(&E) -> T,
    {
        Self::new(name, FromError(function))
    }
}

impl<S> Fallback<S> {
    fn new(name: &'static str, substitute: S) -> Self {
        let shared = Shared {
            name,
            used: AtomicU64::new(0),
            events: Listeners::new(),
            metrics: PolicyMetrics::new("fallback", name),
        };
        Self { shared: Arc::new(shared), substitute, classifier: AnyError, on: FallbackOn::default() }
    }
}

impl<S, C> Fallback<S, C> {
    /// Falls back on these alone.
    #[must_use]
    pub fn on(mut self, on: FallbackOn) -> Self {
        self.on = on;
        self
    }

    /// Decides with `classifier` what an error means, so that an answer such as "not found" is not replaced. It is not
    /// asked about refusals and time-outs.
    pub fn classify<D>(self, classifier: D) -> Fallback<S, D> {
        Fallback { shared: self.shared, substitute: self.substitute, classifier, on: self.on }
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How often it gave the answer.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Its uses from now on. A receiver that lags behind loses the oldest events.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<FallbackEvent> {
        self.shared.events.listen()
    }

    /// Awaits `work`, the call of another policy, and answers in its place where that failed.
    ///
    /// # Errors
    /// The error of `work`, where it is not fallen back on.
    pub async fn call<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
        S: Substitute<T, CallError<E>>,
        C: Classify<T, E>,
    {
        let result = work.await;
        self.replace(result)
    }

    /// The same for a result that is already there.
    ///
    /// # Errors
    /// The error, where it is not fallen back on.
    pub fn replace<T, E>(&self, result: Result<T, CallError<E>>) -> Result<T, CallError<E>>
    where
        S: Substitute<T, CallError<E>>,
        C: Classify<T, E>,
    {
        let error = match result {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let class = match &error {
            CallError::Inner(inner) => self.classifier.classify(Err(inner)),
            CallError::Rejected(_) => Class::Rejected,
            CallError::Elapsed(elapsed) => elapsed.class(),
        };
        self.answer(class, error)
    }

    /// The same for a layer's result.
    pub(crate) fn replace_boxed<T>(&self, result: Result<T, BoxError>) -> Result<T, BoxError>
    where
        S: Substitute<T, BoxError>,
        C: Classify<T, BoxError>,
    {
        match result {
            Ok(answer) => Ok(answer),
            Err(error) => self.answer(self.classifier.classify(Err(&error)), error),
        }
    }

    fn answer<T, E>(&self, class: Class, error: E) -> Result<T, E>
    where
        S: Substitute<T, E>,
    {
        if !self.on.has(class) {
            return Err(error);
        }
        let answer = self.substitute.substitute(&error);
        self.shared.used.fetch_add(1, Ordering::Relaxed);
        self.shared.metrics.event("fallback");
        self.shared.events.tell(|| FallbackEvent { policy: self.shared.name, class });
        Ok(answer)
    }
}

impl<S: Clone, C: Clone> Clone for Fallback<S, C> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            substitute: self.substitute.clone(),
            classifier: self.classifier.clone(),
            on: self.on,
        }
    }
}

impl<S, C> fmt::Debug for Fallback<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback")
            .field("name", &self.shared.name)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

/// Fallback as a method of any policy's call.
pub trait OrFallback<T, E>: IntoFuture<Output = Result<T, CallError<E>>> + Sized {
    /// Awaits the call, and answers with `fallback` where it failed.
    fn or_fallback<S, C>(self, fallback: &Fallback<S, C>) -> impl Future<Output = Result<T, CallError<E>>>
    where
        S: Substitute<T, CallError<E>>,
        C: Classify<T, E>,
    {
        fallback.call(self)
    }
}

impl<W, T, E> OrFallback<T, E> for W where W: IntoFuture<Output = Result<T, CallError<E>>> {}
