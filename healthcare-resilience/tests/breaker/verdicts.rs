//! What counts, at the very edge.

use crate::script::{Player, plain, play};
use futures_util::FutureExt as _;
use healthcare_resilience::{BreakerState, CallError, Class};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn five_outcomes_slow_and_not() {
    let rules = || plain().count_window(10).min_calls(10).slow_calls(SECOND * 2, 1.0);
    for (word, counts) in [
        ("s", "#1/0/0"),
        ("f", "#1/1/0"),
        ("i", "#0/0/0"),
        ("r", "#0/0/0"),
        ("c", "#0/0/0"),
        ("S", "#1/0/1"),
        ("F", "#1/1/1"),
        ("I", "#0/0/0"),
        ("R", "#0/0/0"),
        ("C", "#1/0/1"),
    ] {
        // Two seconds are slow at two seconds: the edge belongs to slow.
        play(rules(), &format!("{word} {counts} stale=0 =closed"));
        let probe = match word {
            "s" => "=closed",
            "f" | "F" | "S" | "C" => "=open",
            _ => "=half_open out=0 s =closed",
        };
        play(rules(), &format!("trip +30s {word} {probe} stale=0"));
    }
}

#[test]
fn a_call_just_under_the_slow_time_is_not_slow() {
    let mut player = play(plain().slow_calls(SECOND * 2, 1.0), "( +1999ms )s #1/0/0 ( +2000ms )s #2/0/1");
    player.play("( +1999ms +999999ns )s #3/0/1");
}

/// A callee that hangs is seen although no caller waits for it.
#[tokio::test]
async fn a_call_that_is_dropped_after_the_slow_time_is_slow() {
    let leave = async |player: &Player, after: Duration| {
        let mut call = Box::pin(player.breaker.call(std::future::pending::<Result<(), std::io::Error>>()));
        assert!(call.as_mut().now_or_never().is_none());
        player.hand.advance(after);
    };
    let mut player = play(plain().count_window(10).min_calls(5).slow_calls(SECOND * 2, 0.5), "");
    leave(&player, Duration::from_millis(1999)).await;
    player.play("#0/0/0");
    for _ in 0..5 {
        player.play("=closed");
        leave(&player, SECOND * 2).await;
    }
    player.play("#5/0/5 =open +30s");
    // A probe that hangs says the same.
    leave(&player, SECOND * 2).await;
    player.play("=open opens=2");

    let player = play(plain().consecutive(2).slow_as_failure(SECOND), "");
    leave(&player, SECOND).await;
    leave(&player, SECOND).await;
    assert_eq!((player.breaker.state(), player.breaker.snapshot().failed), (BreakerState::Open, 2));
}

/// What a caller's own deadline cut off is as if the caller had dropped it.
#[test]
fn a_cancelled_result_is_a_dropped_call() {
    for (after, calls) in [(SECOND, 0), (SECOND * 2, 1)] {
        let player = play(plain().slow_calls(SECOND * 2, 0.5), "");
        let permit = player.breaker.try_acquire().unwrap();
        player.hand.advance(after);
        permit.record(Class::Cancelled);
        let seen = player.breaker.snapshot();
        assert_eq!((seen.calls, seen.failed, seen.slow), (calls, 0, calls));
    }
    let player = play(plain(), "trip +30s");
    player.breaker.try_acquire().unwrap().record(Class::Cancelled);
    assert_eq!(player.breaker.snapshot().probes_out, 0);
}

/// It is a result, so it can come too late.
#[test]
fn a_slow_call_that_is_dropped_in_another_time_is_stale() {
    play(plain().slow_calls(SECOND, 0.5), "( ( reset +1s )c stale=1 +0s trip )c stale=2 #0/0/0");
    play(plain().slow_calls(SECOND, 0.5), "( reset )c stale=0 ( disable +1s )c stale=1 ( +1s )c stale=1");
}

#[test]
fn the_failure_rate_is_reached_not_passed() {
    for (rate, of, failures) in [
        (0.5, 10, 5),
        (0.55, 100, 55),
        (0.29, 100, 29),
        (0.1, 10, 1),
        (1.0, 20, 20),
        (0.000_001, 7, 1),
        (2.0 / 3.0, 3, 2),
        (1.0 / 3.0, 3, 1),
        (5.0 / 7.0, 7, 5),
    ] {
        let rules = plain().count_window(of).min_calls(of).failure_rate(rate);
        let mut player = Player::new(rules);
        player.play(&format!("s*{} f*{} =closed", of - failures, failures - 1));
        player.play("f =open");
    }
}

#[test]
fn a_rate_of_one_is_reached_by_failures_alone() {
    play(plain().count_window(5).min_calls(5).failure_rate(1.0), "s f*4 =closed f =open");
}

#[test]
fn the_slow_rate_is_reached_not_passed() {
    let rules = || plain().count_window(10).min_calls(10).slow_calls(SECOND, 0.3);
    play(rules(), "s*7 S*2 =closed S =open #10/0/3");
    // A slow failure is both, and either limit will do.
    play(rules(), "s*7 F*2 =closed F =open #10/3/3");
}

#[test]
fn fewer_calls_than_the_minimum_are_not_judged() {
    play(plain().count_window(10).min_calls(4), "f*3 =closed f =open");
    play(plain().time_window(SECOND * 10).min_calls(4), "f*3 =closed f =open");
    play(plain().count_window(1).min_calls(1), "f =open");
    // The minimum is the whole window where that is smaller than 20, else 20.
    play(plain().count_window(7), "f*6 =closed f =open");
    play(plain().count_window(100), "f*19 =closed f =open");
    play(plain().time_window(SECOND * 10), "f*19 =closed f =open");
}

#[test]
fn a_good_call_never_opens() {
    play(plain().count_window(10).min_calls(4), "f*3 s =closed #4/3/0 f =open");
    play(plain().time_window(SECOND * 10).min_calls(4), "f*3 s =closed #4/3/0 f =open");
}

#[test]
fn a_slow_success_opens_by_the_slow_rate() {
    play(plain().count_window(10).min_calls(2).slow_calls(SECOND, 0.5), "s S =open");
}

#[test]
fn a_run_of_failures_is_broken_by_a_success_and_by_nothing_else() {
    play(plain().consecutive(3), "f f s f f =closed f =open");
    play(plain().consecutive(3), "f i f r c =closed f =open");
}

#[test]
fn a_slow_call_can_be_a_failure() {
    play(plain().consecutive(3).slow_as_failure(SECOND), "S F S =open");
    play(plain().consecutive(3).slow_as_failure(SECOND), "S S s S S =closed S =open");
    play(plain().count_window(4).slow_as_failure(SECOND), "s s S =closed #3/1/1 S =open");
    // Half-open as well.
    play(plain().consecutive(3).slow_as_failure(SECOND), "trip +30s S =open");
}

#[test]
fn open_ends_at_its_very_end() {
    play(plain(), "trip +30s =open s =closed");
    play(plain(), "trip +29s +999ms +999999ns x +1ns s =closed");
}

#[test]
fn half_open_needs_every_probe_and_gives_up_as_soon_as_they_cannot_help() {
    let rules = || plain().count_window(10).failure_rate(0.5).probes(4);
    play(rules(), "trip +30s s s s =half_open s =closed");
    play(rules(), "trip +30s f s s =half_open s =closed");
    play(rules(), "trip +30s f f =open");
    play(rules(), "trip +30s s s f =half_open f =open");
}

#[test]
fn half_open_honours_the_slow_rate() {
    let rules = || plain().count_window(10).probes(4).slow_calls(SECOND, 0.5);
    play(rules(), "trip +30s s S s =half_open S =open #4/0/2");
    play(rules(), "trip +30s s S s s =closed");
}

#[test]
fn half_open_after_a_run_takes_no_failure() {
    play(plain().consecutive(5).probes(3), "trip +30s s s f =open");
    play(plain().consecutive(5).probes(3), "trip +30s s i c s =half_open s =closed");
}

#[test]
fn the_last_failure_is_known_by_class() {
    let player = play(plain().count_window(10), "s");
    assert_eq!(player.breaker.snapshot().last_failure, None);
    let busy = Class::Busy { retry_after: Some(SECOND) };
    player.breaker.try_acquire().unwrap().record(busy);
    player.breaker.try_acquire().unwrap().record(Class::Ignored);
    player.breaker.try_acquire().unwrap().record(Class::Success);
    assert_eq!(player.breaker.snapshot().last_failure, Some(busy));
}

/// Breaker outside, another policy inside: its refusal is neither success nor failure, whichever way it comes.
#[tokio::test]
async fn an_inner_refusal_is_neutral_by_default_and_a_failure_if_one_says_so() {
    let inner = play(plain(), "force").breaker;
    let outer = play(plain().consecutive(1), "").breaker;
    let work = || async { Ok::<_, std::fmt::Error>(1) };
    let refused = outer.around(inner.call(work())).await;
    assert!(matches!(refused, Err(CallError::Rejected(it)) if it.policy() == "case"));
    let by_hand = |result: Result<&i32, &CallError<std::fmt::Error>>| match result {
        Ok(_) => Class::Success,
        Err(CallError::Rejected(_)) => Class::Rejected,
        Err(_) => Class::Transient,
    };
    assert!(outer.call_with(by_hand, inner.call(work())).await.is_err());
    assert_eq!((outer.state(), outer.snapshot().calls), (BreakerState::Closed, 0));
    // Somebody may think otherwise.
    let everything = |result: Result<&i32, &CallError<std::fmt::Error>>| match result {
        Ok(_) => Class::Success,
        Err(_) => Class::Transient,
    };
    assert!(outer.call_with(everything, inner.call(work())).await.is_err());
    assert_eq!(outer.state(), BreakerState::Open);
}

/// Sliding is sliding: what lies before the window says nothing.
#[test]
fn after_ten_thousand_successes_fifty_failures_of_a_hundred_open() {
    let rules = || plain().count_window(100).failure_rate(0.5);
    play(rules(), "s*10000 #100/0/0 f*49 =closed f =open #100/50/0");
    let mut player = Player::new(rules());
    player.play("s*10000");
    for failure in 1..=50 {
        assert_eq!(player.breaker.state(), BreakerState::Closed, "before failure {failure}");
        player.play("s f");
    }
    assert_eq!(player.breaker.state(), BreakerState::Open);
}
