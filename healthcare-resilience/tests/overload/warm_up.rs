use crate::Never;
use healthcare_resilience::{Clock, ClockHand, RejectReason, WarmUp, WarmUpCurve};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn warm_up(curve: WarmUpCurve) -> (WarmUp, ClockHand) {
    let (clock, hand) = Clock::manual();
    let builder = WarmUp::builder("api").calls(10, 1_000).over(SECOND * 100).curve(curve);
    (builder.clock(clock).build().unwrap(), hand)
}

#[test]
fn it_grows_linearly() {
    let (warm_up, hand) = warm_up(WarmUpCurve::Linear);
    for limit in [10, 257, 505, 752] {
        assert_eq!(warm_up.limit(), Some(limit));
        hand.advance(SECOND * 25);
    }
    assert_eq!(warm_up.limit(), None);
}

#[test]
fn it_grows_exponentially() {
    let (warm_up, hand) = warm_up(WarmUpCurve::Exponential);
    for limit in [10, 31, 100, 316] {
        assert_eq!(warm_up.limit(), Some(limit));
        hand.advance(SECOND * 25);
    }
    assert!(warm_up.is_warm());
}

#[test]
fn it_never_shrinks() {
    for curve in [WarmUpCurve::Linear, WarmUpCurve::Exponential] {
        let (warm_up, hand) = warm_up(curve);
        let mut former = 0;
        while let Some(limit) = warm_up.limit() {
            assert!((10..=1_000).contains(&limit) && limit >= former);
            former = limit;
            hand.advance(SECOND / 7);
        }
        assert!(former > 950);
    }
}

#[test]
fn no_more_than_the_limit_are_let_in() {
    let (warm_up, hand) = warm_up(WarmUpCurve::Linear);
    let mut held: Vec<_> = std::iter::from_fn(|| warm_up.try_acquire_owned().ok()).collect();
    assert_eq!(held.len(), 10);
    let refused = warm_up.try_acquire().unwrap_err();
    assert_eq!((refused.policy(), refused.reason()), ("api", RejectReason::WarmingUp));
    assert_eq!(refused.retry_after(), Some(SECOND * 100 / 990));
    hand.advance(refused.retry_after().unwrap() * 2);
    held.push(warm_up.try_acquire_owned().unwrap());
    drop(held);
    assert!(warm_up.try_acquire().is_ok());
}

#[test]
fn when_it_is_warm_all_are_let_in() {
    let (warm_up, hand) = warm_up(WarmUpCurve::Linear);
    let cold = warm_up.try_acquire().unwrap();
    hand.advance(SECOND * 100);
    let held: Vec<_> = (0..5_000).map(|_| warm_up.try_acquire().unwrap()).collect();
    drop(cold);
    // Begun again, it counts from nothing: those that were not counted give nothing back.
    warm_up.restart();
    drop(held);
    assert_eq!(warm_up.limit(), Some(10));
    assert_eq!(
        std::iter::from_fn(|| warm_up.try_acquire_owned().ok()).take(99).collect::<Vec<_>>().len(),
        10
    );
}

#[test]
fn a_clock_that_steps_back_keeps_it_cold() {
    let (warm_up, hand) = warm_up(WarmUpCurve::Exponential);
    hand.set(healthcare_resilience::Moment::START);
    assert_eq!(warm_up.limit(), Some(10));
}

#[tokio::test]
async fn a_call_that_is_refused_is_not_begun() {
    let (warm_up, _hand) = warm_up(WarmUpCurve::Linear);
    assert_eq!(warm_up.call(async { Ok::<_, Never>(5) }).await.unwrap(), 5);
    let held: Vec<_> = std::iter::from_fn(|| warm_up.try_acquire_owned().ok()).collect();
    let refused = warm_up.call(async { Ok::<_, Never>(5) }).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), RejectReason::WarmingUp);
    drop(held);
}
