use crate::{MS, Never, sample, stepping};
use healthcare_resilience::{
    AdaptiveLimit, Aimd, CallError, Class, Clock, Gradient, LimitAlgorithm, RejectReason, Vegas,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn all() -> [LimitAlgorithm; 3] {
    [Aimd::default().into(), Vegas::default().into(), Gradient::default().into()]
}

#[test]
fn as_many_as_the_limit_are_let_in() {
    let (builder, _) = stepping(Aimd::default());
    let limit = builder.initial(10).build().unwrap();
    let mut permits: Vec<_> = (0..10).map(|_| limit.try_acquire_owned().unwrap()).collect();
    assert_eq!(limit.in_flight(), 10);
    let refused = limit.try_acquire().unwrap_err();
    assert_eq!((refused.policy(), refused.reason()), ("laboratory", RejectReason::Overloaded));
    drop(permits.pop());
    assert_eq!(limit.in_flight(), 9);
    assert!(limit.try_acquire().is_ok() && limit.clone().try_acquire().is_ok());
}

#[test]
fn a_shrunk_limit_waits_until_enough_are_out() {
    let (builder, hand) = stepping(Aimd::default().ratio(0.5));
    let limit = builder.initial(4).build().unwrap();
    let mut permits: Vec<_> = (0..4).map(|_| limit.try_acquire().unwrap()).collect();
    hand.advance(MS);
    permits.pop().unwrap().record(Class::Transient);
    assert_eq!((limit.limit(), limit.in_flight()), (2, 3), "those under way stay");
    drop(permits.pop());
    assert!(limit.try_acquire().is_err(), "two of two");
    drop(permits.pop());
    assert!(limit.try_acquire().is_ok());
}

#[test]
fn a_grown_limit_lets_more_in_at_once() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(4).build().unwrap();
    let _held: Vec<_> = (0..3).map(|_| limit.try_acquire().unwrap()).collect();
    sample(&limit, &hand, MS, 1, Class::Success);
    assert!(limit.limit() == 5 && limit.try_acquire().is_ok());
}

#[test]
fn only_success_and_failure_are_signs() {
    for neutral in [Some(Class::Ignored), Some(Class::Rejected), None] {
        for algorithm in all() {
            let (builder, hand) = stepping(algorithm);
            let limit = builder.initial(20).build().unwrap();
            for _ in 0..100 {
                let permits: Vec<_> = (0..20).map(|_| limit.try_acquire().unwrap()).collect();
                hand.advance(MS * 10_000);
                for permit in permits {
                    match neutral {
                        Some(class) => permit.record(class),
                        None => drop(permit),
                    }
                }
            }
            assert_eq!((limit.limit(), limit.in_flight()), (20, 0), "{neutral:?} {algorithm:?}");
        }
    }
}

#[test]
fn a_window_needs_its_time_and_its_samples() {
    let (clock, hand) = Clock::manual();
    let builder = AdaptiveLimit::builder("laboratory").algorithm(Gradient::default().smoothing(1.0));
    let limit = builder.initial(10).clock(clock).window(MS * 100, 10).build().unwrap();
    for _ in 0..9 {
        sample(&limit, &hand, MS * 20, 10, Class::Success);
    }
    assert_eq!(limit.limit(), 10, "180 ms, but nine samples");
    sample(&limit, &hand, MS * 20, 10, Class::Success);
    assert_eq!(limit.limit(), 14);
    for _ in 0..50 {
        sample(&limit, &hand, MS, 14, Class::Success);
    }
    assert_eq!(limit.limit(), 14, "fifty samples, but 50 ms");
}

#[test]
fn a_clock_that_steps_back_does_no_harm() {
    for algorithm in all() {
        let (builder, hand) = stepping(algorithm);
        let limit = builder.build().unwrap();
        sample(&limit, &hand, MS * 10, 20, Class::Success);
        let permits: Vec<_> = (0..20).map(|_| limit.try_acquire().unwrap()).collect();
        hand.set(healthcare_resilience::Moment::START);
        for permit in permits {
            permit.record(Class::Success);
        }
        hand.advance(Duration::MAX);
        sample(&limit, &hand, Duration::MAX, 1, Class::Success);
        assert!((1..=200).contains(&limit.limit()));
    }
}

#[tokio::test]
async fn a_call_records_its_result() {
    let (builder, _) = stepping(Aimd::default());
    let limit = builder.initial(1).build().unwrap();
    assert_eq!(limit.call(async { Ok::<_, Never>(3) }).await.unwrap(), 3);
    assert_eq!(limit.limit(), 2);
    let failed = limit.call(async { Err::<(), _>(Never) }).await;
    assert_eq!(failed.unwrap_err().into_inner(), Some(Never));
    assert_eq!(limit.limit(), 1);
    let ignore = |_: Result<&(), &Never>| Class::Ignored;
    assert!(limit.call_with(ignore, async { Err::<(), _>(Never) }).await.is_err());
    assert_eq!(limit.limit(), 1);
    let held = limit.try_acquire().unwrap();
    let refused = limit.call(async { Ok::<_, Never>(()) }).await;
    assert!(matches!(refused, Err(CallError::Rejected(_))));
    drop(held);
}

#[test]
fn many_threads_never_exceed_a_limit_that_stands() {
    let (builder, _) = stepping(Aimd::default());
    let limit = builder.initial(10).min(10).max(10).build().unwrap();
    let (inside, peak, served) = <(Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    let Ok(permit) = limit.try_acquire() else { continue };
                    peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    permit.record(Class::Success);
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(peak.load(Ordering::SeqCst) <= 10 && served.load(Ordering::SeqCst) > 0);
    assert_eq!((limit.in_flight(), limit.limit()), (0, 10));
}
