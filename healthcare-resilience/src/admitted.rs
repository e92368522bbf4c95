//! What a call holds of the policy that let it in, and the one way in which each call ends.

use crate::{CallError, Class, Classify, Rejection, metrics::Outcome};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::{Future, IntoFuture, poll_fn},
    ops::Deref,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

/// How a call ended, as far as the policy is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a result of this class.
    Class(Class),
    /// Its own code panicked.
    Panicked,
    /// It was dropped before it ended.
    Cancelled,
}

impl From<Class> for End {
    fn from(class: Class) -> Self {
        match class {
            Class::Cancelled => Self::Cancelled,
            class => Self::Class(class),
        }
    }
}

impl From<End> for Outcome {
    fn from(end: End) -> Self {
        match end {
            End::Class(class) => class.into(),
            End::Panicked => Self::Panicked,
            End::Cancelled => Self::Cancelled,
        }
    }
}

/// A policy that lets calls in and hears how each of them ends.
pub(crate) trait Ledger {
    /// What it wrote down when the call began.
    type Entry: fmt::Debug;

    /// The call ended. Told once for each entry, and in a `Drop`, so it must not panic.
    fn close(&self, entry: Self::Entry, end: End);
}

/// A call's entry in a policy's ledger: what every permit is made of. Dropped before it was closed, the call was
/// cancelled, whatever it is that drops it: a panic beside the call, in the same task, is none of its own.
#[derive(Debug)]
pub(crate) struct Admitted<H>
where
    H: Deref<Target: Ledger>,
{
    ledger: H,
    /// Gone when it was closed.
    entry: Option<<H::Target as Ledger>::Entry>,
}

impl<H: Deref<Target: Ledger>> Admitted<H> {
    #[inline]
    pub(crate) const fn new(ledger: H, entry: <H::Target as Ledger>::Entry) -> Self {
        Self { ledger, entry: Some(entry) }
    }

    #[inline]
    pub(crate) fn close(&mut self, end: End) {
        if let Some(entry) = self.entry.take() {
            self.ledger.close(entry, end);
        }
    }
}

impl<H: Deref<Target: Ledger>> Drop for Admitted<H> {
    #[inline]
    fn drop(&mut self) {
        self.close(End::Cancelled);
    }
}

/// Runs a step of a call, which is the caller's code. Should it panic, `panicked` is told while the panic goes on.
///
/// `std::thread::panicking` in a `Drop` would not do: it is true as well while a panic of something else in the same task
/// drops the call.
#[inline]
pub(crate) fn watch<T>(step: impl FnOnce() -> T, panicked: impl FnOnce()) -> T {
    struct Armed<P: FnOnce()>(Option<P>);
    impl<P: FnOnce()> Drop for Armed<P> {
        fn drop(&mut self) {
            if let Some(panicked) = self.0.take() {
                panicked();
            }
        }
    }
    let mut armed = Armed(Some(panicked));
    let done = step();
    armed.0 = None;
    done
}

/// Makes and runs `work`, every poll of it watched. It is dropped before this resolves.
#[inline]
pub(crate) async fn watched<F: Future>(make: impl FnOnce() -> F, mut panicked: impl FnMut()) -> F::Output {
    let mut work = pin!(watch(make, &mut panicked));
    poll_fn(|cx| watch(|| work.as_mut().poll(cx), &mut panicked)).await
}

/// What a call holds while it is under way. Dropped without [`record`](Self::record), the call was cancelled.
pub trait AdmitPermit {
    /// The call ended like this.
    fn record(self, class: Class);

    /// The call's own code panicked, and the permit is about to be dropped by that. Whatever is done with it afterwards
    /// says nothing more. Nothing happens unless it is implemented.
    fn panicked(&mut self) {}

    /// Runs a step of the call. A panic of it is the call's failure, and goes on.
    ///
    /// For calls that are not futures. Without it a panic only cancels the call, because who drops a permit while a thread
    /// panics need not be who panicked.
    ///
    /// ```
    /// use healthcare_resilience::{AdmitPermit as _, CircuitBreaker, Class};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let breaker = CircuitBreaker::database("patients").build()?;
    /// let mut permit = breaker.try_acquire()?;
    /// let found = permit.watch(|| Ok::<_, std::io::Error>(3)); // blocks
    /// permit.record(if found.is_ok() { Class::Success } else { Class::Transient });
    /// # Ok(()) }
    /// ```
    fn watch<T>(&mut self, step: impl FnOnce() -> T) -> T
    where
        Self: Sized,
    {
        watch(step, || self.panicked())
    }
}

pin_project! {
    #[project = WorkOf]
    #[derive(Debug)]
    enum Work<W: IntoFuture> {
        Before { work: Option<W> },
        Running { #[pin] work: W::IntoFuture },
        Done,
    }
}

pin_project! {
    /// A call under a policy. By hand, because in nested `async` functions each would hold the work twice, once as an
    /// argument and once in what it awaits.
    #[must_use = "futures do nothing unless polled"]
    pub(crate) struct Run<A, P, C, W: IntoFuture> {
        // Fields are dropped in this order: the work goes before its permit.
        #[pin]
        work: Work<W>,
        permit: Option<P>,
        admit: Option<A>,
        classifier: C,
    }
}

/// Runs `work` if `admit` gives a permit for it when this is polled first. The work is dropped before the permit.
pub(crate) const fn run<A, P, C, W, T, E>(admit: A, classifier: C, work: W) -> Run<A, P, C, W>
where
    A: FnOnce() -> Result<P, Rejection>,
    P: AdmitPermit,
    C: Classify<T, E>,
    W: IntoFuture<Output = Result<T, E>>,
{
    Run { work: Work::Before { work: Some(work) }, permit: None, admit: Some(admit), classifier }
}

impl<A, P, C, W, T, E> Future for Run<A, P, C, W>
where
    A: FnOnce() -> Result<P, Rejection>,
    P: AdmitPermit,
    C: Classify<T, E>,
    W: IntoFuture<Output = Result<T, E>>,
{
    type Output = Result<T, CallError<E>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let WorkOf::Before { work } = this.work.as_mut().project()
            && let (Some(admit), Some(work)) = (this.admit.take(), work.take())
        {
            let mut permit = match admit() {
                Ok(permit) => permit,
                Err(rejection) => {
                    drop(work);
                    return Poll::Ready(Err(rejection.into()));
                }
            };
            let work = permit.watch(|| work.into_future());
            this.work.set(Work::Running { work });
            *this.permit = Some(permit);
        }
        // Polled again after it resolved, or after a panic that somebody caught: stays pending, as a fused future does.
        let WorkOf::Running { work } = this.work.as_mut().project() else { return Poll::Pending };
        let Some(permit) = this.permit else { return Poll::Pending };
        let polled = watch(|| work.poll(cx), || permit.panicked());
        let result = ready!(polled);
        this.work.set(Work::Done);
        let Some(mut permit) = this.permit.take() else { return Poll::Pending };
        let class = permit.watch(|| this.classifier.classify(result.as_ref()));
        permit.record(class);
        Poll::Ready(result.map_err(CallError::Inner))
    }
}
