use crate::{MS, Never, stepping};
use healthcare_resilience::{Aimd, Class, Clock, LimitPermit, Priority, RejectReason, Shedder};
use std::time::Duration;

const ALL: [Priority; 4] = [Priority::Background, Priority::Normal, Priority::Clinical, Priority::Emergency];

fn ten() -> Shedder {
    Shedder::builder("api").max_calls(10).shares(0.3, 0.5, 0.7).build().unwrap()
}

fn fill(shedder: &Shedder, priority: Priority) -> Vec<LimitPermit<'static>> {
    std::iter::from_fn(|| shedder.try_acquire_owned(priority).ok()).collect()
}

#[test]
fn each_priority_has_its_share_alone() {
    for (priority, places) in ALL.into_iter().zip([3, 5, 7, 10]) {
        let shedder = ten();
        let held = fill(&shedder, priority);
        assert_eq!((held.len(), shedder.in_flight()), (places, places), "{priority:?}");
        let reason = shedder.try_acquire(priority).unwrap_err().reason();
        let expected =
            if priority == Priority::Emergency { RejectReason::Overloaded } else { RejectReason::Shed };
        assert_eq!(reason, expected);
    }
}

#[test]
fn what_matters_least_is_shed_first_and_emergencies_last() {
    let shedder = ten();
    let mut held = Vec::new();
    for priority in ALL {
        held.extend(fill(&shedder, priority));
        for lower in ALL.into_iter().filter(|lower| *lower <= priority) {
            assert!(shedder.try_acquire(lower).is_err(), "{lower:?} after {priority:?}");
        }
    }
    assert_eq!(held.len(), 10, "3, then 2, 2 and 3 more");
    // Emergencies that are under way push the others out, not the other way round.
    held.truncate(4);
    assert!(shedder.try_acquire(Priority::Background).is_err());
    assert!(shedder.try_acquire(Priority::Normal).is_ok());
}

#[test]
fn a_place_that_is_freed_is_anybodys_whose_share_allows() {
    let shedder = ten();
    let mut held = fill(&shedder, Priority::Background);
    assert!(shedder.try_acquire(Priority::Background).is_err());
    held.pop().unwrap().record(Class::Success);
    assert_eq!(shedder.in_flight(), 2);
    held.push(shedder.try_acquire_owned(Priority::Background).unwrap());
    assert!(shedder.try_acquire(Priority::Background).is_err());
}

#[test]
fn shares_are_rounded_up_and_never_nothing() {
    let shedder = Shedder::builder("api").max_calls(1).shares(0.01, 0.01, 0.01).build().unwrap();
    for priority in ALL {
        assert_eq!(fill(&shedder, priority).len(), 1, "{priority:?}");
    }
    let shedder = Shedder::builder("api").max_calls(10).shares(0.31, 0.5, 0.5).build().unwrap();
    assert_eq!(fill(&shedder, Priority::Background).len(), 4);
}

/// However small the limit, there is a place that only those who matter more may take, as long as there are two.
#[test]
fn a_place_is_kept_for_whoever_matters_more() {
    let places = |limit| {
        ALL.map(|priority| fill(&Shedder::builder("api").max_calls(limit).build().unwrap(), priority).len())
    };
    for (limit, expected) in [
        (1, [1, 1, 1, 1]),
        (2, [1, 1, 1, 2]),
        (3, [1, 1, 2, 3]),
        (4, [1, 2, 3, 4]),
        (5, [2, 3, 4, 5]),
        (9, [5, 7, 8, 9]),
        (10, [5, 8, 9, 10]),
        (100, [50, 75, 90, 100]),
    ] {
        assert_eq!(places(limit), expected, "of {limit}");
    }
    for limit in 1..200 {
        let places = places(limit);
        assert!(places.windows(2).all(|pair| pair[0] < pair[1] || pair[0] == 1), "{places:?} of {limit}");
    }
    // Where two are given the same share, or all of it, that is meant.
    let equal = Shedder::builder("api").max_calls(4).shares(0.5, 1.0, 1.0).build().unwrap();
    for (priority, places) in ALL.into_iter().zip([2, 4, 4, 4]) {
        assert_eq!(fill(&equal, priority).len(), places, "{priority:?}");
    }
}

#[test]
fn shares_follow_an_adaptive_limit() {
    let (builder, hand) = stepping(Aimd::default().ratio(0.5));
    let limit = builder.initial(20).build().unwrap();
    let shedder = Shedder::builder("api").limit(limit.clone()).shares(0.3, 0.7, 0.9).build().unwrap();
    assert_eq!(fill(&shedder, Priority::Background).len(), 6);
    let alarm = shedder.try_acquire(Priority::Emergency).unwrap();
    hand.advance(MS);
    alarm.record(Class::Transient);
    assert_eq!(limit.limit(), 10);
    assert_eq!(fill(&shedder, Priority::Background).len(), 3);
    let beside = limit.try_acquire().unwrap();
    assert_eq!(fill(&shedder, Priority::Background).len(), 2, "one limit for all that it guards");
    drop(beside);
}

#[test]
fn keys_are_shed_by_degrees_and_always_the_same() {
    let (clock, hand) = Clock::manual();
    let builder = Shedder::builder("api").max_calls(1_000).shares(0.5, 0.75, 0.9).clock(clock);
    let shedder = builder.build().unwrap();
    let _load: Vec<_> = (0..600).map(|_| shedder.try_acquire_owned(Priority::Emergency).unwrap()).collect();
    let served =
        || (0..1_000_u32).filter(|key| shedder.try_acquire_for(Priority::Normal, key).is_ok()).collect();
    let first: Vec<u32> = served();
    // 60 % in use: 40 % of the way from 50 to 75.
    assert!((550..650).contains(&first.len()), "{}", first.len());
    assert_eq!(first, served(), "the same ones a moment later");
    assert_eq!(
        (0..1_000).filter(|key| shedder.try_acquire_for(Priority::Background, key).is_ok()).count(),
        0
    );
    for priority in [Priority::Clinical, Priority::Emergency] {
        assert!((0..1_000).all(|key| shedder.try_acquire_for(priority, &key).is_ok()), "{priority:?}");
    }
    hand.advance(Duration::from_secs(3_600));
    let next: Vec<u32> = served();
    let both = next.iter().filter(|key| first.contains(key)).count();
    assert!(both < 450, "others in the next hour: {both} of {}", next.len());
}

#[test]
fn emergencies_are_never_shed_by_key() {
    let shedder = Shedder::builder("api").max_calls(10).shares(1.0, 1.0, 1.0).build().unwrap();
    let _held: Vec<_> = (0..9).map(|_| shedder.try_acquire_owned(Priority::Emergency).unwrap()).collect();
    assert!((0..1_000).all(|key| shedder.try_acquire_for(Priority::Emergency, &key).is_ok()));
}

#[tokio::test]
async fn a_call_that_is_shed_is_not_begun() {
    let shedder = ten();
    let held = fill(&shedder, Priority::Background);
    let mut is_begun = false;
    let work = async {
        is_begun = true;
        Ok::<_, Never>(())
    };
    let shed = shedder.call(Priority::Background, work).await.unwrap_err();
    assert_eq!(shed.rejection().unwrap().reason(), RejectReason::Shed);
    assert!(!is_begun);
    assert_eq!(shedder.call(Priority::Normal, async { Ok::<_, Never>(4) }).await.unwrap(), 4);
    drop(held);
    assert_eq!(shedder.in_flight(), 0);
}

#[test]
fn many_threads_keep_each_priority_within_its_share() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let shedder = Shedder::builder("api").max_calls(20).shares(0.2, 0.5, 0.8).build().unwrap();
    let inside = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (priority, share) in ALL.into_iter().zip([4, 10, 16, 20]).cycle().take(12) {
            let (shedder, inside) = (&shedder, &inside);
            scope.spawn(move || {
                for _ in 0..500 {
                    let Ok(permit) = shedder.try_acquire(priority) else { continue };
                    // Others of a higher priority may have come since, up to the limit.
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 20, "{share}");
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    permit.record(Class::Success);
                }
            });
        }
    });
    assert_eq!(shedder.in_flight(), 0);
}

#[test]
fn priorities_are_ordered_and_named() {
    assert!(ALL.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(ALL.map(Priority::as_str), ["background", "normal", "clinical", "emergency"]);
    assert_eq!(Priority::default(), Priority::Normal);
}
