use healthcare_resilience::{
    FailureClass, Health, HealthConfigError, Phase, Shutdown, Start, State, Unhealthy, time_out,
};
use std::{
    future::{Future, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const DOWN: Unhealthy = Unhealthy::because("no answer from the database");

#[tokio::test(start_paused = true)]
async fn the_worst_check_decides_and_an_optional_one_only_degrades() {
    for (required, optional, state, is_ready) in [
        (Ok(()), Ok(()), State::Up, true),
        (Ok(()), Err(DOWN), State::Degraded, true),
        (Err(DOWN), Ok(()), State::Down, false),
        (Err(DOWN), Err(DOWN), State::Down, false),
    ] {
        let health = Health::builder()
            .required("database", SECOND, move || ready(required))
            .optional("mail", SECOND, move || ready(optional))
            .build()
            .unwrap();
        let report = health.readiness().await;
        assert_eq!((report.state, report.is_ready()), (state, is_ready));
        assert_eq!(report.checks[0].reason, required.err().map(|_| "no answer from the database"));
    }
    let empty = Health::builder().build().unwrap().readiness().await;
    assert_eq!((empty.state, empty.checks.len()), (State::Up, 0));
}

#[tokio::test(start_paused = true)]
async fn checks_run_side_by_side_and_each_has_its_deadline() {
    let health = Health::builder()
        .required("database", 2 * SECOND, || async {
            sleep(SECOND).await;
            Ok(())
        })
        .optional("mail", 2 * SECOND, pending)
        .optional("sms", SECOND, pending)
        .build()
        .unwrap();
    let begun = Instant::now();
    let report = health.readiness().await;
    assert_eq!(begun.elapsed(), 2 * SECOND);
    assert_eq!(
        report.checks.iter().map(|check| check.state).collect::<Vec<_>>(),
        [State::Up, State::Degraded, State::Degraded]
    );
    assert_eq!(report.checks[1].reason, Some("no answer in time"));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_check_is_a_failed_check() {
    let health = Health::builder()
        .required("database", SECOND, || async { panic!("a bug") })
        .optional("mail", SECOND, || -> std::future::Ready<_> { panic!("before it even starts") })
        .build()
        .unwrap();
    for _ in 0..2 {
        let report = health.readiness().await;
        assert_eq!(
            report.checks.iter().map(|check| check.reason).collect::<Vec<_>>(),
            [Some("the check panicked"); 2]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_for_its_time_and_then_asked_anew() {
    let (asked, is_up) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let health = Health::builder()
        .required("database", SECOND, {
            let (asked, is_up) = (asked.clone(), is_up.clone());
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                ready(if is_up.load(Ordering::SeqCst) { Ok(()) } else { Err(DOWN) })
            }
        })
        .keep(10 * SECOND)
        .build()
        .unwrap();
    assert!(health.readiness().await.is_ready());
    is_up.store(false, Ordering::SeqCst);
    advance(9 * SECOND).await;
    let kept = health.clone().readiness().await;
    assert_eq!((kept.is_ready(), kept.checks[0].age, asked.load(Ordering::SeqCst)), (true, 9 * SECOND, 1));
    advance(SECOND).await;
    assert!(!health.readiness().await.is_ready());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_probes_asks_once_even_when_little_is_kept() {
    let asked = Arc::new(AtomicUsize::new(0));
    let health = Health::builder()
        .required("database", 5 * SECOND, {
            let asked = asked.clone();
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                async {
                    sleep(SECOND).await;
                    Ok(())
                }
            }
        })
        .keep(SECOND / 10)
        .build()
        .unwrap();
    let probes: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let health = health.clone();
                async move { health.readiness().await }
            })
        })
        .collect();
    for probe in probes {
        assert!(probe.await.unwrap().is_ready());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_anywhere_leaves_the_check_usable() {
    let health = Health::builder()
        .required("database", 5 * SECOND, || async {
            sleep(SECOND).await;
            Ok(())
        })
        .build()
        .unwrap();
    for polls in 0..4 {
        let mut probe = Box::pin(health.readiness());
        for _ in 0..polls {
            assert!(probe.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(probe);
        assert!(time_out(2 * SECOND, health.readiness()).await.unwrap().is_ready(), "after {polls} polls");
        sleep(2 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_begins_ends_readiness_before_anything_stops() {
    let shutdown = Shutdown::builder().notice(5 * SECOND).stage("http", SECOND).build().unwrap();
    let health =
        Health::builder().required("database", SECOND, || ready(Ok(()))).shutdown(&shutdown).build().unwrap();
    assert!(health.readiness().await.is_ready());
    shutdown.begin();
    let report = health.readiness().await;
    assert!(!report.is_ready() && (report.phase == Phase::Stopping));
    assert_eq!(report.checks[0].state, State::Up, "the parts are told as they are");
    assert!(shutdown.stage("http").unwrap().enter("request").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_check_tells_how_long_it_took_how_often_it_failed_and_why() {
    let turn = Arc::new(AtomicUsize::new(0));
    let health = Health::builder()
        .optional("mail", 3 * SECOND, {
            let turn = turn.clone();
            move || {
                let turn = turn.fetch_add(1, Ordering::SeqCst);
                async move {
                    sleep(SECOND).await;
                    match turn {
                        0 | 4 => Ok(()),
                        1 => Err(Unhealthy::because("refused")),
                        2 => pending().await,
                        _ => panic!("a bug"),
                    }
                }
            }
        })
        .keep(SECOND / 10)
        .build()
        .unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let check = health.readiness().await.checks[0].clone();
        let last = check.last_failure.map(|failure| (failure.class, failure.reason, failure.ago));
        seen.push((check.took, check.failures_in_row, last));
        advance(10 * SECOND).await;
    }
    let zero = Duration::ZERO;
    assert_eq!(
        seen,
        [
            (SECOND, 0, None),
            (SECOND, 1, Some((FailureClass::Failed, "refused", zero))),
            (3 * SECOND, 2, Some((FailureClass::NoAnswer, "no answer in time", zero))),
            (SECOND, 3, Some((FailureClass::Panicked, "the check panicked", zero))),
            // Healthy again, and what was wrong is still told.
            (SECOND, 0, Some((FailureClass::Panicked, "the check panicked", 11 * SECOND))),
        ]
    );
    assert_eq!(
        [FailureClass::Failed, FailureClass::NoAnswer, FailureClass::Panicked].map(FailureClass::as_str),
        ["failed", "no_answer", "panicked"]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_ready_before_the_start_is_and_nothing_after_the_stop_begins() {
    let shutdown = Shutdown::builder().stage("http", SECOND).build().unwrap();
    let start = Start::new(&shutdown);
    let health = Health::builder()
        .required("database", SECOND, || ready(Ok(())))
        .start(&start)
        .shutdown(&shutdown)
        .build()
        .unwrap();
    let mut seen = Vec::new();
    let mut look = async || {
        let report = health.readiness().await;
        seen.push((report.phase, report.is_ready()));
    };
    look().await;
    start.ready();
    look().await;
    shutdown.begin();
    look().await;
    assert_eq!(seen, [(Phase::Starting, false), (Phase::Serving, true), (Phase::Stopping, false)]);
    // Stopped while it starts, it stops.
    let health = Health::builder().start(&Start::new(&shutdown)).shutdown(&shutdown).build().unwrap();
    assert_eq!(health.phase(), Phase::Stopping);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_begins_while_the_checks_run_is_seen() {
    let shutdown = Shutdown::builder().stage("http", SECOND).build().unwrap();
    let health = Health::builder()
        .required("database", 5 * SECOND, || async {
            sleep(SECOND).await;
            Ok(())
        })
        .shutdown(&shutdown)
        .build()
        .unwrap();
    let probe = tokio::spawn(async move { health.readiness().await });
    tokio::task::yield_now().await;
    shutdown.begin();
    assert!(!probe.await.unwrap().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_is_asked_once_and_late_comers_still_learn_what_was_before() {
    let health = Health::builder().required("database", SECOND, pending).keep(SECOND / 10).build().unwrap();
    assert_eq!(health.readiness().await.checks[0].failures_in_row, 1);
    advance(SECOND).await;
    // Polled once and kept: it holds the check's turn and never ends by itself.
    let mut stuck = Box::pin(health.readiness());
    assert!(stuck.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let report = health.readiness().await;
    assert_eq!((report.checks[0].reason, report.checks[0].failures_in_row), (Some("no answer in time"), 2));
}

#[test]
fn checks_that_make_no_sense_are_not_built() {
    let twice = Health::builder()
        .required("a", SECOND, || ready(Ok(())))
        .optional("a", SECOND, || ready(Ok(())))
        .build();
    assert_eq!(twice.unwrap_err(), HealthConfigError::NameTaken { name: "a" });
    let hasty = Health::builder().required("a", Duration::ZERO, || ready(Ok(()))).build();
    assert_eq!(hasty.unwrap_err(), HealthConfigError::NoTime { name: "a" });
    let min = Duration::from_millis(100);
    let forgetful = Health::builder().keep(min - Duration::from_nanos(1)).build();
    assert_eq!(forgetful.unwrap_err(), HealthConfigError::KeptTooShortly { min });
    let names: Vec<&'static str> = (0..65).map(|n| &*Box::leak(n.to_string().into_boxed_str())).collect();
    let many = names
        .iter()
        .fold(Health::builder(), |builder, name| builder.optional(name, SECOND, || ready(Ok(()))));
    assert_eq!(many.build().unwrap_err(), HealthConfigError::TooManyChecks { max: 64 });
}
