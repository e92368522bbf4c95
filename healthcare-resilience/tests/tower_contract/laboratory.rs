//! The service at the bottom: it has places, notices who calls it unasked, and tells what is running.

use healthcare_resilience::BoxError;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower_service::Service;

/// A request that fails after a second.
pub(crate) const FAILS: Duration = Duration::from_millis(1);
/// A request that panics after a second.
pub(crate) const PANICS: Duration = Duration::from_millis(2);
/// An ordinary request.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the laboratory is closed")]
pub(crate) struct Closed;

/// Panics when it is called without having been ready, as tower allows it to.
pub(crate) struct Laboratory {
    places: PollSemaphore,
    place: Option<OwnedSemaphorePermit>,
    seen: Arc<Seen>,
    is_closed: bool,
}

/// What the laboratory saw, of all its clones.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    running: AtomicUsize,
    most: AtomicUsize,
    calls: AtomicUsize,
}

impl Seen {
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
    /// The most that ever ran at once.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Laboratory {
    pub(crate) fn new(places: usize) -> Self {
        let places = PollSemaphore::new(Arc::new(Semaphore::new(places)));
        Self { places, place: None, seen: Arc::default(), is_closed: false }
    }
    /// One that is never ready: it fails.
    pub(crate) fn closed() -> Self {
        Self { is_closed: true, ..Self::new(1) }
    }
    /// Places that nobody holds, be it for a call or for readiness alone.
    pub(crate) fn free(&self) -> usize {
        self.places.available_permits()
    }
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Clone for Laboratory {
    fn clone(&self) -> Self {
        // A clone is not ready because the original is.
        let (places, seen) = (self.places.clone(), self.seen.clone());
        Self { places, place: None, seen, is_closed: self.is_closed }
    }
}

pub(crate) struct Running(Arc<Seen>);
impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service<Duration> for Laboratory {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Work;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.is_closed {
            return Poll::Ready(Err(Closed.into()));
        }
        if self.place.is_none() {
            let Poll::Ready(place) = self.places.poll_acquire(cx) else { return Poll::Pending };
            self.place = place;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, takes: Duration) -> Self::Future {
        let place = self.place.take().expect("called without being ready");
        let running = self.seen.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.most.fetch_max(running, Ordering::SeqCst);
        self.seen.calls.fetch_add(1, Ordering::SeqCst);
        let running = Running(self.seen.clone());
        let work = async move {
            match takes {
                FAILS => {
                    tokio::time::sleep(SECOND).await;
                    Err(Closed.into())
                }
                PANICS => {
                    tokio::time::sleep(SECOND).await;
                    panic!("the laboratory has a bug")
                }
                takes => {
                    tokio::time::sleep(takes).await;
                    Ok("negative")
                }
            }
        };
        Work { work: Box::pin(work), _held: (place, running) }
    }
}

/// A call under way. It holds what it holds until it is dropped, also when it is done.
pub(crate) struct Work {
    work: Pin<Box<dyn Future<Output = Result<&'static str, BoxError>> + Send>>,
    _held: (OwnedSemaphorePermit, Running),
}

impl Future for Work {
    type Output = Result<&'static str, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.work.as_mut().poll(cx)
    }
}
