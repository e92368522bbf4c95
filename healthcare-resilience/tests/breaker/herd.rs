//! Crowds before a door that opens a little.

use crate::script::{Player, plain};
use healthcare_resilience::{CallError, Class};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn is_deep() -> bool {
    std::env::var_os("HEALTHCARE_TEST_DEEP").is_some()
}

#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Gauge {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.all.fetch_add(1, Ordering::SeqCst);
    }
    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ten thousand tasks at the moment the open time ends. `class` is what every probe brings.
async fn herd(probes: u32, class: Class) -> Arc<Gauge> {
    let mut player = Player::new(plain().probes(probes).count_window(100).failure_rate(1.0));
    player.play("trip +30s");
    let gauge = Arc::new(Gauge::default());
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let (breaker, gauge) = (player.breaker.clone(), gauge.clone());
            tokio::spawn(async move {
                let work = async {
                    gauge.enter();
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                    }
                    gauge.leave();
                    Ok::<_, ()>(())
                };
                match breaker.call_with(move |_: Result<&(), &()>| class, work).await {
                    Ok(()) | Err(CallError::Rejected(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    player.play(if class == Class::Ignored { "=half_open out=0" } else { "=open" });
    gauge
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_tasks_become_as_many_probes_as_there_are_places() {
    for probes in [1, 3, 10] {
        let failing = herd(probes, Class::Transient).await;
        assert_eq!(failing.all.load(Ordering::SeqCst), probes as usize, "admitted in one half-open time");
        // Places of ignored probes are given again, never twice at a time.
        let ignored = herd(probes, Class::Ignored).await;
        assert!(ignored.most.load(Ordering::SeqCst) <= probes as usize, "more than {probes} at once");
        assert!(ignored.all.load(Ordering::SeqCst) >= probes as usize);
    }
}

/// Threads that take probes' places and give them back in every neutral way: never more at once than places.
#[test]
fn places_are_never_given_twice() {
    let rounds = if is_deep() { 1_000_000 } else { 50_000 };
    for probes in [1_u32, 3] {
        let mut player = Player::new(plain().probes(probes));
        player.play("trip +30s i");
        let gauge = Gauge::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (breaker, gauge) = (&player.breaker, &gauge);
                scope.spawn(move || {
                    for round in 0..rounds / 4 {
                        let Ok(permit) = breaker.try_acquire() else { continue };
                        gauge.enter();
                        gauge.leave();
                        match (round + thread) % 3 {
                            0 => permit.record(Class::Ignored),
                            1 => permit.record(Class::Rejected),
                            _ => drop(permit),
                        }
                    }
                });
            }
        });
        assert!(gauge.most.load(Ordering::SeqCst) <= probes as usize);
        player.play("=half_open out=0 stale=0");
    }
}

/// The moment the time is over, again and again: whoever comes second is refused or is a probe like any other.
#[test]
fn every_half_open_time_has_its_probes_and_no_more() {
    let rounds = if is_deep() { 100_000 } else { 1_000 };
    let (threads, probes) = (3, 2);
    let player = Player::new(plain().probes(probes).count_window(10).failure_rate(1.0));
    let (barrier, admitted) = (Barrier::new(threads), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (player, barrier, admitted) = (&player, &barrier, &admitted);
            scope.spawn(move || {
                for round in 0..rounds {
                    if thread == 0 {
                        player.breaker.trip();
                        player.hand.advance(Duration::from_secs(30));
                        admitted.store(0, Ordering::SeqCst);
                    }
                    barrier.wait();
                    let permits = [player.breaker.try_acquire(), player.breaker.try_acquire()];
                    for permit in permits.into_iter().flatten() {
                        admitted.fetch_add(1, Ordering::SeqCst);
                        permit.record(Class::Transient);
                    }
                    barrier.wait();
                    assert_eq!(admitted.load(Ordering::SeqCst), probes as usize, "round {round}");
                    barrier.wait();
                }
            });
        }
    });
}
