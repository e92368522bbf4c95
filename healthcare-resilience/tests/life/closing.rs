use healthcare_resilience::{ClosingState, Shutdown};
use std::{
    future::{Future, pending},
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

type Log = Arc<Mutex<Vec<String>>>;

fn shutdown() -> Shutdown {
    Shutdown::builder().notice(SECOND).stage("http", 20 * SECOND).build().unwrap()
}

fn closes(shutdown: &Shutdown, name: &'static str, takes: Duration, log: &Log) {
    let log = log.clone();
    let work = async move {
        log.lock().unwrap().push(format!("{name} begins"));
        sleep(takes).await;
        log.lock().unwrap().push(format!("{name} ends"));
    };
    shutdown.close(name, 5 * SECOND, work).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_opened_last_is_closed_first_after_the_last_stage() {
    let (shutdown, log) = (shutdown(), Log::default());
    closes(&shutdown, "database", SECOND, &log);
    closes(&shutdown, "audit log", 2 * SECOND, &log);
    let http = shutdown.stage("http").unwrap();
    http.spawn("request", {
        let log = log.clone();
        async move {
            sleep(3 * SECOND).await;
            log.lock().unwrap().push("request ends".to_owned());
        }
    })
    .unwrap();
    shutdown.begin();
    let report = shutdown.drain().await;
    assert_eq!(
        *log.lock().unwrap(),
        ["request ends", "audit log begins", "audit log ends", "database begins", "database ends"]
    );
    assert!(report.is_clean());
    assert_eq!(report.took, 6 * SECOND);
    assert_eq!(report.to_string(), "http: 1 finished in 2s\naudit log: closed in 2s\ndatabase: closed in 1s");
    assert!(shutdown.close("late", SECOND, async {}).is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_late_or_panics_is_reported_and_the_next_still_closed() {
    let (shutdown, log) = (shutdown(), Log::default());
    closes(&shutdown, "database", SECOND, &log);
    shutdown.close("bug", SECOND, async { panic!("a bug") }).unwrap();
    closes(&shutdown, "audit log", 60 * SECOND, &log);
    shutdown.begin();
    let report = shutdown.drain().await;
    let states: Vec<_> = report.closings.iter().map(|it| (it.name, it.state, it.took)).collect();
    assert_eq!(
        states,
        [
            ("audit log", ClosingState::Late, 5 * SECOND),
            ("bug", ClosingState::Panicked, Duration::ZERO),
            ("database", ClosingState::Closed, SECOND)
        ]
    );
    assert!(!report.is_clean());
    assert!(report.to_string().contains("audit log: not closed after 5s\nbug: panicked while closing"));
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_leaves_half_a_second_for_each_closing() {
    let (shutdown, log) = (shutdown(), Log::default());
    shutdown.close("quick", 5 * SECOND, async { sleep(SECOND / 4).await }).unwrap();
    closes(&shutdown, "slow", 4 * SECOND, &log);
    shutdown.begin();
    shutdown.cut_off();
    let report = shutdown.drain().await;
    let states: Vec<_> = report.closings.iter().map(|it| (it.name, it.state)).collect();
    assert_eq!(states, [("slow", ClosingState::Late), ("quick", ClosingState::Closed)]);
    assert_eq!(report.took, SECOND / 2 + SECOND / 4);
}

#[tokio::test(start_paused = true)]
async fn a_hurry_that_comes_while_closing_shortens_it() {
    let shutdown = shutdown();
    shutdown.close("slow", 50 * SECOND, pending()).unwrap();
    shutdown.begin();
    let draining = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drain().await }
    });
    sleep(3 * SECOND).await;
    shutdown.cut_off();
    assert_eq!(draining.await.unwrap().took, 3 * SECOND + SECOND / 2);
}

#[tokio::test(start_paused = true)]
async fn a_drain_dropped_while_closing_is_taken_up_again_and_nothing_is_closed_twice() {
    let (shutdown, log) = (shutdown(), Log::default());
    closes(&shutdown, "database", 2 * SECOND, &log);
    closes(&shutdown, "audit log", 60 * SECOND, &log);
    shutdown.begin();
    let begun = Instant::now();
    for _ in 0..200 {
        let mut draining = Box::pin(shutdown.drain());
        if draining.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            assert_eq!(begun.elapsed(), 8 * SECOND, "the deadlines started again with each call");
            assert_eq!(*log.lock().unwrap(), ["audit log begins", "database begins", "database ends"]);
            return;
        }
        drop(draining);
        sleep(SECOND / 4).await;
    }
    panic!("it never ended");
}

#[tokio::test(start_paused = true)]
async fn two_drains_close_once() {
    let (shutdown, log) = (shutdown(), Log::default());
    closes(&shutdown, "database", SECOND, &log);
    shutdown.begin();
    let (one, two) = tokio::join!(shutdown.drain(), shutdown.drain());
    assert_eq!((one.closings.len(), &one.closings), (1, &two.closings));
    assert_eq!(*log.lock().unwrap(), ["database begins", "database ends"]);
}
