use crate::{MS, Never};
use healthcare_resilience::{
    Class, Clock, ClockHand, RejectReason, Throttle, ThrottleBuilder, ThrottleFormula, time_out,
};
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(120);

fn throttle() -> (ThrottleBuilder, ClockHand) {
    let (clock, hand) = Clock::manual();
    (Throttle::builder("laboratory").clock(clock).seed(11).min_calls(1), hand)
}

/// So many calls that were sent and came back. Sent first, so that none is left out meanwhile.
fn seen(throttle: &Throttle, accepted: usize, failed: usize) {
    let permits: Vec<_> = (0..accepted + failed).map(|_| throttle.try_acquire().unwrap()).collect();
    for (at, permit) in permits.into_iter().enumerate() {
        permit.record(if at < accepted { Class::Success } else { Class::Transient });
    }
}

fn chance(k: f64, accepted: usize, failed: usize) -> f64 {
    let (clock, _hand) = Clock::manual();
    let builder = Throttle::builder("laboratory").clock(clock).min_pass(f64::MIN_POSITIVE);
    let minimum = u32::try_from(accepted + failed).unwrap();
    let throttle = builder.formula(ThrottleFormula::Sre { k }).min_calls(minimum).build().unwrap();
    seen(&throttle, accepted, failed);
    throttle.chance()
}

fn assert_near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} is not {other}");
}

#[test]
fn the_chance_is_googles() {
    assert_near(chance(2.0, 0, 0), 0.0);
    assert_near(chance(2.0, 50, 50), 0.0);
    assert_near(chance(2.0, 40, 60), 20.0 / 101.0);
    assert_near(chance(2.0, 0, 100), 100.0 / 101.0);
    // With k = 1 / 0.9 it is failsafe-go's: throttle below nine successes in ten.
    let k = 1.0 / 0.9;
    assert_near(chance(k, 95, 5), 0.0);
    assert_near(chance(k, 90, 30), 20.0 / 121.0);
    assert!((0.7..0.8).contains(&chance(k, 50, 150)));
    let falling: Vec<_> =
        [90, 70, 50].into_iter().map(|accepted| chance(k, accepted, 100 - accepted)).collect();
    assert!(falling[0] < 1e-9 && falling[1] > falling[0] && falling[2] > falling[1]);
}

#[test]
fn the_chance_after_one_failure_is_a_half() {
    let (builder, _hand) = throttle();
    let throttle = builder.build().unwrap();
    throttle.try_acquire().unwrap().record(Class::Transient);
    assert_near(throttle.chance(), 0.5);
}

#[test]
fn envoys_formula() {
    let rule = |aggression: f64| {
        let (clock, _hand) = Clock::manual();
        let formula = ThrottleFormula::Envoy { success: 0.5, aggression };
        let builder = Throttle::builder("x").clock(clock).formula(formula).min_calls(100);
        let throttle = builder.min_pass(0.000_1).build().unwrap();
        seen(&throttle, 20, 80);
        throttle.chance()
    };
    assert_near(rule(1.0), 60.0 / 101.0);
    assert_near(rule(2.0), (60.0_f64 / 101.0).sqrt());
}

#[test]
fn some_always_pass() {
    let (builder, _hand) = throttle();
    let throttle = builder.min_pass(0.1).build().unwrap();
    seen(&throttle, 0, 1_000);
    assert_near(throttle.chance(), 0.9);
    let passed = (0..10_000).filter(|_| throttle.try_acquire().is_ok()).count();
    assert!((800..1_200).contains(&passed), "{passed} of 10,000");
}

#[test]
fn nothing_is_left_out_before_enough_came_back() {
    let (builder, _hand) = throttle();
    let throttle = builder.min_calls(10).build().unwrap();
    let burst: Vec<_> = (0..500).map(|_| throttle.try_acquire().unwrap()).collect();
    assert_near(throttle.chance(), 0.0);
    let mut burst = burst.into_iter();
    for _ in 0..9 {
        burst.next().unwrap().record(Class::Transient);
    }
    assert_near(throttle.chance(), 0.0);
    burst.next().unwrap().record(Class::Transient);
    assert!(throttle.chance() > 0.9);
}

#[test]
fn a_call_counts_when_it_is_sent() {
    // zeromicro/go-zero #5011: counted when they end, a hundred calls that hang are not seen for as long as they do.
    let (builder, _hand) = throttle();
    let throttle = builder.min_calls(10).build().unwrap();
    seen(&throttle, 10, 0);
    assert_near(throttle.chance(), 0.0);
    let hanging: Vec<_> =
        std::iter::from_fn(|| Some(throttle.try_acquire_owned().ok())).flatten().take(90).collect();
    let hung = throttle.chance();
    assert!(hung > 0.7, "{hung}");
    for call in hanging {
        call.record(Class::Success);
    }
    // Those that were left out meanwhile still count as wanted.
    assert!(throttle.chance() < hung / 1.5);
}

/// As the documentation says: a callee that hangs is seen through a time-out further in, not where its callers leave.
#[tokio::test(start_paused = true)]
async fn a_callee_that_hangs_is_seen_through_a_time_out_further_in() {
    for (is_limited, is_seen) in [(true, true), (false, false)] {
        let (builder, _hand) = throttle();
        let throttle = builder.min_calls(10).build().unwrap();
        for _ in 0..50 {
            let hangs = std::future::pending::<Result<(), Never>>();
            if is_limited {
                drop(tokio::time::timeout(MS * 10, throttle.call(time_out(MS, hangs))).await);
            } else {
                drop(tokio::time::timeout(MS * 10, throttle.call(hangs)).await);
            }
        }
        assert_eq!(throttle.chance() > 0.8, is_seen);
    }
}

#[test]
fn a_call_that_is_left_out_counts_as_wanted() {
    let (builder, _hand) = throttle();
    let throttle = builder.build().unwrap();
    seen(&throttle, 10, 20);
    let before = throttle.chance();
    let mut refused = 0;
    while refused < 20 {
        match throttle.try_acquire() {
            Ok(permit) => drop(permit),
            Err(rejection) => {
                assert_eq!((rejection.policy(), rejection.reason()), ("laboratory", RejectReason::Throttled));
                refused += 1;
            }
        }
    }
    assert!(throttle.chance() > before);
}

#[test]
fn cancelled_and_rejected_calls_are_not_counted() {
    let (builder, hand) = throttle();
    let throttle = builder.build().unwrap();
    seen(&throttle, 10, 0);
    for _ in 0..1_000 {
        let late = throttle.try_acquire().unwrap();
        hand.advance(MS);
        drop(late);
        throttle.try_acquire().unwrap().record(Class::Rejected);
    }
    assert_near(throttle.chance(), 0.0);
    // One that is cancelled when its slice is long gone takes nothing from another.
    let late = throttle.try_acquire().unwrap();
    hand.advance(WINDOW * 2);
    seen(&throttle, 0, 1);
    drop(late);
    assert_near(throttle.chance(), 0.5);
}

#[test]
fn an_ignored_result_is_an_accepted_call() {
    let (builder, _hand) = throttle();
    let throttle = builder.build().unwrap();
    for _ in 0..100 {
        throttle.try_acquire().unwrap().record(Class::Ignored);
    }
    assert_near(throttle.chance(), 0.0);
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let (builder, hand) = throttle();
    let throttle = builder.build().unwrap();
    seen(&throttle, 0, 100);
    assert!(throttle.chance() > 0.9);
    hand.advance(WINDOW - WINDOW / 5);
    assert!(throttle.chance() > 0.9);
    hand.advance(WINDOW / 5);
    assert_near(throttle.chance(), 0.0);
}

#[test]
fn a_callee_that_recovers_is_served_again() {
    let (builder, hand) = throttle();
    let throttle = builder.window(Duration::from_secs(10)).min_calls(10).build().unwrap();
    let mut sent = [0_u32; 40];
    for (second, sent) in sent.iter_mut().enumerate() {
        for _ in 0..100 {
            hand.advance(MS * 10);
            let Ok(permit) = throttle.try_acquire() else { continue };
            *sent += 1;
            // Away for ten seconds.
            permit.record(if (5..15).contains(&second) { Class::Transient } else { Class::Success });
        }
    }
    assert_eq!(sent[4], 100);
    assert!(sent[14] < 50, "{sent:?}");
    assert_eq!(sent[39], 100, "{sent:?}");
}

#[test]
fn the_same_seed_draws_the_same() {
    let run = || {
        let (builder, _hand) = throttle();
        let throttle = builder.seed(99).build().unwrap();
        seen(&throttle, 0, 10);
        (0..64).map(|_| throttle.try_acquire().is_ok()).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[tokio::test]
async fn a_call_records_its_result() {
    let (builder, _hand) = throttle();
    let throttle = builder.build().unwrap();
    assert_eq!(throttle.call(async { Ok::<_, Never>(3) }).await.unwrap(), 3);
    let ignore = |_: Result<&(), &Never>| Class::Ignored;
    assert!(throttle.call_with(ignore, async { Err::<(), _>(Never) }).await.is_err());
    assert_near(throttle.chance(), 0.0);
    for _ in 0..8 {
        let _ = throttle.call(async { Err::<(), _>(Never) }).await;
    }
    assert!(throttle.chance() > 0.3);
    let mut refused = None;
    while refused.is_none() {
        refused = throttle.call(async { Err::<(), _>(Never) }).await.unwrap_err().rejection().copied();
    }
    assert_eq!(refused.unwrap().reason(), RejectReason::Throttled);
}
