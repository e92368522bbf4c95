//! What tower asks of a middleware, checked on `TimeOut`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_resilience::{TimeOut, TimeOutError, TimeOutFuture, TimeOutLayer};
use std::{
    error::Error as _,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower_layer::Layer as _;
use tower_service::Service;

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the laboratory is closed")]
struct Closed;

/// A service with one place. It panics when it is called without having been ready, as tower allows it to.
struct Laboratory {
    places: PollSemaphore,
    place: Option<OwnedSemaphorePermit>,
    running: Arc<AtomicUsize>,
    is_closed: bool,
}

impl Laboratory {
    fn new(places: usize) -> Self {
        let places = PollSemaphore::new(Arc::new(Semaphore::new(places)));
        Self { places, place: None, running: Arc::default(), is_closed: false }
    }
    fn free(&self) -> usize {
        self.places.available_permits()
    }
}

impl Clone for Laboratory {
    fn clone(&self) -> Self {
        // A clone is not ready because the original is.
        Self {
            places: self.places.clone(),
            place: None,
            running: self.running.clone(),
            is_closed: self.is_closed,
        }
    }
}

struct Running(Arc<AtomicUsize>);
impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service<Duration> for Laboratory {
    type Response = &'static str;
    type Error = Closed;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, Closed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if self.is_closed {
            return Poll::Ready(Err(Closed));
        }
        if self.place.is_none() {
            let Poll::Ready(place) = self.places.poll_acquire(cx) else { return Poll::Pending };
            self.place = place;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, takes: Duration) -> Self::Future {
        let place = self.place.take().expect("called without being ready");
        self.running.fetch_add(1, Ordering::SeqCst);
        let running = Running(self.running.clone());
        Box::pin(async move {
            let _held = (place, running);
            tokio::time::sleep(takes).await;
            if takes == Duration::from_millis(1) { Err(Closed) } else { Ok("negative") }
        })
    }
}

async fn ready<S: Service<Duration>>(service: &mut S) -> Result<(), S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn answers_and_errors_pass_through() {
    let mut service = TimeOutLayer::new(LIMIT).layer(Laboratory::new(1));
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(Duration::from_secs(1)).await, Ok("negative"));
    ready(&mut service).await.unwrap();
    let error = service.call(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(error, TimeOutError::Inner(Closed));
    assert_eq!(error.source().unwrap().to_string(), Closed.to_string());
    assert!(!error.to_string().contains(&Closed.to_string()), "the cause stands in source alone");
}

#[tokio::test(start_paused = true)]
async fn a_late_call_is_elapsed_and_its_place_is_free_at_once() {
    let laboratory = Laboratory::new(1);
    let mut service = TimeOut::new(laboratory.clone(), LIMIT);
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(LIMIT * 2));
    let answer = call.as_mut().await;
    assert!(matches!(answer, Err(TimeOutError::Elapsed(elapsed)) if elapsed.limit() == LIMIT));
    // The future is still held; what it ran is not.
    assert_eq!((laboratory.free(), laboratory.running.load(Ordering::SeqCst)), (1, 0));
    drop(call);
}

#[tokio::test(start_paused = true)]
async fn pending_readiness_is_forwarded_with_its_waker() {
    let laboratory = Laboratory::new(1);
    let mut first = TimeOut::new(laboratory.clone(), LIMIT);
    let mut second = TimeOut::new(laboratory, LIMIT);
    ready(&mut first).await.unwrap();
    let waiting = tokio::spawn(async move {
        ready(&mut second).await.unwrap();
        second.call(Duration::from_secs(1)).await
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap(), Ok("negative"));
}

#[tokio::test]
async fn failed_readiness_is_forwarded() {
    let mut service = TimeOut::new(Laboratory { is_closed: true, ..Laboratory::new(1) }, LIMIT);
    assert_eq!(ready(&mut service).await, Err(TimeOutError::Inner(Closed)));
}

#[tokio::test(start_paused = true)]
async fn readiness_is_neither_consumed_nor_taken_twice() {
    let laboratory = Laboratory::new(2);
    let mut service = TimeOut::new(laboratory.clone(), LIMIT);
    ready(&mut service).await.unwrap();
    ready(&mut service).await.unwrap();
    assert_eq!(laboratory.free(), 1, "asking twice takes one place");
    assert_eq!(service.call(Duration::from_secs(1)).await, Ok("negative"));
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_not_ready_because_the_original_is() {
    let laboratory = Laboratory::new(2);
    let mut service = TimeOut::new(laboratory.clone(), LIMIT);
    ready(&mut service).await.unwrap();
    let mut clone = service.clone();
    assert_eq!(laboratory.free(), 1, "the clone took no place");
    ready(&mut clone).await.unwrap();
    assert_eq!(laboratory.free(), 0);
    // The call uses the place of the service that was polled.
    assert_eq!(service.call(Duration::from_secs(1)).await, Ok("negative"));
    assert_eq!(clone.call(Duration::from_secs(1)).await, Ok("negative"));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_any_number_of_polls_leaks_nothing() {
    for polls in 0..4 {
        let laboratory = Laboratory::new(1);
        let mut service = TimeOut::new(laboratory.clone(), LIMIT);
        ready(&mut service).await.unwrap();
        let mut call = Box::pin(service.call(LIMIT / 2));
        for _ in 0..polls {
            assert!(poll_once(call.as_mut()).is_pending());
        }
        drop(call);
        assert_eq!(
            (laboratory.free(), laboratory.running.load(Ordering::SeqCst)),
            (1, 0),
            "after {polls} polls"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_runs_from_the_call_not_from_readiness() {
    let mut service = TimeOut::new(Laboratory::new(1), LIMIT);
    ready(&mut service).await.unwrap();
    tokio::time::sleep(LIMIT * 3).await;
    assert_eq!(service.call(LIMIT / 2).await, Ok("negative"));
}

#[tokio::test(start_paused = true)]
async fn a_future_polled_after_it_resolved_stays_pending() {
    let mut service = TimeOut::new(Laboratory::new(1), LIMIT);
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(Duration::from_secs(1)));
    call.as_mut().await.unwrap();
    assert!(poll_once(call.as_mut()).is_pending());
}

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug>() {}
    all::<TimeOut<u8>>();
    all::<TimeOutLayer>();
    fn send<T: Send>() {}
    send::<TimeOutFuture<Pin<Box<dyn Future<Output = Result<(), ()>> + Send>>>>();
}
