//! The bulkhead: never more work under way than allowed, in order of arrival, and no place lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod build;
mod drops;
mod events;
mod layer;
mod line;
mod live;
#[cfg(feature = "metrics")]
mod metrics;

use healthcare_resilience::{Bulkhead, CallError};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn bulkhead(max_calls: usize, max_waiting: usize) -> Bulkhead {
    let builder = Bulkhead::builder("laboratory").max_calls(max_calls).max_waiting(max_waiting);
    let builder = if max_waiting == 0 { builder } else { builder.max_wait(PATIENCE) };
    builder.build().unwrap()
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Counts the pieces of work that are alive: not the permits, the work itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    now: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
}

impl Live {
    pub(crate) fn begin(&self) -> Work {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(now, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
        Work(self.now.clone())
    }
    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::SeqCst)
    }
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
    /// Work that takes a time.
    pub(crate) async fn work(self, takes: Duration) -> Result<(), Never> {
        let _work = self.begin();
        tokio::time::sleep(takes).await;
        Ok(())
    }
}

pub(crate) struct Work(Arc<AtomicUsize>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy, thiserror::Error)]
#[error("never")]
pub(crate) struct Never;

pub(crate) fn reason<T>(result: Result<T, CallError<Never>>) -> healthcare_resilience::RejectReason {
    result.err().and_then(|error| error.rejection().copied()).unwrap().reason()
}
