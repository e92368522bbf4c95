//! A clock that is set far ahead and then back. What was noted meanwhile lies in the future, and must not hold for years.

use crate::{MS, stepping};
use healthcare_resilience::{
    Aimd, Class, Clock, ClockHand, Dimmer, Gradient, LimitAlgorithm, Throttle, Vegas, WarmUp,
};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Does `act` in ten years, and comes back a second after it left.
fn ahead_and_back<T>(clock: &Clock, hand: &ClockHand, act: impl FnOnce() -> T) -> T {
    let left = clock.now();
    hand.advance(YEARS);
    let done = act();
    hand.set(left.after(SECOND));
    done
}

#[test]
fn a_throttle_forgets_what_it_saw_ahead() {
    let (clock, hand) = Clock::manual();
    let builder = Throttle::builder("laboratory").clock(clock.clone()).min_calls(1).min_pass(0.000_001);
    let throttle = builder.window(SECOND * 10).build().unwrap();
    let call = || throttle.try_acquire();
    let late = ahead_and_back(&clock, &hand, || {
        let late = throttle.try_acquire().unwrap();
        for permit in (0..100).map(|_| call()).collect::<Vec<_>>() {
            permit.unwrap().record(Class::Transient);
        }
        assert!(throttle.chance() > 0.9);
        late
    });
    assert!(throttle.chance() < 1e-9, "nobody knows how old that is");
    // What was counted ahead takes nothing from what is counted now.
    call().unwrap().record(Class::Transient);
    let before = throttle.chance();
    drop(late);
    assert!(before > 0.4 && (throttle.chance() - before).abs() < 1e-9);
    hand.advance(SECOND * 10);
    assert!(throttle.chance() < 1e-9, "and the window goes on");
}

#[test]
fn a_throttle_keeps_its_window_when_the_clock_is_set_back_a_little() {
    let (clock, hand) = Clock::manual();
    let builder = Throttle::builder("laboratory").clock(clock.clone()).min_calls(1);
    let throttle = builder.window(SECOND * 10).build().unwrap();
    hand.advance(SECOND * 60);
    let now = clock.now();
    for permit in (0..100).map(|_| throttle.try_acquire()).collect::<Vec<_>>() {
        permit.unwrap().record(Class::Transient);
    }
    hand.set(healthcare_resilience::Moment::from_nanos(now.as_nanos() - 5_000_000_000));
    assert!(throttle.chance() > 0.9);
}

#[test]
fn aimd_still_shrinks() {
    let (builder, hand) = stepping(Aimd::default());
    let (clock, own) = Clock::manual();
    drop(hand);
    let limit = builder.clock(clock.clone()).initial(100).build().unwrap();
    let fail = || limit.try_acquire().unwrap().record(Class::Transient);
    ahead_and_back(&clock, &own, fail);
    assert_eq!(limit.limit(), 90);
    fail();
    assert_eq!(limit.limit(), 81, "a new round");
    fail();
    assert_eq!(limit.limit(), 81, "the same one");
    own.advance(MS);
    fail();
    assert_eq!(limit.limit(), 72);
}

/// So many calls at once that the limit is in use, for so many rounds. Returns the highest limit.
fn load(limit: &healthcare_resilience::AdaptiveLimit, hand: &ClockHand, rounds: usize) -> usize {
    let mut highest = 0;
    for _ in 0..rounds {
        let calls: Vec<_> = std::iter::from_fn(|| limit.try_acquire().ok()).collect();
        hand.advance(MS * 100);
        calls.into_iter().for_each(|call| call.record(Class::Success));
        highest = highest.max(limit.limit());
    }
    highest
}

#[test]
fn windows_and_probes_end() {
    let algorithms: [LimitAlgorithm; 2] = [Vegas::default().into(), Gradient::default().into()];
    for algorithm in algorithms {
        // However far the window or the probe had come.
        for rounds in 1..40 {
            let (builder, _) = stepping(algorithm);
            let (clock, hand) = Clock::manual();
            let builder = builder.window(MS * 300, 2).probe_every(2).initial(20);
            let limit = builder.clock(clock.clone()).build().unwrap();
            let before = ahead_and_back(&clock, &hand, || load(&limit, &hand, rounds));
            let after = load(&limit, &hand, 100);
            assert!(after > before.max(20), "{algorithm:?}, {rounds} rounds: {before}, then {after}");
        }
    }
}

#[test]
fn a_warm_up_that_began_ahead_begins_again() {
    let (clock, hand) = Clock::manual();
    let builder = WarmUp::builder("api").calls(10, 1_000).over(SECOND * 100);
    let warm_up = builder.clock(clock.clone()).build().unwrap();
    ahead_and_back(&clock, &hand, || warm_up.restart());
    assert_eq!(warm_up.limit(), Some(10));
    hand.advance(SECOND * 100);
    assert!(warm_up.is_warm());
}

#[test]
fn a_dimmer_goes_on_dimming() {
    let (clock, hand) = Clock::manual();
    let builder = Dimmer::builder("page").target(MS * 100).period(SECOND);
    let dimmer = builder.clock(clock.clone()).build().unwrap();
    ahead_and_back(&clock, &hand, || dimmer.record(MS));
    for _ in 0..3 {
        dimmer.record(SECOND * 10);
        hand.advance(SECOND);
    }
    assert!(dimmer.level() < 0.9, "{}", dimmer.level());
}
