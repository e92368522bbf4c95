use healthcare_resilience::{Shutdown, ShutdownConfigError, Stage};
use std::{
    future::{Future, pending},
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn two_stages() -> (Shutdown, Stage, Stage) {
    let shutdown = Shutdown::builder().stage("http", 20 * SECOND).stage("relay", 5 * SECOND).build().unwrap();
    let (http, relay) = (shutdown.stage("http").unwrap(), shutdown.stage("relay").unwrap());
    (shutdown, http, relay)
}

/// Writes its name into the log when dropped.
struct Held(&'static str, Arc<Mutex<Vec<&'static str>>>);
impl Drop for Held {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn a_shutdown_that_makes_no_sense_is_not_built() {
    assert_eq!(Shutdown::builder().build().unwrap_err(), ShutdownConfigError::NoStage);
    let twice = Shutdown::builder().stage("http", SECOND).stage("http", SECOND).build();
    assert_eq!(twice.unwrap_err(), ShutdownConfigError::NameTaken { name: "http" });
    let names: Vec<&'static str> = (0..33).map(|n| &*Box::leak(format!("s{n}").into_boxed_str())).collect();
    let many = names.iter().fold(Shutdown::builder(), |builder, name| builder.stage(name, SECOND)).build();
    assert_eq!(many.unwrap_err(), ShutdownConfigError::TooManyStages { max: 32 });
    let (shutdown, ..) = two_stages();
    assert_eq!(
        shutdown.stage("mail").unwrap_err().to_string(),
        "no stage mail: add it where the shutdown is built"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_it_begins() {
    let (shutdown, http, _) = two_stages();
    let draining = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drain().await }
    });
    sleep(1000 * SECOND).await;
    assert!(!draining.is_finished() && !shutdown.is_begun() && !http.token().is_stopping());
    assert!(http.enter("request").is_ok());
    shutdown.begin();
    assert!(draining.await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn work_in_flight_finishes_and_new_work_is_refused() {
    let (shutdown, http, _) = two_stages();
    let request = http
        .spawn("request", async {
            sleep(3 * SECOND).await;
            200
        })
        .unwrap();
    shutdown.begin();
    let report = shutdown.drain().await;
    assert_eq!(request.await.unwrap(), Ok(200));
    assert!(report.is_clean() && !report.hurried);
    assert_eq!((report.stages[0].finished, report.took), (1, 3 * SECOND));
    let refused = http.enter("request").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "stage http is shutting down and takes no new work: try another instance"
    );
}

#[tokio::test(start_paused = true)]
async fn a_later_stage_works_until_the_earlier_one_is_done() {
    let (shutdown, http, relay) = two_stages();
    let _request = http
        .spawn("request", {
            let relay = relay.clone();
            async move {
                sleep(3 * SECOND).await;
                // A request that ends late still hands its work to the stage behind it.
                drop(relay.enter("hand-over").unwrap());
            }
        })
        .unwrap();
    let stopped_at = tokio::spawn({
        let (from, stopping) = (Instant::now(), relay.until_stopping());
        async move {
            stopping.await;
            from.elapsed()
        }
    });
    shutdown.begin();
    assert!(shutdown.drain().await.is_clean());
    assert_eq!(stopped_at.await.unwrap(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_work_is_cut_off_and_reported_by_name() {
    let (shutdown, http, _) = two_stages();
    let log = Arc::new(Mutex::new(Vec::new()));
    let held = Held("download", log.clone());
    let endless = http
        .spawn("download", async move {
            let _held = held;
            pending::<()>().await;
        })
        .unwrap();
    let quick = http.spawn("request", sleep(SECOND)).unwrap();
    shutdown.begin();
    let report = shutdown.drain().await;
    assert_eq!(report.took, 20 * SECOND);
    assert_eq!(*log.lock().unwrap(), ["download"], "dropped before the drain was over");
    assert_eq!(
        endless.await.unwrap().unwrap_err().to_string().split(':').next(),
        Some("cut off by the shutdown of stage http")
    );
    assert_eq!(quick.await.unwrap(), Ok(()));
    let http = &report.stages[0];
    assert_eq!((http.finished, &*http.cut_off, &*http.stuck), (1, &[("download", 1)][..], &[][..]));
    assert!(!report.is_clean());
    assert_eq!(report.to_string(), "http: 1 finished in 20s, cut off: 1 download\nrelay: 0 finished in 0ns");
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_does_not_let_go_is_reported_as_stuck_and_does_not_hold_the_shutdown() {
    let (shutdown, http, relay) = two_stages();
    let stubborn = http.enter("blocking").unwrap();
    let other = relay.enter("batch").unwrap();
    shutdown.begin();
    let report = shutdown.drain().await;
    assert_eq!(report.took, 26 * SECOND, "both deadlines, and half a second each to unwind");
    assert_eq!(report.stages[0].stuck, [("blocking", 1)]);
    assert_eq!(report.stages[1].cut_off, [("batch", 1)]);
    drop((stubborn, other));
}

#[tokio::test(start_paused = true)]
async fn unwinding_work_still_has_the_stage_behind_it() {
    let (shutdown, http, relay) = two_stages();
    struct LastWord(Stage, Arc<Mutex<Option<bool>>>);
    impl Drop for LastWord {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = Some(self.0.enter("last word").is_ok());
        }
    }
    let heard = Arc::new(Mutex::new(None));
    let last_word = LastWord(relay, heard.clone());
    http.spawn("request", async move {
        let _last_word = last_word;
        pending::<()>().await;
    })
    .unwrap();
    shutdown.begin();
    shutdown.drain().await;
    assert_eq!(*heard.lock().unwrap(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn the_notice_keeps_serving_with_readiness_already_gone() {
    let shutdown = Shutdown::builder().notice(3 * SECOND).stage("http", 20 * SECOND).build().unwrap();
    let http = shutdown.stage("http").unwrap();
    shutdown.begin();
    let draining = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drain().await }
    });
    sleep(2 * SECOND).await;
    assert!(shutdown.is_begun() && http.enter("request").is_ok());
    assert_eq!(draining.await.unwrap().took, 3 * SECOND);
    assert!(http.enter("request").is_err());
}

#[tokio::test(start_paused = true)]
async fn cutting_off_ends_every_stage_at_once() {
    let (shutdown, http, relay) = two_stages();
    let tasks =
        [http.spawn("request", pending::<()>()).unwrap(), relay.spawn("batch", pending::<()>()).unwrap()];
    let draining = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drain().await }
    });
    shutdown.begin();
    sleep(2 * SECOND).await;
    assert!(!draining.is_finished());
    shutdown.cut_off();
    let report = draining.await.unwrap();
    assert!(report.hurried && !report.is_clean());
    assert_eq!(report.took, 2 * SECOND);
    assert_eq!(
        (&*report.stages[0].cut_off, &*report.stages[1].cut_off),
        (&[("request", 1)][..], &[("batch", 1)][..])
    );
    for task in tasks {
        assert!(task.await.unwrap().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_token_is_told_with_its_stage_and_can_be_stopped_alone() {
    let (shutdown, http, _) = two_stages();
    let token = http.token();
    let (child, sibling) = (token.child(), token.child());
    child.stop();
    assert!(child.is_stopping() && !sibling.is_stopping() && !token.is_stopping());
    token.stop();
    assert!(
        sibling.is_stopping() && http.enter("request").is_ok(),
        "a token handed out does not stop the stage"
    );
    shutdown.begin();
    shutdown.drain().await;
    assert!(child.is_cut_off() && sibling.is_cut_off() && http.token().is_stopping());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_counted_and_releases_its_guard() {
    let (shutdown, http, _) = two_stages();
    let panicking = http.spawn("request", async { panic!("a bug") }).unwrap();
    assert!(panicking.await.unwrap_err().is_panic());
    assert_eq!(http.in_flight(), 0);
    shutdown.begin();
    assert_eq!(shutdown.drain().await.stages[0].panicked, 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_beside_work_is_not_counted_as_its_own() {
    let (shutdown, http, _) = two_stages();
    let beside = async {
        tokio::task::yield_now().await;
        panic!("a bug elsewhere")
    };
    let work = http.enter("request").unwrap().run(pending::<()>());
    let by_hand = http.enter("request").unwrap();
    let both = tokio::spawn(async move {
        let _by_hand = by_hand;
        let _ended: (_, std::convert::Infallible) = tokio::join!(work, beside);
    });
    assert!(both.await.unwrap_err().is_panic());
    assert_eq!(http.in_flight(), 0);
    shutdown.begin();
    assert_eq!(shutdown.drain().await.stages[0].panicked, 0);
}

#[tokio::test(start_paused = true)]
async fn work_dropped_after_any_number_of_polls_is_no_longer_in_flight_and_goes_before_its_guard() {
    struct Looks(Stage, Arc<Mutex<Vec<usize>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0.in_flight());
        }
    }
    for polls in 0..4 {
        let (_shutdown, http, _) = two_stages();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let looks = Looks(http.clone(), seen.clone());
        let mut work = Box::pin(http.enter("request").unwrap().run(async move {
            let _looks = looks;
            pending::<()>().await;
        }));
        for _ in 0..polls {
            assert!(work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert_eq!(http.in_flight(), 1);
        drop(work);
        assert_eq!(http.in_flight(), 0, "after {polls} polls");
        assert_eq!(*seen.lock().unwrap(), [1], "the guard outlives what it guards, after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_dropped_anywhere_can_be_taken_up_again_with_the_same_deadlines() {
    let (shutdown, http, relay) = two_stages();
    // Held throughout, so that every deadline and every unwinding runs to its end.
    let _stubborn = [http.enter("request").unwrap(), relay.enter("batch").unwrap()];
    shutdown.begin();
    let begun = Instant::now();
    for _ in 0..150 {
        let mut draining = Box::pin(shutdown.drain());
        if draining.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            assert_eq!(begun.elapsed(), 26 * SECOND);
            return;
        }
        drop(draining);
        sleep(SECOND / 4).await;
    }
    panic!("the deadlines started again with each call");
}

#[tokio::test(start_paused = true)]
async fn two_drains_see_one_shutdown() {
    let (shutdown, http, _) = two_stages();
    let _request = http.spawn("request", sleep(SECOND)).unwrap();
    shutdown.begin();
    let (one, two) = tokio::join!(shutdown.drain(), shutdown.drain());
    assert_eq!(one.stages, two.stages);
    assert_eq!(shutdown.drain().await.stages, one.stages);
}

#[tokio::test(start_paused = true)]
async fn the_longest_deadline_does_not_overflow() {
    let shutdown = Shutdown::builder().notice(Duration::MAX).stage("http", Duration::MAX).build().unwrap();
    shutdown.begin();
    assert!(healthcare_resilience::time_out(SECOND, shutdown.drain()).await.is_err());
    shutdown.cut_off();
    assert!(shutdown.drain().await.hurried);
}

#[test]
fn handles_are_send_and_sync() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug + 'static>() {}
    all::<Shutdown>();
    all::<Stage>();
    all::<healthcare_resilience::Token>();
}

#[tokio::test(start_paused = true)]
async fn work_that_is_cut_off_in_a_hurry_still_unwinds() {
    let shutdown = Shutdown::builder().stage("http", 20 * SECOND).build().unwrap();
    let _request = shutdown.stage("http").unwrap().spawn("request", pending::<()>()).unwrap();
    tokio::task::yield_now().await;
    shutdown.cut_off();
    let report = shutdown.drain().await;
    let stage = report.stages.first().unwrap();
    assert!(stage.stuck.is_empty(), "{report}");
    assert_eq!(stage.cut_off.len(), 1, "{report}");
}
