//! Futures dropped at every await: something is always recorded, and nothing is given.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use async_trait::async_trait;
use common::{Customer, customer_of};
use healthcare_core::{
    AccessError, Acknowledge, Action, AuditEvent, AuditSink, Boundary, Create, Guard, Id, List, MemoryStore,
    Outcome, PageRequest, Read, Reader, Receipt, TransactionView, Writer, testing::OpenPolicy,
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

/// Acknowledges one event each time it is told to, so that every receipt is awaited at least once.
#[derive(Debug, Default)]
struct SlowSink(Mutex<(Vec<AuditEvent>, Vec<Acknowledge>)>);

impl AuditSink for SlowSink {
    fn submit(&self, event: AuditEvent) -> Receipt {
        let (acknowledge, receipt) = Receipt::pending();
        let mut inner = self.0.lock().unwrap();
        inner.0.push(event);
        inner.1.push(acknowledge);
        receipt
    }
}

impl SlowSink {
    fn acknowledge(&self) {
        for acknowledge in self.0.lock().unwrap().1.drain(..) {
            acknowledge.answer(Ok(()));
        }
    }
    fn outcomes(&self, action: Action) -> Vec<Outcome> {
        self.0
            .lock()
            .unwrap()
            .0
            .iter()
            .filter(|e| e.ask.action == action)
            .map(|e| e.outcome.clone())
            .collect()
    }
}

/// Pending once, then ready: an await that a test can drop at.
#[derive(Default)]
struct Once(bool);

impl Future for Once {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

struct SlowGuard;

#[async_trait]
impl Guard for SlowGuard {
    async fn check(&self, _: &mut dyn TransactionView) -> Result<(), AccessError> {
        Once::default().await;
        Ok(())
    }
}

fn setting() -> (Boundary, Arc<SlowSink>, MemoryStore, healthcare_core::RequestContext) {
    let sink = Arc::new(SlowSink::default());
    let boundary = Boundary::builder(OpenPolicy::default(), Arc::clone(&sink)).build().unwrap();
    let store = MemoryStore::new(boundary.storage.clone());
    let role = "SEED".parse().unwrap();
    let context = boundary.system.job("test", role, healthcare_core::ClinicId::random());
    (boundary, sink, store, context)
}

/// Polls up to `polls` times, acknowledging before each, and says whether it ended.
fn poll_times(future: impl Future, sink: &SlowSink, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    (0..polls).any(|_| {
        let ended = future.as_mut().poll(&mut cx).is_ready();
        sink.acknowledge();
        ended
    })
}

async fn one(
    boundary: &Boundary,
    store: &MemoryStore,
    context: &healthcare_core::RequestContext,
    id: Id<Customer>,
) {
    let grant = boundary.gate.open(context, Read::new(id)).await.unwrap();
    Once::default().await;
    let row = store.find(&grant).await.unwrap();
    let _ = grant.release(row).await;
}

#[test]
fn a_read_dropped_anywhere_is_recorded() {
    let mut ends = 0;
    for polls in 0..12 {
        let (boundary, sink, store, context) = setting();
        let id = Id::random();
        let ended = poll_times(one(&boundary, &store, &context, id), &sink, polls);
        let outcomes = sink.outcomes(Action::Read);
        match (polls, ended) {
            (0, _) => assert!(outcomes.is_empty()),
            (_, true) => assert_eq!(outcomes, [Outcome::Allowed, Outcome::NotFound]),
            // What was under way is either abandoned or had its end submitted already.
            (_, false) => {
                let end = outcomes.last().unwrap();
                assert!(
                    outcomes.len() == 2 && matches!(end, Outcome::Abandoned | Outcome::NotFound),
                    "{outcomes:?}"
                );
            }
        }
        ends += usize::from(ended);
    }
    assert!(ends > 0, "the last tries come to the end");
}

#[test]
fn a_listing_dropped_anywhere_is_recorded() {
    for polls in 1..12 {
        let (boundary, sink, store, context) = setting();
        let listing = async {
            let grant = boundary.gate.open(&context, List::<Customer>::all()).await.unwrap();
            let rows = store.list(&grant, &PageRequest::default()).await.unwrap();
            grant.release(rows).await.map(drop)
        };
        poll_times(listing, &sink, polls);
        let outcomes = sink.outcomes(Action::List);
        assert!(
            matches!(outcomes[..], [Outcome::Allowed, Outcome::Abandoned | Outcome::Disclosed { .. }]),
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_commit_dropped_in_flight_is_unconfirmed_and_before_it_abandoned() {
    let mut seen = (false, false, false);
    for polls in 1..12 {
        let (boundary, sink, store, context) = setting();
        let id = Id::random();
        let writing = async {
            let grant = boundary.gate.open(&context, Create::new(id)).await.unwrap();
            let change = grant.fill(customer_of(id, context.clinic(), uuid::Uuid::now_v7())).await.unwrap();
            Once::default().await;
            store.commit_guarded(change, &SlowGuard).await.unwrap();
        };
        let ended = poll_times(writing, &sink, polls);
        let last = sink.outcomes(Action::Create).pop().unwrap();
        match (ended, last) {
            (true, Outcome::Allowed) => seen.2 = true,
            (false, Outcome::Unconfirmed) => seen.1 = true,
            (false, Outcome::Abandoned) => seen.0 = true,
            other => panic!("{other:?}"),
        }
        assert_eq!(store.outbox().is_empty(), !ended, "nothing half done");
    }
    assert_eq!(seen, (true, true, true), "dropped before, in flight, and ended");
}

#[tokio::test]
async fn the_record_and_the_read_run_side_by_side() {
    let (boundary, sink, store, context) = setting();
    let grant = boundary.gate.open(&context, Read::new(Id::<Customer>::random())).await.unwrap();
    // Nobody has acknowledged anything, and the read happens all the same; only the release waits.
    assert_eq!(sink.outcomes(Action::Read), [Outcome::Allowed]);
    let row = store.find(&grant).await.unwrap();
    let mut release = pin!(grant.release(row));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(release.as_mut().poll(&mut cx).is_pending());
    sink.acknowledge();
    assert!(release.as_mut().poll(&mut cx).is_pending(), "then it waits for the record of the end");
    sink.acknowledge();
    assert!(release.as_mut().poll(&mut cx).is_ready());
}
