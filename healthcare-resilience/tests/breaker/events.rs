//! What listeners hear.

use crate::script::{Player, plain, play};
use healthcare_resilience::{BreakerCause, BreakerEvents, BreakerState, MissedEvents};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

fn heard(events: &mut BreakerEvents) -> Vec<String> {
    std::iter::from_fn(|| events.try_next().unwrap()).map(|event| event.to_string()).collect()
}

#[test]
fn a_whole_life_is_told_in_order() {
    let mut player = Player::new(plain().consecutive(2).lease(Duration::from_secs(60)));
    let mut events = player.breaker.events();
    player.play(
        "s f f x +30s ( x +60s f +30s s f s force force disable disable metrics f f f reset reset trip",
    );
    assert_eq!(
        heard(&mut events),
        [
            "case: closed to open: failures",
            "case: open to half_open: wait_over",
            "case: half_open to half_open: lease_over",
            "case: half_open to open: failures",
            "case: open to half_open: wait_over",
            "case: half_open to closed: probes_passed",
            "case: closed to forced_open: by_hand",
            "case: forced_open to disabled: by_hand",
            "case: disabled to metrics_only: by_hand",
            "case: metrics_only to metrics_only: failures",
            "case: metrics_only to closed: by_hand",
            "case: closed to closed: by_hand",
            "case: closed to open: by_hand",
        ]
    );
}

#[test]
fn an_event_knows_its_time_its_cause_and_how_long() {
    let mut player =
        Player::new(plain().count_window(4).slow_calls(Duration::from_secs(2), 0.5).min_calls(2));
    let mut events = player.breaker.events();
    player.play("s S");
    let event = events.try_next().unwrap().unwrap();
    assert_eq!((event.breaker, event.cause), ("case", BreakerCause::SlowCalls));
    assert_eq!((event.from, event.to), (BreakerState::Closed, BreakerState::Open));
    assert_eq!(event.open_for, Some(Duration::from_secs(30)));
    assert_eq!(event.at.after(Duration::from_secs(30)).since(event.at), Duration::from_secs(30));
}

/// Metrics only says once that it would be open, and again after it would not have been.
#[test]
fn metrics_only_warns_once_for_each_time() {
    let mut player = Player::new(plain().count_window(4).min_calls(2));
    player.play("metrics");
    let mut events = player.breaker.events();
    player.play("f*5 =metrics_only");
    assert_eq!(heard(&mut events), ["case: metrics_only to metrics_only: failures"]);
    player.play("s s s f s s s f");
    assert!(heard(&mut events).is_empty());
    player.play("f f =metrics_only");
    assert_eq!(heard(&mut events).len(), 1);
}

#[test]
fn what_was_before_is_not_told_and_calls_are_not_events() {
    let mut player = Player::new(plain().count_window(10));
    player.play("trip");
    let mut events = player.breaker.events();
    player.play("x*5 reset s*6 f*4 i c");
    assert_eq!(heard(&mut events), ["case: open to closed: by_hand"]);
}

#[test]
fn a_slow_listener_loses_the_oldest_and_goes_on() {
    let mut player = Player::new(plain());
    let mut events = player.breaker.events();
    player.play("reset*40");
    assert_eq!(events.try_next(), Err(MissedEvents { missed: 8 }));
    assert_eq!(heard(&mut events).len(), 32);
}

#[tokio::test]
async fn listening_ends_with_the_breaker() {
    let player = play(plain(), "");
    let mut events = player.breaker.events();
    player.breaker.trip();
    drop(player);
    assert_eq!(events.next().await.unwrap().unwrap().to, BreakerState::Open);
    assert_eq!(events.next().await, Ok(None));
}

/// A waker that uses the breaker from within the waking: nothing is locked then, and order holds.
#[test]
fn a_listener_may_use_the_breaker_while_it_is_told() {
    struct Meddler {
        player: Mutex<Option<Player>>,
        woken: AtomicUsize,
    }
    impl Wake for Meddler {
        fn wake(self: Arc<Self>) {
            if self.woken.fetch_add(1, Ordering::SeqCst) == 0 {
                let player = self.player.lock().unwrap();
                let breaker = &player.as_ref().unwrap().breaker;
                assert_eq!(breaker.snapshot().state, BreakerState::Open);
                breaker.reset();
                breaker.force_open();
            }
        }
    }
    let player = play(plain().consecutive(1), "");
    let breaker = player.breaker.clone();
    let meddler = Arc::new(Meddler { player: Mutex::new(Some(player)), woken: AtomicUsize::new(0) });
    let mut events = breaker.events();
    {
        let mut next = Box::pin(events.next());
        let waker = Waker::from(meddler.clone());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        breaker.trip();
    }
    assert_eq!(meddler.woken.load(Ordering::SeqCst), 1);
    let causes = heard(&mut events);
    assert_eq!(
        causes,
        [
            "case: closed to open: by_hand",
            "case: open to closed: by_hand",
            "case: closed to forced_open: by_hand"
        ]
    );
}

/// A listener's waker is its own code. Should it panic, the others still hear of what comes.
#[test]
fn a_waker_that_panics_does_not_end_the_telling() {
    struct Broken;
    impl Wake for Broken {
        fn wake(self: Arc<Self>) {
            panic!("a bug of the listener's");
        }
    }
    let breaker = play(plain().consecutive(1), "").breaker;
    let (mut events, mut others) = (breaker.events(), breaker.events());
    {
        let mut next = Box::pin(events.next());
        let waker = Waker::from(Arc::new(Broken));
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| breaker.trip())).is_err());
    }
    breaker.reset();
    breaker.force_open();
    assert_eq!(
        heard(&mut others),
        [
            "case: closed to open: by_hand",
            "case: open to closed: by_hand",
            "case: closed to forced_open: by_hand"
        ]
    );
}

/// Threads that change the state at once: events come in the order of their numbers, and each begins where the one before
/// ended.
#[test]
fn events_of_many_threads_are_in_order() {
    let breaker = play(plain().consecutive(1), "").breaker;
    let mut events = breaker.events();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let breaker = breaker.clone();
            std::thread::spawn(move || {
                for turn in 0..200 {
                    match (turn + thread) % 4 {
                        0 => breaker.force_open(),
                        1 => breaker.disable(),
                        2 => breaker.metrics_only(),
                        _ => breaker.trip(),
                    }
                }
            })
        })
        .collect();
    let (mut last, mut state, mut is_over) = (0, BreakerState::Closed, false);
    loop {
        match events.try_next() {
            Ok(Some(event)) => {
                assert!(event.number > last, "{event}, {} after {last}", event.number);
                assert!(event.number > last + 1 || event.from == state, "{event} after {state}");
                (last, state) = (event.number, event.to);
            }
            Ok(None) if is_over => break,
            Ok(None) => is_over = threads.iter().all(std::thread::JoinHandle::is_finished),
            Err(MissedEvents { missed }) => assert!(missed > 0),
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(state, breaker.state(), "the last event is not the state it is in");
}
