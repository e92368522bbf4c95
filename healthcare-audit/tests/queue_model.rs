//! The queue under every order in which its threads can meet (loom). The file checked is the one that is used.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code
)]

mod sync {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
}

#[path = "../src/log/queue.rs"]
mod queue;

use healthcare_core::{NotDurable, Receipt};
use loom::{sync::Arc, thread};
use queue::{Limits, Pending, Queue};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use uuid::Uuid;

fn queue(events: usize) -> Arc<Queue> {
    Arc::new(Queue::new(Limits { events, bytes: 1 << 20 }))
}

/// Submits as the log does: what is not taken is answered at once.
fn submit(queue: &Queue, number: u32) -> Receipt {
    let (acknowledge, receipt) = Receipt::pending();
    let (clinic, correlation) = (Uuid::nil(), Uuid::nil());
    let body = vec![0; 10];
    let pending =
        Pending { clinic, correlation, number, emergency: false, body, fingerprint: [0; 16], acknowledge };
    if let Err(rejected) = queue.push(pending) {
        let (pending, reason) = *rejected;
        pending.acknowledge.answer(Err(reason));
    }
    receipt
}

/// Writes as the engine does, until the queue is closed and empty or `failing` batches are reached.
fn write(queue: &Queue, failing: usize) -> Vec<u32> {
    let (mut written, mut batches) = (Vec::new(), 0);
    while let Some(drained) = queue.drain(1 << 20) {
        batches += 1;
        if batches == failing {
            for event in drained.events.into_iter().chain(queue.fail()) {
                event.acknowledge.answer(Err(NotDurable::Failed));
            }
            break;
        }
        for event in drained.events {
            written.push(event.number);
            event.acknowledge.answer(Ok(()));
        }
    }
    written
}

/// Every order with at most two forced switches between threads; every order at all in the deep tier (minutes).
fn explore(story: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = std::env::var_os("HEALTHCARE_TEST_DEEP").is_none().then_some(2);
    model.check(story);
}

fn answer(mut receipt: Receipt) -> Result<(), NotDurable> {
    match Pin::new(&mut receipt).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("somebody waits for ever"),
    }
}

#[test]
fn whoever_was_let_in_is_written_and_nobody_waits_for_ever() {
    explore(|| {
        let queue = queue(10);
        let writer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || write(&queue, usize::MAX)
        });
        let producer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || (submit(&queue, 1), submit(&queue, 2))
        });
        let third = submit(&queue, 3);
        queue.close();
        let (first, second) = producer.join().unwrap();
        let written = writer.join().unwrap();
        for (number, receipt) in [(1, first), (2, second), (3, third)] {
            let expected = if written.contains(&number) { Ok(()) } else { Err(NotDurable::Closed) };
            assert_eq!(answer(receipt), expected, "event {number}");
        }
        assert!(written.contains(&3), "it was in before the queue was closed");
        let place = |number| written.iter().position(|one| *one == number);
        assert!(place(2).is_none() || place(1) < place(2), "a producer's order is kept");
    });
}

#[test]
fn a_writer_that_fails_tells_everybody() {
    explore(|| {
        let queue = queue(10);
        let writer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || write(&queue, 1)
        });
        let producer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || submit(&queue, 1)
        });
        let second = submit(&queue, 2);
        let first = producer.join().unwrap();
        writer.join().unwrap();
        assert_eq!((answer(first), answer(second)), (Err(NotDurable::Failed), Err(NotDurable::Failed)));
    });
}

#[test]
fn a_full_queue_refuses_at_once_and_counts() {
    explore(|| {
        let queue = queue(1);
        let producer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || submit(&queue, 1)
        });
        let second = submit(&queue, 2);
        let first = producer.join().unwrap();
        queue.close();
        let drained = queue.drain(1 << 20).unwrap();
        assert_eq!((drained.events.len(), drained.refused), (1, 1));
        for event in drained.events {
            event.acknowledge.answer(Ok(()));
        }
        let mut answers = [answer(first), answer(second)];
        answers.sort_unstable_by_key(Result::is_err);
        assert_eq!(answers, [Ok(()), Err(NotDurable::Full)]);
        assert!(queue.drain(1 << 20).is_none());
    });
}
