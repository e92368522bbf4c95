use crate::{MS, Never};
use healthcare_resilience::{Clock, ClockHand, Dimmer, DimmerBuilder, Optional, Priority, RejectReason};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// A latency that is not rounded.
const TARGET: Duration = Duration::from_micros(1 << 18);

fn dimmer() -> (DimmerBuilder, ClockHand) {
    let (clock, hand) = Clock::manual();
    (Dimmer::builder("patient-page").target(TARGET).clock(clock), hand)
}

/// A period in which every answer takes `latency`.
fn period(dimmer: &Dimmer, hand: &ClockHand, latency: Duration) {
    for _ in 0..20 {
        hand.advance(SECOND / 20);
        dimmer.record(latency);
    }
}

/// A dimmer at about that level.
fn at(level: f64) -> Dimmer {
    let (builder, hand) = dimmer();
    let dimmer = builder.gains(0.001, 0.002).build().unwrap();
    while dimmer.level() > level {
        period(&dimmer, &hand, SECOND * 10);
    }
    dimmer
}

fn on(dimmer: &Dimmer, optional: Optional) -> usize {
    (0..1_000).filter(|_| dimmer.is_on(optional)).count()
}

fn assert_near(one: f64, other: f64) {
    assert!((one - other).abs() < 1e-9, "{one} is not {other}");
}

#[test]
fn it_begins_with_everything_on() {
    let (builder, hand) = dimmer();
    let dimmer = builder.build().unwrap();
    assert_near(dimmer.level(), 1.0);
    for _ in 0..10 {
        period(&dimmer, &hand, MS * 10);
    }
    assert_near(dimmer.level(), 1.0);
    assert_eq!(on(&dimmer, Optional::Luxury), 1_000);
}

#[test]
fn it_goes_down_fast_and_up_slowly() {
    let (builder, hand) = dimmer();
    let dimmer = builder.build().unwrap();
    period(&dimmer, &hand, SECOND * 5);
    period(&dimmer, &hand, SECOND * 5);
    assert_near(dimmer.level(), 0.6);
    // At half of the target it rises by half of the gain.
    period(&dimmer, &hand, TARGET / 2);
    assert_near(dimmer.level(), 0.625);
    for _ in 0..100 {
        period(&dimmer, &hand, MS * 64);
    }
    assert_near(dimmer.level(), 1.0);
}

#[test]
fn at_the_target_it_stands() {
    let (builder, hand) = dimmer();
    let dimmer = builder.build().unwrap();
    period(&dimmer, &hand, SECOND);
    let level = dimmer.level();
    assert!(level < 1.0);
    for _ in 0..10 {
        period(&dimmer, &hand, TARGET);
    }
    assert_near(dimmer.level(), level);
}

#[test]
fn it_stops_at_nothing() {
    let (builder, hand) = dimmer();
    let dimmer = builder.build().unwrap();
    for _ in 0..50 {
        period(&dimmer, &hand, SECOND * 100);
    }
    assert_near(dimmer.level(), 0.0);
    for optional in [Optional::Luxury, Optional::Comfort, Optional::Useful] {
        assert_eq!(on(&dimmer, optional), 0, "{optional:?}");
    }
    // It did not wind up below zero: one good period is seen at once.
    period(&dimmer, &hand, MS);
    assert!(dimmer.level() > 0.04);
}

#[test]
fn the_quantile_counts_not_the_mean() {
    let (builder, hand) = dimmer();
    let dimmer = builder.quantile(0.9).build().unwrap();
    for slow in [1, 3] {
        for at in 0..20 {
            hand.advance(SECOND / 20);
            dimmer.record(if at < slow { SECOND * 60 } else { MS * 100 });
        }
        assert_eq!(dimmer.level() < 1.0, slow > 2, "{slow} of 20 are slow");
    }
}

#[test]
fn what_would_be_missed_least_goes_first() {
    let most = at(0.95);
    assert_eq!((on(&most, Optional::Useful), on(&most, Optional::Comfort)), (1_000, 1_000));
    assert!((800..900).contains(&on(&most, Optional::Luxury)));
    let half = at(0.5);
    assert_eq!((on(&half, Optional::Useful), on(&half, Optional::Luxury)), (1_000, 0));
    assert!((480..=500).contains(&on(&half, Optional::Comfort)));
    let little = at(0.1);
    assert_eq!((on(&little, Optional::Comfort), on(&little, Optional::Luxury)), (0, 0));
    assert!((280..=300).contains(&on(&little, Optional::Useful)));
}

#[test]
fn emergencies_are_never_dimmed() {
    let off = at(0.0);
    for optional in [Optional::Luxury, Optional::Comfort, Optional::Useful] {
        assert!(off.is_on_for(optional, Priority::Emergency));
        assert!(!off.is_on_for(optional, Priority::Clinical));
    }
}

#[test]
fn any_hundred_calls_get_their_share() {
    let half = at(0.5);
    for _ in 0..50 {
        let on = (0..100).filter(|_| half.is_on(Optional::Comfort)).count();
        assert!((45..=53).contains(&on), "{on}");
    }
}

#[test]
fn it_settles_where_the_latency_meets_the_target() {
    let (builder, hand) = dimmer();
    let dimmer = builder.build().unwrap();
    // The optional work makes 900 of 1,000 ms.
    for _ in 0..500 {
        period(&dimmer, &hand, MS * 100 + (MS * 900).mul_f64(dimmer.level()));
    }
    let latency = 100.0 + 900.0 * dimmer.level();
    assert!((150.0..320.0).contains(&latency), "{latency} ms for a target of 262");
}

#[test]
fn a_period_without_answers_changes_nothing() {
    let (builder, hand) = dimmer();
    let dimmer = builder.build().unwrap();
    period(&dimmer, &hand, SECOND);
    let level = dimmer.level();
    hand.advance(SECOND * 3_600);
    assert_near(dimmer.level(), level);
    hand.set(healthcare_resilience::Moment::START);
    dimmer.record(SECOND);
    assert_near(dimmer.level(), level);
}

#[tokio::test]
async fn optional_work_that_is_off_is_not_begun() {
    let off = at(0.0);
    let dimmed = off.call(Optional::Useful, async { Ok::<_, Never>(1) }).await.unwrap_err();
    let rejection = dimmed.rejection().unwrap();
    assert_eq!((rejection.policy(), rejection.reason()), ("patient-page", RejectReason::Dimmed));
    let (builder, _) = dimmer();
    let on = builder.build().unwrap();
    assert_eq!(on.call(Optional::Luxury, async { Ok::<_, Never>(1) }).await.unwrap(), 1);
    assert!(
        on.call(Optional::Luxury, async { Err::<(), _>(Never) }).await.unwrap_err().into_inner().is_some()
    );
}
