//! What tower asks of a middleware, for any layer.

use crate::laboratory::{Closed, FAILS, Laboratory, PANICS, SECOND};
use futures_util::{FutureExt as _, future::join_all};
use healthcare_resilience::{BoxError, time_out};
use std::{
    error::Error,
    future::{Future, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// A layer around the laboratory, in the form all our layers have.
pub(crate) trait Lawful: Layer<Laboratory, Service = Self::Guarded> {
    type Guarded: Service<Duration, Response = &'static str, Error = BoxError, Future = Self::Answer>
        + Clone
        + Send
        + Sync
        + 'static;
    type Answer: Future<Output = Result<&'static str, BoxError>> + Send + 'static;
}

impl<L, S> Lawful for L
where
    L: Layer<Laboratory, Service = S>,
    S: Service<Duration, Response = &'static str, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    type Guarded = S;
    type Answer = S::Future;
}

pub(crate) async fn ready<S: Service<Duration>>(service: &mut S) -> Result<(), S::Error> {
    let ready = poll_fn(|cx| service.poll_ready(cx));
    time_out(Duration::from_secs(24 * 3600), ready).await.expect("never ready")
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn cause<T: Error + 'static>(error: &BoxError) -> Option<&T> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Nothing is left behind: every place is free, nothing runs, and the next call is let through.
async fn is_as_new<S>(service: &mut S, laboratory: &Laboratory, places: usize, when: &str)
where
    S: Service<Duration, Response = &'static str, Error = BoxError>,
{
    assert_eq!(laboratory.seen().running(), 0, "something runs {when}");
    assert_eq!(laboratory.free(), places, "a place is held {when}");
    let again = async {
        ready(service).await?;
        service.call(SECOND).await
    };
    let again = time_out(SECOND * 60, again).await;
    assert_eq!(again.expect("stuck").expect("refused"), "negative", "the next call {when}");
}

/// Law 1. Whoever is called was asked before, each time, and it was the very one that is called.
pub(crate) async fn calls_the_very_service_that_was_ready(layer: impl Lawful) {
    let laboratory = Laboratory::new(1);
    let mut service = layer.layer(laboratory.clone());
    for _ in 0..3 {
        ready(&mut service).await.unwrap();
        assert_eq!(service.call(SECOND).await.unwrap(), "negative");
    }
    assert_eq!(laboratory.seen().calls(), 3);
}

/// Law 2. Asking twice takes one place.
pub(crate) async fn readiness_is_not_taken_twice(layer: impl Lawful) {
    let laboratory = Laboratory::new(2);
    let mut service = layer.layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    ready(&mut service).await.unwrap();
    assert_eq!(laboratory.free(), 1);
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
}

/// Law 3. Readiness that is not used goes with its service.
pub(crate) async fn readiness_goes_with_its_service(layer: impl Lawful) {
    let laboratory = Laboratory::new(1);
    let mut service = layer.layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let mut other = service.clone();
    drop(service);
    is_as_new(&mut other, &laboratory, 1, "after a service that was ready was dropped").await;
}

/// Law 4. A clone is not ready because the original is, and takes nothing from it.
pub(crate) async fn a_clone_stands_for_itself(layer: impl Lawful) {
    let laboratory = Laboratory::new(2);
    let mut service = layer.layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let mut clone = service.clone();
    assert_eq!(laboratory.free(), 1, "the clone took a place");
    ready(&mut clone).await.unwrap();
    assert_eq!(laboratory.free(), 0);
    let (one, two) = (service.call(SECOND), clone.call(SECOND));
    let (one, two) = tokio::join!(one, two);
    assert_eq!((one.unwrap(), two.unwrap()), ("negative", "negative"));
}

/// Law 5. Pending readiness is passed on, and its waker is woken.
pub(crate) async fn pending_readiness_wakes(layer: impl Lawful) {
    let laboratory = Laboratory::new(1);
    let mut first = layer.layer(laboratory.clone());
    let mut second = first.clone();
    ready(&mut first).await.unwrap();
    let waiting = tokio::spawn(async move {
        ready(&mut second).await.unwrap();
        second.call(SECOND).await
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap().unwrap(), "negative");
}

/// Law 6. Failed readiness is passed on, with its cause.
pub(crate) async fn failed_readiness_is_passed_on(layer: impl Lawful) {
    let mut service = layer.layer(Laboratory::closed());
    let error = ready(&mut service).await.unwrap_err();
    assert_eq!(cause::<Closed>(&error), Some(&Closed), "{error:?}");
}

/// Law 7. Answers are passed on as they are, errors with their cause.
pub(crate) async fn answers_and_errors_pass(layer: impl Lawful) {
    let laboratory = Laboratory::new(1);
    let mut service = layer.layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
    ready(&mut service).await.unwrap();
    let error = service.call(FAILS).await.unwrap_err();
    assert_eq!(cause::<Closed>(&error), Some(&Closed), "{error:?}");
    is_as_new(&mut service, &laboratory, 1, "after an error").await;
}

/// Law 8. A call dropped after any number of polls leaves nothing behind. Never polled is one of them.
pub(crate) async fn a_dropped_call_leaves_nothing(layer: impl Lawful) {
    for polls in 0..4 {
        let laboratory = Laboratory::new(1);
        let mut service = layer.layer(laboratory.clone());
        ready(&mut service).await.unwrap();
        let mut call = Box::pin(service.call(SECOND));
        for _ in 0..polls {
            assert!(poll_once(call.as_mut()).is_pending());
        }
        drop(call);
        is_as_new(&mut service, &laboratory, 1, &format!("after {polls} polls and a drop")).await;
    }
}

/// Law 9. A panic further in goes on to the caller, and leaves nothing behind.
pub(crate) async fn a_panic_goes_on_and_leaves_nothing(layer: impl Lawful) {
    let laboratory = Laboratory::new(1);
    let mut service = layer.layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let call = AssertUnwindSafe(service.call(PANICS)).catch_unwind();
    assert!(call.await.is_err(), "the panic was swallowed");
    is_as_new(&mut service, &laboratory, 1, "after a panic").await;
}

/// Law 10. Whoever keeps the future of a finished call keeps nothing else. Our own: tower's layers do not promise it.
pub(crate) async fn a_finished_call_holds_nothing(layer: impl Lawful) {
    let laboratory = Laboratory::new(1);
    let mut service = layer.layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    assert_eq!(call.as_mut().await.unwrap(), "negative");
    is_as_new(&mut service, &laboratory, 1, "while a finished call is still held").await;
    drop(call);
}

/// Law 11. However many clones, the service never does more at once than it has places, and everybody is served.
pub(crate) async fn many_clones_are_served_within_the_places(layer: impl Lawful) {
    let laboratory = Laboratory::new(3);
    let service = layer.layer(laboratory.clone());
    let calls = (0..20).map(|_| {
        let mut service = service.clone();
        tokio::spawn(async move {
            ready(&mut service).await?;
            service.call(SECOND).await
        })
    });
    for answer in join_all(calls).await {
        assert_eq!(answer.unwrap().unwrap(), "negative");
    }
    assert!(laboratory.seen().most() <= 3);
    assert_eq!((laboratory.seen().running(), laboratory.free()), (0, 3));
}

/// All laws on one layer, or those that are named. `$new` makes a fresh one, generous enough that no policy refuses what
/// the laws ask for.
macro_rules! lawful {
    ($name:ident, $new:expr) => {
        crate::laws::lawful!(
            $name, $new;
            calls_the_very_service_that_was_ready, readiness_is_not_taken_twice, readiness_goes_with_its_service,
            a_clone_stands_for_itself, pending_readiness_wakes, failed_readiness_is_passed_on,
            answers_and_errors_pass, a_dropped_call_leaves_nothing, a_panic_goes_on_and_leaves_nothing,
            a_finished_call_holds_nothing, many_clones_are_served_within_the_places
        );
    };
    ($name:ident, $new:expr; $($law:ident),*) => {
        mod $name {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                async fn $law() {
                    crate::laws::$law($new).await;
                }
            )*
        }
    };
}
pub(crate) use lawful;
