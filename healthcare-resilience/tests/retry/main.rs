//! Retry, hedge, fallback and deadline.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod backoff;
mod budget;
mod by_hand;
mod call;
mod deadline;
mod drops;
mod fallback;
mod hedge;
#[cfg(feature = "http")]
mod http;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod nested;
mod refusals;
mod sent;

use healthcare_resilience::{Backoff, Jitter, Retry, RetryBuilder};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("down")]
    Down,
    #[error("forbidden")]
    Forbidden,
}

/// Waits of exactly one second, no budget: what most cases want.
fn plain(tries: u32) -> RetryBuilder {
    Retry::builder("test")
        .max_tries(tries)
        .backoff(Backoff::constant(SECOND).jitter(Jitter::None))
        .without_budget()
}

#[derive(Debug, Clone, Default)]
struct Counter(Arc<AtomicU32>);

impl Counter {
    fn add(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
    fn get(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
    /// Counts one more while it lives.
    fn live(&self) -> Live {
        self.add();
        Live(self.clone())
    }
}

struct Live(Counter);
impl Drop for Live {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Fails with `Down` so many times, then answers with the number of the try.
fn flaky(failures: u32) -> (Counter, impl FnMut() -> std::future::Ready<Result<u32, Fault>>) {
    let tries = Counter::default();
    let counted = tries.clone();
    (tries, move || {
        let tried = counted.add();
        std::future::ready(if tried <= failures { Err(Fault::Down) } else { Ok(tried) })
    })
}

/// Works for a second and stops only where its task's budget is used up: what is polled after it is told to wait.
pub(crate) async fn greedy() -> Result<(), Fault> {
    let begun = tokio::time::Instant::now();
    // Another task moves the clock.
    tokio::spawn(async {
        for _ in 0..200 {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
    });
    let places = tokio::sync::Semaphore::new(1);
    while begun.elapsed() < SECOND {
        drop(places.acquire().await);
    }
    Ok(())
}
