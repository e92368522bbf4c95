//! Policies in a row: which orders are allowed, who learns what, and that nothing is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod any;
mod composition;
mod drops;
mod explain;
mod layer;
mod order;
mod overload;
mod time;
mod told;
mod writes;

use healthcare_resilience::{
    Backoff, Bulkhead, CircuitBreaker, Class, Hedge, Jitter, Quota, RateLimit, Retry, RetryBudget,
};
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

pub(crate) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How the laboratory fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("the laboratory is closed")]
    Closed,
    #[error("no such patient")]
    Unknown,
}

pub(crate) type Answer = Result<u8, Trouble>;

/// `Unknown` is the caller's mistake.
pub(crate) fn by_trouble(result: Result<&u8, &Trouble>) -> Class {
    match result {
        Ok(_) => Class::Success,
        Err(Trouble::Closed) => Class::Transient,
        Err(Trouble::Unknown) => Class::Ignored,
    }
}

/// What is called. Answers as it was told, in turn, and then with the last answer for ever.
#[derive(Debug, Clone, Default)]
pub(crate) struct Laboratory {
    script: Arc<Mutex<VecDeque<(Duration, Answer)>>>,
    made: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    live: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

struct Live(Laboratory);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Laboratory {
    pub(crate) fn new(script: &[(Duration, Answer)]) -> Self {
        let laboratory = Self::default();
        laboratory.script.lock().unwrap().extend(script);
        laboratory
    }

    /// Answers at once.
    pub(crate) fn answering(answers: &[Answer]) -> Self {
        let script: Vec<_> = answers.iter().map(|answer| (Duration::ZERO, *answer)).collect();
        Self::new(&script)
    }

    pub(crate) fn call(&self) -> impl Future<Output = Answer> + Send + use<> {
        let (takes, answer) = {
            let mut script = self.script.lock().unwrap();
            let next = *script.front().unwrap();
            if script.len() > 1 {
                script.pop_front();
            }
            next
        };
        self.made.fetch_add(1, Ordering::SeqCst);
        let laboratory = self.clone();
        async move {
            let now = laboratory.live.fetch_add(1, Ordering::SeqCst) + 1;
            laboratory.peak.fetch_max(now, Ordering::SeqCst);
            let live = Live(laboratory);
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            live.0.ended.fetch_add(1, Ordering::SeqCst);
            answer
        }
    }

    /// Calls made.
    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
    /// Calls that came to an answer.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::SeqCst)
    }
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A token for every call, none besides.
pub(crate) fn budget() -> RetryBudget {
    RetryBudget::builder("laboratory").ratio(1.0).floor_per_second(0).build().unwrap()
}

/// Waits of 100 ms between tries.
pub(crate) fn retry(max_tries: u32) -> Retry {
    let backoff = Backoff::constant(ms(100)).jitter(Jitter::None);
    let builder = Retry::builder("laboratory").max_tries(max_tries).backoff(backoff);
    builder.without_budget().build().unwrap()
}

/// Opens at `failures` failures in a row, for ten seconds, with one probe.
pub(crate) fn breaker(failures: u32) -> CircuitBreaker {
    let builder = CircuitBreaker::builder("laboratory").consecutive(failures).probes(1);
    builder.open_for(Duration::from_secs(10)).open_jitter(0.0).build().unwrap()
}

/// Counts the last hundred calls and never opens.
pub(crate) fn counter() -> CircuitBreaker {
    let builder = CircuitBreaker::builder("laboratory").count_window(100).min_calls(100);
    builder.failure_rate(1.0).build().unwrap()
}

pub(crate) fn bulkhead(max_calls: usize, max_waiting: usize) -> Bulkhead {
    let builder = Bulkhead::builder("laboratory").max_calls(max_calls).max_waiting(max_waiting);
    let builder = if max_waiting == 0 { builder } else { builder.max_wait(Duration::from_secs(60)) };
    builder.build().unwrap()
}

pub(crate) fn rate(permits: u32) -> RateLimit {
    RateLimit::builder("laboratory").quota(Quota::per_hour(permits)).build().unwrap()
}

pub(crate) fn hedge(after: Duration) -> Hedge {
    Hedge::builder("laboratory").after(after).budget(budget()).build().unwrap()
}
