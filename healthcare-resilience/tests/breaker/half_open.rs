//! Half-open is left, whatever the probes do.

use crate::script::{Player, plain, play};
use healthcare_resilience::{BreakerState, RejectReason};
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

#[test]
fn a_probe_that_never_ends_loses_its_place_after_its_lease() {
    let mut player = Player::new(plain().lease(LEASE));
    player.play("trip +30s ( =half_open x +59s x");
    assert_eq!(player.refused("taken").reason(), RejectReason::ProbesTaken);
    // At the very end of the lease the next call is the probe, and what the first says then is stale.
    player.play("+1s ( out=1 =half_open )s stale=1 out=1 =half_open )s =closed stale=1");
}

#[test]
fn late_ends_of_leased_probes_are_stale_however_they_end() {
    for (end, stale) in [(")s", 1), (")f", 1), (")i", 1), (")r", 1), (")c", 0)] {
        let script = format!("trip +30s ( +60s ( {end} =half_open out=1 stale={stale} )s =closed");
        play(plain().lease(LEASE), &script);
    }
}

#[test]
fn a_lease_runs_from_the_youngest_probe() {
    let rules = plain().probes(2).lease(LEASE);
    play(rules, "trip +30s ( +30s ( x +30s x +29s x +1s ( ( x out=2");
}

#[test]
fn what_other_probes_said_outlives_a_lease() {
    let rules = || plain().count_window(10).failure_rate(0.5).probes(3).lease(LEASE);
    play(rules(), "trip +30s ( s s x +60s s =closed stale=0 )s stale=1 =closed");
    play(rules(), "trip +30s ( f s x +60s f =open )s stale=1 =open");
}

#[test]
fn a_probe_that_is_ignored_or_rejected_further_in_frees_its_place() {
    play(plain(), "trip +30s i i r i c r =half_open out=0 s =closed");
    play(plain().probes(2), "trip +30s ( i r ( x )r out=1 ( )i )i =half_open out=0 s s =closed");
}

#[tokio::test]
async fn a_probe_rejected_by_an_inner_policy_does_not_hold_the_circuit() {
    let inner = play(plain(), "force").breaker;
    let mut outer = play(plain(), "trip +30s");
    for _ in 0..10 {
        let refused =
            outer.breaker.around(inner.call(async { Ok::<_, std::fmt::Error>(()) })).await.unwrap_err();
        assert_eq!(refused.rejection().unwrap().reason(), RejectReason::ForcedOpen);
        outer.play("=half_open out=0");
    }
    inner.reset();
    outer.breaker.around(inner.call(async { Ok::<_, std::fmt::Error>(()) })).await.unwrap();
    outer.play("=closed");
}

/// A call that was let through while closed holds no place and gives none back.
#[test]
fn permits_of_another_time_never_raise_the_cap() {
    for end in [")s", ")f", ")i", ")r", ")c"] {
        let mut player = Player::new(plain().probes(2));
        player.play(&format!("(*5 trip +30s ( {end} {end} {end} out=1 ( x out=2 =half_open"));
    }
}

#[test]
fn probes_of_an_earlier_half_open_time_never_raise_the_cap() {
    for end in [")s", ")f", ")i", ")r", ")c"] {
        let mut player = Player::new(plain().probes(3).count_window(10).failure_rate(0.3));
        player.play("trip +30s ( ( f =open +30s ( ( ( x out=3");
        player.play(&format!("{end} {end} x out=3 =half_open"));
    }
}

#[test]
fn places_are_counted_with_the_results() {
    // Three calls go through in all, not three at a time.
    play(plain().probes(3), "trip +30s ( s ( x )s x )s =closed");
}

#[test]
fn open_times_grow_and_start_again_when_it_has_closed() {
    let rules = plain().open_for(Duration::from_secs(10)).open_growth(2.0, Duration::from_secs(60));
    let mut player = Player::new(rules);
    player.play("trip left=10s +10s f left=20s opens=2 +20s f left=40s +40s f left=60s +60s f left=60s");
    player.play("+60s s =closed opens=0 trip left=10s");
    // A reset begins anew as well.
    player.play("+10s f left=20s reset trip left=10s");
}

#[test]
fn an_open_time_that_grows_for_ever_stops_at_its_maximum() {
    let max = Duration::from_secs(3600);
    let mut player =
        Player::new(plain().open_for(Duration::from_millis(1)).open_growth(1e300, max).lease(LEASE));
    player.play("trip +1ms");
    for _ in 0..2000 {
        player.play("f left=3600s +3600s");
    }
    assert_eq!(player.breaker.snapshot().opens, 2001);
}

#[test]
fn the_longest_of_all_times_never_ends_and_never_panics() {
    let mut player = Player::new(plain().open_for(Duration::MAX).open_growth(1.0, Duration::MAX));
    player.play("trip x +1000000s x =open");
    let wait = player.refused("open").retry_after().unwrap();
    assert!(wait > Duration::from_secs(500 * 365 * 24 * 3600));
}

#[test]
fn jitter_lengthens_within_its_bounds_and_is_not_always_the_same() {
    let second = Duration::from_secs(1);
    let mut waits = Vec::new();
    for _ in 0..200 {
        let player =
            play(plain().open_for(second * 10).open_growth(1.0, second * 10).open_jitter(0.5), "trip");
        waits.push(player.breaker.snapshot().open_for.unwrap());
    }
    // The end of an open time is rounded up by less than eight nanoseconds.
    let rounded = Duration::from_nanos(8);
    assert!(waits.iter().all(|wait| (second * 10..=second * 15 + rounded).contains(wait)), "{waits:?}");
    let mean = waits.iter().sum::<Duration>() / 200;
    assert!((second * 12..second * 13).contains(&mean), "{mean:?}");
}

#[test]
fn a_refusal_says_how_long() {
    let mut player = play(plain(), "trip +12s");
    let refused = player.refused("open");
    assert_eq!((refused.reason(), refused.policy()), (RejectReason::CircuitOpen, "case"));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(18)));
    player.play("+18s (");
    assert_eq!(player.refused("probe out").retry_after(), None);
    player.play("force");
    let refused = player.refused("forced");
    assert_eq!((refused.reason(), refused.retry_after()), (RejectReason::ForcedOpen, None));
    assert_eq!(player.breaker.snapshot().not_permitted, 3);
}

#[test]
fn by_hand_every_state_can_be_left_and_entered() {
    let states = [
        ("force", BreakerState::ForcedOpen),
        ("disable", BreakerState::Disabled),
        ("metrics", BreakerState::MetricsOnly),
        ("reset", BreakerState::Closed),
        ("trip", BreakerState::Open),
    ];
    for (from, _) in states {
        for (to, state) in states {
            // What a hand has set is not opened by a program.
            if to == "trip" && ["force", "disable", "metrics"].contains(&from) {
                continue;
            }
            let player = play(plain(), &format!("{from} {to}"));
            assert_eq!(player.breaker.state(), state, "{from} {to}");
            let player = play(plain(), &format!("trip +30s ( {to}"));
            assert_eq!(player.breaker.state(), state, "half-open, {to}");
        }
    }
    play(plain(), "force trip =forced_open +100s x =forced_open");
}

#[test]
fn disabled_watches_nothing_and_metrics_only_refuses_nothing() {
    play(plain().consecutive(1), "disable f*10 =disabled #0/0/0 s =disabled");
    play(plain().consecutive(3), "metrics f*10 =metrics_only #10/10/0 s =metrics_only #0/0/0");
    play(plain().count_window(4), "metrics f*10 =metrics_only #4/4/0 reset #0/0/0 =closed");
}

/// A call that passes the same circuit twice needs two places of the half-open time.
#[tokio::test(start_paused = true)]
async fn a_circuit_around_itself_needs_two_places() {
    for (probes, state) in [(1, BreakerState::HalfOpen), (2, BreakerState::Closed)] {
        let breaker =
            healthcare_resilience::CircuitBreaker::builder("twice").open_for(LEASE).open_jitter(0.0);
        let breaker = breaker.consecutive(1).probes(probes).build().unwrap();
        breaker.trip();
        tokio::time::advance(LEASE).await;
        for _ in 0..3 {
            let inner = breaker.call(std::future::ready(Ok::<_, std::io::Error>(())));
            assert_eq!(breaker.around(inner).await.is_ok(), probes == 2);
        }
        assert_eq!(breaker.state(), state);
    }
}
