use super::event;
use crate::{Counts, EventBus, Handler, HandlerError, SubscribeError, Subscribed, Subscription};
use async_trait::async_trait;
use futures_util::future::join_all;
use healthcare_core::{ClinicId, DomainEvent};
use healthcare_resilience::time_out;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// How long a bus may take to deliver. Never waited for when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs every case, each on a bus of its own. Needs a tokio runtime with time.
///
/// # Panics
/// When the bus breaks its contract.
pub async fn bus_contract<B: EventBus>(make: impl AsyncFn() -> B) {
    every_subscriber_gets_what_it_wants_in_order(&make().await).await;
    one_that_fails_gets_it_again_and_others_do_not_notice(&make().await).await;
    a_panic_is_a_failure(&make().await).await;
    a_handler_that_takes_too_long_is_a_failure(&make().await).await;
    best_effort_holds_up_nobody_and_is_told_what_it_missed(&make().await).await;
    nothing_comes_after_the_subscription_ended(&make().await).await;
    events_come_one_at_a_time_from_many_publishers(&make().await).await;
    names_and_limits_are_checked(&make().await).await;
    dropped_futures_leave_it_usable(&make().await).await;
}

/// Remembers what it saw; fails, panics or hangs as often as it is told to; waits at its gate.
struct Recorder {
    seen: Mutex<Vec<Uuid>>,
    failures: AtomicUsize,
    how: Trouble,
    gate: Semaphore,
    inside: AtomicUsize,
    together: AtomicUsize,
    told: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Error,
    Panic,
    Hang,
}

impl Recorder {
    fn new(failures: usize, how: Trouble, gate: usize) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::default(),
            failures: failures.into(),
            how,
            gate: Semaphore::new(gate),
            inside: 0.into(),
            together: 0.into(),
            told: 0.into(),
        })
    }

    fn good() -> Arc<Self> {
        Self::new(0, Trouble::Error, Semaphore::MAX_PERMITS)
    }

    fn seen(&self) -> Vec<Uuid> {
        self.seen.lock().unwrap().clone()
    }

    async fn has(&self, ids: &[Uuid]) {
        eventually(|| ids.iter().all(|id| self.seen().contains(id))).await;
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, event: &DomainEvent) -> Result<(), HandlerError> {
        self.gate.acquire().await.unwrap().forget();
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.together.fetch_max(inside, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
        let must_fail =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match (must_fail, self.how) {
            (Err(_), _) => {
                self.seen.lock().unwrap().push(event.id);
                Ok(())
            }
            (Ok(_), Trouble::Error) => Err(HandlerError::because("told to fail")),
            (Ok(_), Trouble::Panic) => panic!("told to panic"),
            (Ok(_), Trouble::Hang) => std::future::pending().await,
        }
    }

    async fn missed(&self, events: u64) {
        self.told.fetch_add(events, Ordering::SeqCst);
    }
}

async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    time_out(PATIENCE, waiting).await.expect("it never came");
}

async fn subscribed(bus: &impl EventBus, subscription: Subscription, handler: &Arc<Recorder>) -> Subscribed {
    bus.subscribe(subscription, Arc::clone(handler) as Arc<dyn Handler>)
        .await
        .expect("the bus takes a subscriber")
}

fn sample(kind: &str) -> Arc<DomainEvent> {
    Arc::new(event(ClinicId::random(), kind, Uuid::now_v7(), 1))
}

/// As a relay does: again until it is said to be delivered.
async fn published(bus: &impl EventBus, event: &Arc<DomainEvent>) {
    let publishing = async {
        while bus.publish(Arc::clone(event)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    time_out(PATIENCE, publishing).await.expect("it is never delivered");
}

async fn every_subscriber_gets_what_it_wants_in_order(bus: &impl EventBus) {
    let (all, booked, screen) = (Recorder::good(), Recorder::good(), Recorder::good());
    let _all = subscribed(bus, Subscription::acknowledged("all"), &all).await;
    let _booked = subscribed(bus, Subscription::acknowledged("booked").kind("sample.booked"), &booked).await;
    let _screen =
        subscribed(bus, Subscription::best_effort("screen").kind("sample.*").queue(1_000), &screen).await;
    let events: Vec<_> =
        (0..60).map(|n| sample(["sample.booked", "sample.cancelled", "other.booked"][n % 3])).collect();
    for event in &events {
        published(bus, event).await;
    }
    let ids = |wanted: &dyn Fn(&str) -> bool| -> Vec<Uuid> {
        events.iter().filter(|event| wanted(&event.kind)).map(|event| event.id).collect()
    };
    for (recorder, ids) in [
        (&all, ids(&|_| true)),
        (&booked, ids(&|kind| kind == "sample.booked")),
        (&screen, ids(&|kind| kind.starts_with("sample."))),
    ] {
        recorder.has(&ids).await;
        assert_eq!(recorder.seen(), ids, "not what was wanted, not in order, or more than once without need");
    }
}

async fn trouble(bus: &impl EventBus, how: Trouble) -> Counts {
    let (bad, good) = (Recorder::new(3, how, Semaphore::MAX_PERMITS), Recorder::good());
    let limit = if how == Trouble::Hang { Duration::from_millis(20) } else { PATIENCE };
    let bad_one = subscribed(bus, Subscription::acknowledged("bad").limit(limit), &bad).await;
    let _good = subscribed(bus, Subscription::acknowledged("good"), &good).await;
    let (first, second) = (sample("sample.first"), sample("sample.second"));
    let _ = bus.publish(Arc::clone(&first)).await;
    good.has(&[first.id]).await;
    published(bus, &first).await;
    published(bus, &second).await;
    bad.has(&[first.id, second.id]).await;
    good.has(&[second.id]).await;
    bad_one.counts()
}

async fn one_that_fails_gets_it_again_and_others_do_not_notice(bus: &impl EventBus) {
    let counts = trouble(bus, Trouble::Error).await;
    assert_eq!((counts.handled, counts.failed, counts.missed), (2, 3, 0));
}

async fn a_panic_is_a_failure(bus: &impl EventBus) {
    let counts = trouble(bus, Trouble::Panic).await;
    assert_eq!((counts.handled, counts.failed, counts.missed), (2, 3, 0));
}

async fn a_handler_that_takes_too_long_is_a_failure(bus: &impl EventBus) {
    let counts = trouble(bus, Trouble::Hang).await;
    assert!(counts.handled == 2 && counts.failed >= 3, "{counts:?}");
}

async fn best_effort_holds_up_nobody_and_is_told_what_it_missed(bus: &impl EventBus) {
    let (slow, good) = (Recorder::new(0, Trouble::Error, 0), Recorder::good());
    let slow_one = subscribed(bus, Subscription::best_effort("slow").queue(2).limit(PATIENCE), &slow).await;
    let _good = subscribed(bus, Subscription::acknowledged("good"), &good).await;
    let events: Vec<_> = (0..50).map(|_| sample("sample.done")).collect();
    for event in &events {
        time_out(PATIENCE, bus.publish(Arc::clone(event)))
            .await
            .expect("held up")
            .expect("failed by one who is behind");
    }
    assert_eq!(good.seen().len(), 50);
    slow.gate.add_permits(1_000);
    eventually(|| slow_one.counts().handled + slow_one.counts().missed == 50).await;
    assert!(slow_one.counts().missed > 0, "fifty events went into a queue of two");
    eventually(|| slow.told.load(Ordering::SeqCst) == slow_one.counts().missed).await;
}

async fn nothing_comes_after_the_subscription_ended(bus: &impl EventBus) {
    let (leaving, staying) = (Recorder::good(), Recorder::good());
    let left = subscribed(bus, Subscription::acknowledged("leaving"), &leaving).await;
    let _staying = subscribed(bus, Subscription::acknowledged("staying"), &staying).await;
    let (before, after) = (sample("sample.before"), sample("sample.after"));
    published(bus, &before).await;
    leaving.has(&[before.id]).await;
    drop(left);
    published(bus, &after).await;
    staying.has(&[after.id]).await;
    assert_eq!(leaving.seen(), [before.id]);
    // The name is free again.
    let _again = subscribed(bus, Subscription::acknowledged("leaving"), &leaving).await;
}

async fn events_come_one_at_a_time_from_many_publishers(bus: &impl EventBus) {
    let recorder = Recorder::good();
    let _recorder = subscribed(bus, Subscription::acknowledged("recorder"), &recorder).await;
    let publishers: Vec<Vec<_>> = (0..8).map(|_| (0..50).map(|_| sample("sample.done")).collect()).collect();
    join_all(publishers.iter().map(|events| async move {
        for event in events {
            published(bus, event).await;
        }
    }))
    .await;
    for events in &publishers {
        let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
        recorder.has(&ids).await;
        let mut seen = recorder.seen();
        seen.retain(|id| ids.contains(id));
        seen.dedup();
        assert_eq!(seen, ids, "one publisher's events came in another order");
    }
    assert_eq!(recorder.together.load(Ordering::SeqCst), 1, "two events were handled together");
}

async fn names_and_limits_are_checked(bus: &impl EventBus) {
    let handler: Arc<dyn Handler> = Recorder::good();
    let _one =
        bus.subscribe(Subscription::acknowledged("one"), Arc::clone(&handler)).await.expect("the first");
    let refused = |subscription: Subscription| bus.subscribe(subscription, Arc::clone(&handler));
    let taken = refused(Subscription::best_effort("one")).await;
    assert!(matches!(taken, Err(SubscribeError::NameTaken("one"))), "{taken:?}");
    for queue in [0, usize::MAX] {
        let sized = refused(Subscription::acknowledged("two").queue(queue)).await;
        assert!(matches!(sized, Err(SubscribeError::Queue { name: "two", .. })), "{sized:?}");
    }
    let hasty = refused(Subscription::acknowledged("two").limit(Duration::ZERO)).await;
    assert!(matches!(hasty, Err(SubscribeError::NoTime("two"))), "{hasty:?}");
}

async fn dropped_futures_leave_it_usable(bus: &impl EventBus) {
    let recorder = Recorder::good();
    let _recorder = subscribed(bus, Subscription::acknowledged("recorder"), &recorder).await;
    for polls in 0..4 {
        let mut publishing = pin!(bus.publish(sample("sample.dropped")));
        for _ in 0..polls {
            if publishing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
        }
    }
    drop(bus.subscribe(Subscription::acknowledged("never"), Recorder::good()));
    let event = sample("sample.done");
    published(bus, &event).await;
    recorder.has(&[event.id]).await;
}
