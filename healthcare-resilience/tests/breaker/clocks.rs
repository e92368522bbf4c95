//! Clocks that stand still, jump and go back.

use crate::script::{Player, plain, play};
use healthcare_resilience::{BreakerState, CircuitBreaker, Moment};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Sets the clock to `by` before what it shows.
fn back(player: &Player, by: Duration) {
    player.hand.set(Moment::from_nanos(player.clock.now().as_nanos() - by.as_nanos() as u64));
}

/// Whenever the clock is set back, and by how much: at most one open time more.
#[test]
fn a_clock_that_goes_back_prolongs_open_by_no_more_than_one_open_time() {
    for (waited, by) in [(1, 1), (10, 1), (10, 29), (29, 3600), (1, 36_000)] {
        let mut player = play(plain(), "trip");
        player.hand.advance(SECOND * waited);
        player.play("x");
        back(&player, SECOND * by);
        player.play("x +30s");
        if player.breaker.try_acquire().is_err() {
            player.hand.advance(SECOND * 30);
            assert!(player.breaker.try_acquire().is_ok(), "after {waited} s back by {by} s");
        }
    }
}

#[test]
fn a_clock_that_goes_back_far_starts_the_wait_anew() {
    let mut player = play(plain(), "trip +29s x");
    back(&player, SECOND * 3600);
    player.play("x left=30s +29s x +1s s =closed");
}

#[test]
fn a_clock_that_goes_back_prolongs_a_lease_by_no_more_than_one_lease() {
    let mut player = play(plain().lease(SECOND * 60), "trip +30s ( +59s");
    back(&player, SECOND * 3600);
    player.play("x +59s x +1s ( )s stale=1 )s =closed");
}

#[test]
fn a_clock_that_stands_still_counts_and_opens() {
    play(plain().time_window(SECOND * 10).min_calls(4), "f*4 =open x*10 =open");
}

#[test]
fn ten_years_later_everything_is_forgotten_and_works() {
    let rules = || plain().time_window(SECOND * 10).min_calls(4).lease(SECOND * 60);
    let mut player = play(rules(), "f*3");
    player.hand.advance(YEAR * 10);
    player.play("#0/0/0 f*3 =closed f =open");
    player.hand.advance(YEAR * 10);
    player.play("( x");
    player.hand.advance(YEAR * 10);
    player.play("s =closed )f stale=1");
}

/// A call does not get slow because the clock was set back, and a window does not freeze.
#[test]
fn a_clock_that_goes_back_makes_nothing_slow() {
    let mut player = play(plain().count_window(10).slow_calls(SECOND, 1.0), "(");
    player.hand.set(Moment::START);
    player.play(")s #1/0/0");
    let mut player = play(plain().time_window(SECOND * 10).min_calls(4), "f f f");
    back(&player, SECOND * 1800);
    player.play("f f f #3/3/0 +10s #0/0/0 =closed");
}

/// Nothing but the clock of the breaker is asked: paused time drives it all.
#[tokio::test(start_paused = true)]
async fn paused_time_drives_a_breaker() {
    let breaker = CircuitBreaker::builder("paused").open_for(SECOND * 30).open_jitter(0.0).build().unwrap();
    breaker.trip();
    tokio::time::advance(SECOND * 30 - Duration::from_millis(1)).await;
    assert!(breaker.try_acquire().is_err());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(breaker.try_acquire().is_ok());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}
