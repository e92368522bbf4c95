//! What the in-process bus promises beyond the contract of buses.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use async_trait::async_trait;
use healthcare_core::{ClinicId, DomainEvent, MemoryAudit, OutboxMessage};
use healthcare_messaging::{
    EventBus as _, Handler, HandlerError, InProcessBus, MemoryOutbox, PublishError, Relay, SubscribeError,
    Subscription, Undelivered, Why, testing::event,
};
use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Handles when its gate opens; fails while told to.
struct Gated {
    gate: Semaphore,
    fails: AtomicBool,
    seen: Mutex<Vec<Uuid>>,
    begun: AtomicUsize,
}

impl Gated {
    fn new(open: usize) -> Arc<Self> {
        Arc::new(Self {
            gate: Semaphore::new(open),
            fails: false.into(),
            seen: Mutex::default(),
            begun: 0.into(),
        })
    }
    fn seen(&self) -> Vec<Uuid> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Handler for Gated {
    async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if self.fails.load(Ordering::SeqCst) {
            return Err(HandlerError::because("told to fail"));
        }
        self.seen.lock().unwrap().push(event.id);
        Ok(())
    }
}

fn sample() -> Arc<DomainEvent> {
    Arc::new(event(ClinicId::random(), "sample.done", Uuid::now_v7(), 1))
}

fn undelivered(result: Result<(), PublishError>) -> Vec<Undelivered> {
    match result {
        Err(PublishError::Undelivered(list)) => list,
        other => panic!("{other:?}"),
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_publish_is_over_when_it_is_handled() {
    let (bus, slow) = (InProcessBus::new(), Gated::new(0));
    let _slow = bus.subscribe(Subscription::acknowledged("slow"), slow.clone()).await.unwrap();
    let publishing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(sample()).await }
    });
    until(|| slow.begun.load(Ordering::SeqCst) == 1).await;
    assert!(!publishing.is_finished());
    slow.gate.add_permits(1);
    publishing.await.unwrap().unwrap();
}

#[tokio::test]
async fn published_again_it_goes_only_to_who_has_not_had_it() {
    let (bus, good, bad) = (InProcessBus::new(), Gated::new(1_000), Gated::new(1_000));
    let _good = bus.subscribe(Subscription::acknowledged("good"), good.clone()).await.unwrap();
    let _bad = bus.subscribe(Subscription::acknowledged("bad"), bad.clone()).await.unwrap();
    bad.fails.store(true, Ordering::SeqCst);
    let event = sample();
    for _ in 0..3 {
        let failed = undelivered(bus.publish(event.clone()).await);
        assert_eq!(failed, [Undelivered::new("bad", Why::Failed)]);
    }
    bad.fails.store(false, Ordering::SeqCst);
    bus.publish(event.clone()).await.unwrap();
    assert_eq!((good.seen(), bad.seen()), (vec![event.id], vec![event.id]));
    // Everybody has had it, so it is no longer remembered: who publishes it anew means it.
    bus.publish(event.clone()).await.unwrap();
    assert_eq!(good.seen(), [event.id, event.id]);
}

#[tokio::test(start_paused = true)]
async fn the_error_names_who_does_not_have_it_and_why() {
    struct Panics;
    #[async_trait]
    impl Handler for Panics {
        async fn handle(&self, _: &DomainEvent) -> Result<(), HandlerError> {
            panic!("a bug")
        }
    }
    let (bus, behind, slow) = (InProcessBus::new(), Gated::new(0), Gated::new(0));
    let limit = Duration::from_secs(1);
    let _behind = bus
        .subscribe(Subscription::acknowledged("behind").queue(1).limit(limit * 10), behind.clone())
        .await
        .unwrap();
    // One is being handled and one waits: there is no room for a third.
    let [mut first, mut second] = [Box::pin(bus.publish(sample())), Box::pin(bus.publish(sample()))];
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    until(|| behind.begun.load(Ordering::SeqCst) == 1).await;
    assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let _slow = bus.subscribe(Subscription::acknowledged("slow").limit(limit), slow.clone()).await.unwrap();
    let _panics = bus.subscribe(Subscription::acknowledged("panics"), Arc::new(Panics)).await.unwrap();
    let error = bus.publish(sample()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not delivered to behind (is behind), slow (took too long), panics (panicked): publish it again"
    );
}

#[tokio::test]
async fn who_unsubscribes_meanwhile_is_gone_and_stays_so() {
    let (bus, slow) = (InProcessBus::new(), Gated::new(0));
    let subscribed = bus.subscribe(Subscription::acknowledged("slow"), slow.clone()).await.unwrap();
    let event = sample();
    let [one, two] = [sample(), event.clone()].map(|event| {
        tokio::spawn({
            let bus = bus.clone();
            async move { bus.publish(event).await }
        })
    });
    until(|| slow.begun.load(Ordering::SeqCst) == 1).await;
    assert_eq!(bus.subscribers(), ["slow"]);
    drop(subscribed);
    slow.gate.add_permits(10);
    // The one being handled is finished, the one that waited is not begun.
    one.await.unwrap().unwrap();
    assert_eq!(undelivered(two.await.unwrap()), [Undelivered::new("slow", Why::Gone)]);
    assert_eq!(slow.begun.load(Ordering::SeqCst), 1);
    bus.publish(event).await.unwrap();
    assert!(bus.subscribers().is_empty());
}

#[tokio::test]
async fn a_subscription_outlives_neither_bus_nor_breaks_without_it() {
    let (bus, handler) = (InProcessBus::new(), Gated::new(1_000));
    let subscribed = bus.subscribe(Subscription::acknowledged("one"), handler.clone()).await.unwrap();
    bus.publish(sample()).await.unwrap();
    drop(bus);
    // The task ends with the bus and lets go of the handler.
    until(|| Arc::strong_count(&handler) == 1).await;
    assert_eq!(subscribed.counts().handled, 1);
    drop(subscribed);
}

#[tokio::test]
async fn there_is_an_end_to_subscribers() {
    let (bus, handler) = (InProcessBus::new(), Gated::new(0));
    let mut held = Vec::new();
    for n in 0..256 {
        let name: &'static str = Box::leak(format!("subscriber {n}").into_boxed_str());
        held.push(bus.subscribe(Subscription::acknowledged(name), handler.clone()).await.unwrap());
    }
    let refused = bus.subscribe(Subscription::acknowledged("one more"), handler).await;
    assert!(matches!(refused, Err(SubscribeError::TooMany { max: 256 })));
}

#[tokio::test]
async fn with_an_outbox_a_handler_that_fails_for_a_while_gets_every_event_once() {
    let (bus, outbox, bad) = (InProcessBus::new(), MemoryOutbox::new(), Gated::new(1_000));
    let good = Gated::new(1_000);
    let _bad = bus.subscribe(Subscription::acknowledged("bad"), bad.clone()).await.unwrap();
    let _good = bus.subscribe(Subscription::acknowledged("good"), good.clone()).await.unwrap();
    let clock = Arc::new(healthcare_core::ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let relay = Relay::builder(Arc::new(outbox.clone()), Arc::new(bus), Arc::new(MemoryAudit::default()))
        .clock(clock.clone())
        .build()
        .unwrap();
    let aggregate = Uuid::now_v7();
    let events: Vec<_> =
        (1..=5).map(|version| event(ClinicId::random(), "sample.done", aggregate, version)).collect();
    outbox.append(events.iter().cloned().map(OutboxMessage::Event));
    bad.fails.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        relay.pass().await.unwrap();
        clock.advance(Duration::from_secs(60));
    }
    bad.fails.store(false, Ordering::SeqCst);
    while !outbox.is_empty() {
        relay.pass().await.unwrap();
        clock.advance(Duration::from_secs(60));
    }
    let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
    assert_eq!((bad.seen(), good.seen()), (ids.clone(), ids));
}
