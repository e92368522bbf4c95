use healthcare_resilience::{
    AdaptiveLimit, Aimd, Class, Component, Condition, Dimmer, Health, HealthConfigError, KeyedRateLimit,
    Priority, Quota, RateLimit, RetryBudget, Shedder, State, Throttle, Unhealthy, WarmUp,
};
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

const SECOND: Duration = Duration::from_secs(1);

/// A component of the host's own.
struct Queue(Arc<AtomicUsize>);
impl Component for Queue {
    fn kind(&self) -> &'static str {
        "queue"
    }
    fn name(&self) -> &'static str {
        "letters"
    }
    fn condition(&self) -> Condition {
        let waiting = self.0.load(Ordering::SeqCst);
        let condition = if waiting < 100 { Condition::up("short") } else { Condition::degraded("long") };
        condition.reading("waiting", waiting as f64)
    }
}

#[tokio::test(start_paused = true)]
async fn a_component_is_looked_at_each_time_and_degrades() {
    let waiting = Arc::new(AtomicUsize::new(3));
    let health = Health::builder()
        .required("database", SECOND, || ready(Ok(())))
        .component(Queue(waiting.clone()))
        .build()
        .unwrap();
    let report = health.readiness().await;
    assert_eq!((report.state, report.components[0].condition.word), (State::Up, "short"));
    assert_eq!(report.components[0].condition.readings, [("waiting", 3.0)]);
    waiting.store(100, Ordering::SeqCst);
    let report = health.readiness().await;
    assert_eq!((report.state, report.components[0].condition.word), (State::Degraded, "long"));
    assert!(report.is_ready());
}

#[tokio::test(start_paused = true)]
async fn no_component_takes_the_program_out_of_service() {
    let down = || {
        let mut condition = Condition::degraded("gone");
        condition.state = State::Down;
        condition
    };
    let health = Health::builder().watch("store", "letters", down).build().unwrap();
    let report = health.readiness().await;
    assert_eq!((report.state, report.components[0].condition.state), (State::Degraded, State::Down));
    // A required check does.
    let health = Health::builder()
        .required("database", SECOND, || ready(Err(Unhealthy::because("away"))))
        .watch("store", "letters", || Condition::up("there"))
        .build()
        .unwrap();
    assert_eq!(health.readiness().await.state, State::Down);
}

#[tokio::test(start_paused = true)]
async fn a_component_that_panics_is_degraded() {
    let health = Health::builder().watch("store", "letters", || panic!("a bug")).build().unwrap();
    let report = health.readiness().await;
    assert_eq!((report.state, report.components[0].condition.word), (State::Degraded, "panicked"));
}

#[test]
fn components_that_make_no_sense_are_not_built() {
    let fine = || Condition::up("fine");
    let two = Health::builder().watch("store", "letters", fine).watch("queue", "letters", fine).build();
    assert!(two.is_ok(), "two kinds may share a name");
    let taken = Health::builder().watch("store", "letters", fine).watch("store", "letters", fine).build();
    assert_eq!(taken.unwrap_err(), HealthConfigError::ComponentTaken { kind: "store", name: "letters" });
    let names: Vec<&'static str> = (0..257).map(|n| &*Box::leak(n.to_string().into_boxed_str())).collect();
    let many = names.iter().fold(Health::builder(), |builder, name| builder.watch("store", name, fine));
    assert_eq!(many.build().unwrap_err(), HealthConfigError::TooManyComponents { max: 256 });
}

#[tokio::test(start_paused = true)]
async fn what_sheds_load_tells_how_much() {
    let limit = AdaptiveLimit::builder("beds").algorithm(Aimd::default()).initial(1).max(1).build().unwrap();
    assert_eq!((limit.kind(), limit.condition().word), ("adaptive_limit", "room"));
    let _held = limit.try_acquire().unwrap();
    assert_eq!(limit.condition(), Condition::up("full").reading("in_flight", 1.0).reading("limit", 1.0));

    let warm_up = WarmUp::builder("beds").calls(5, 50).over(60 * SECOND).build().unwrap();
    assert_eq!(warm_up.condition(), Condition::up("warming_up").reading("limit", 5.0));
    tokio::time::advance(61 * SECOND).await;
    assert_eq!(warm_up.condition(), Condition::up("warm"));

    let shedder = Shedder::builder("beds").max_calls(4).build().unwrap();
    let tells = |condition: Condition, in_flight: f64| {
        let condition = condition.reading("in_flight", in_flight).reading("limit", 4.0);
        condition.reading("background", 1.0).reading("normal", 2.0).reading("clinical", 3.0)
    };
    assert_eq!((shedder.kind(), shedder.condition()), ("shedder", tells(Condition::up("room"), 0.0)));
    let mut held = vec![shedder.try_acquire(Priority::Normal).unwrap()];
    assert_eq!(shedder.condition(), tells(Condition::up("shedding"), 1.0));
    held.extend((0..3).map(|_| shedder.try_acquire(Priority::Emergency).unwrap()));
    assert_eq!(shedder.condition(), tells(Condition::degraded("full"), 4.0));

    let throttle = Throttle::builder("beds").seed(7).build().unwrap();
    assert_eq!(throttle.condition(), Condition::up("sending").reading("chance", 0.0));
    for _ in 0..500 {
        if let Ok(permit) = throttle.try_acquire() {
            permit.record(Class::Busy { retry_after: None });
        }
    }
    assert_eq!((throttle.condition().state, throttle.condition().word), (State::Degraded, "throttling"));

    let dimmer = Dimmer::builder("beds").target(SECOND / 10).build().unwrap();
    assert_eq!(dimmer.condition(), Condition::up("bright").reading("level", 1.0));
    for _ in 0..100 {
        for _ in 0..50 {
            dimmer.record(SECOND);
        }
        tokio::time::advance(10 * SECOND).await;
    }
    assert_eq!((dimmer.condition().state, dimmer.condition().word), (State::Degraded, "dimmed"));
}

#[tokio::test(start_paused = true)]
async fn what_limits_a_rate_tells_what_is_left() {
    let limit = RateLimit::builder("beds").quota(Quota::per_second(2)).max_waiting(1).max_wait(SECOND);
    let limit = limit.build().unwrap();
    let said = |word, remaining, waiting| {
        Condition::up(word).reading("remaining", remaining).reading("waiting", waiting)
    };
    assert_eq!((limit.kind(), Component::name(&limit)), ("rate_limit", "beds"));
    assert_eq!(limit.condition(), said("room", 2.0, 0.0));
    limit.try_acquire_many(2).unwrap();
    assert_eq!(limit.condition(), said("spent", 0.0, 0.0));
    let waiting = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire_many(2).await }
    });
    tokio::task::yield_now().await;
    tokio::time::advance(SECOND / 2).await;
    // One is back, for who waits.
    assert_eq!(limit.condition(), said("queueing", 0.0, 1.0));
    waiting.await.unwrap().unwrap();
    tokio::time::advance(SECOND).await;
    assert_eq!(limit.condition(), said("room", 2.0, 0.0));

    let keyed = KeyedRateLimit::builder("users").quota(Quota::per_second(2)).max_keys(2).build().unwrap();
    let said = |word, keys| Condition::up(word).reading("keys", keys).reading("max_keys", 2.0);
    keyed.try_acquire(&1).unwrap();
    assert_eq!((keyed.kind(), keyed.condition()), ("keyed_rate_limit", said("room", 1.0)));
    keyed.try_acquire(&2).unwrap();
    assert_eq!(keyed.condition(), said("full", 2.0));

    let budget = RetryBudget::builder("retries").ratio(1.0).build().unwrap();
    assert_eq!(budget.condition(), Condition::up("floor").reading("balance", 0.0));
    budget.record_call();
    assert_eq!(
        (budget.kind(), budget.condition()),
        ("retry_budget", Condition::up("saved").reading("balance", 1.0))
    );
}
