//! What the policies against overload tell: refusals, moves, and nothing else.

use crate::{MS, Never, stepping};
use healthcare_resilience::{
    AdaptiveLimit, Aimd, Class, Clock, Dimmer, Optional, OverloadEvent, Priority, RejectReason, Shedder,
    Throttle, WarmUp, WarmUpCurve,
};
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

fn refused(reason: RejectReason, priority: Option<Priority>) -> OverloadEvent {
    OverloadEvent::Refused { policy: "laboratory", reason, priority, retry_after: None }
}

fn told(events: &mut Receiver<OverloadEvent>) -> Vec<OverloadEvent> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

#[test]
fn a_limit_tells_its_refusals_and_moves() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(2).max(3).build().unwrap();
    let (mut one, mut two) = (limit.events(), limit.clone().events());
    let (first, second) = (limit.try_acquire().unwrap(), limit.try_acquire_owned().unwrap());
    limit.try_acquire().unwrap_err();
    limit.try_acquire_owned().unwrap_err();
    hand.advance(MS);
    first.record(Class::Success);
    second.record(Class::Transient);
    // At its maximum it does not move, and so tells nothing.
    drop(limit.try_acquire().unwrap());
    for events in [&mut one, &mut two] {
        let moved = |from, to| OverloadEvent::LimitMoved { policy: "laboratory", from, to };
        let full = refused(RejectReason::Overloaded, None);
        assert_eq!(told(events), [full, full, moved(2, 3), moved(3, 2)]);
    }
    drop((one, two));
    for _ in 0..3 {
        drop(limit.try_acquire());
    }
}

#[test]
fn a_limit_that_did_not_move_tells_nothing() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(3).max(3).build().unwrap();
    let mut events = limit.events();
    crate::sample(&limit, &hand, MS, 3, Class::Success);
    crate::sample(&limit, &hand, MS, 1, Class::Ignored);
    assert_eq!(told(&mut events), []);
}

#[test]
fn a_shedder_tells_how_much_the_refused_call_mattered() {
    let shedder = Shedder::builder("laboratory").max_calls(2).build().unwrap();
    let mut events = shedder.events();
    let _first = shedder.try_acquire(Priority::Background).unwrap();
    shedder.try_acquire(Priority::Background).unwrap_err();
    shedder.try_acquire_owned(Priority::Normal).unwrap_err();
    let _second = shedder.try_acquire(Priority::Emergency).unwrap();
    shedder.try_acquire_for(Priority::Emergency, "clinic-7").unwrap_err();
    shedder.try_acquire_for(Priority::Background, "clinic-7").unwrap_err();
    assert_eq!(
        told(&mut events),
        [
            refused(RejectReason::Shed, Some(Priority::Background)),
            refused(RejectReason::Shed, Some(Priority::Normal)),
            refused(RejectReason::Overloaded, Some(Priority::Emergency)),
            refused(RejectReason::Shed, Some(Priority::Background)),
        ]
    );
}

#[test]
fn a_shedder_tells_and_its_limit_does_not() {
    let limit = AdaptiveLimit::builder("inner").algorithm(Aimd::default()).initial(1).build().unwrap();
    let shedder = Shedder::builder("laboratory").limit(limit.clone()).build().unwrap();
    let (mut of_limit, mut of_shedder) = (limit.events(), shedder.events());
    let _held = shedder.try_acquire(Priority::Normal).unwrap();
    shedder.try_acquire(Priority::Normal).unwrap_err();
    assert_eq!(told(&mut of_limit), [], "the shedder refused");
    assert_eq!(told(&mut of_shedder), [refused(RejectReason::Shed, Some(Priority::Normal))]);
}

#[tokio::test]
async fn a_throttle_tells_what_it_leaves_out() {
    let throttle = Throttle::builder("laboratory").min_calls(1).min_pass(1e-9).seed(1).build().unwrap();
    let mut events = throttle.events();
    let mut left_out = 0;
    for _ in 0..100 {
        let call = throttle.call(async { Err::<(), _>(Never) }).await;
        left_out += usize::from(call.unwrap_err().rejection().is_some());
    }
    assert!(left_out > 32);
    assert_eq!(events.try_recv(), Err(TryRecvError::Lagged(left_out as u64 - 32)));
    assert_eq!(told(&mut events), [refused(RejectReason::Throttled, None); 32]);
}

#[test]
fn a_dimmer_tells_what_it_leaves_out_and_its_moves() {
    let (clock, hand) = Clock::manual();
    let dimmer = Dimmer::builder("laboratory").target(MS).gains(1.0, 1.0).clock(clock).build().unwrap();
    let mut events = dimmer.events();
    assert!(dimmer.is_on(Optional::Luxury));
    let second = |latency: Duration| {
        hand.advance(Duration::from_secs(1));
        dimmer.record(latency);
    };
    second(MS * 10);
    assert!(!dimmer.is_on(Optional::Useful));
    assert!(dimmer.is_on_for(Optional::Useful, Priority::Emergency));
    // It is at the end of its way and moves no more.
    second(MS * 10);
    second(MS / 2);
    let policy = "laboratory";
    let [down, left_out, up] = told(&mut events)[..] else { panic!("three events") };
    assert_eq!(down, OverloadEvent::LevelMoved { policy, from: 1.0, to: 0.0 });
    assert_eq!(left_out, OverloadEvent::LeftOut { policy, optional: Optional::Useful });
    assert_eq!(up, OverloadEvent::LevelMoved { policy, from: 0.0, to: dimmer.level() });
}

#[test]
fn a_warm_up_tells_its_refusals_its_end_and_its_beginning_each_once() {
    let (clock, hand) = Clock::manual();
    let builder = WarmUp::builder("laboratory").calls(1, 11).over(Duration::from_secs(10));
    let warm_up = builder.curve(WarmUpCurve::Linear).clock(clock).build().unwrap();
    let mut events = warm_up.events();
    let policy = "laboratory";
    let full = OverloadEvent::Refused {
        policy,
        reason: RejectReason::WarmingUp,
        priority: None,
        retry_after: Some(Duration::from_secs(1)),
    };
    for _ in 0..2 {
        let held = warm_up.try_acquire().unwrap();
        warm_up.try_acquire_owned().unwrap_err();
        drop(held);
        hand.advance(Duration::from_secs(10));
        assert!(warm_up.is_warm());
        assert_eq!(told(&mut events), [full], "the end is told by a call");
        for _ in 0..3 {
            drop(warm_up.try_acquire().unwrap());
        }
        assert_eq!(told(&mut events), [OverloadEvent::WarmedUp { policy }]);
        warm_up.restart();
        assert_eq!(told(&mut events), [OverloadEvent::Restarted { policy }]);
    }
    // Set back, the clock begins it anew, and its end is told anew.
    hand.set(healthcare_resilience::Moment::START);
    hand.advance(Duration::from_secs(1));
    drop(warm_up.try_acquire().unwrap());
    hand.advance(Duration::from_secs(10));
    drop(warm_up.try_acquire().unwrap());
    assert_eq!(told(&mut events), [OverloadEvent::WarmedUp { policy }]);
}
