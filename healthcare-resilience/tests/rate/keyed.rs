use crate::{MS, SECOND, limited};
use healthcare_resilience::{Clock, ClockHand, KeyedRateLimit, Quota, RejectReason, WhenFull};
use std::{
    hash::Hash,
    sync::{Arc, Barrier},
    thread,
};

fn keyed<K: Hash + Eq + Clone>(
    quota: Quota,
    max_keys: usize,
    full: WhenFull,
) -> (KeyedRateLimit<K>, ClockHand) {
    let (clock, hand) = Clock::manual();
    let builder =
        KeyedRateLimit::builder("test").quota(quota).max_keys(max_keys).when_full(full).clock(clock);
    (builder.build().unwrap(), hand)
}

#[test]
fn each_key_has_a_bucket_of_its_own() {
    let (limit, hand) = keyed(Quota::per_second(2), 100, WhenFull::Refuse);
    for key in [1, 2] {
        assert_eq!(limit.try_acquire(&key).unwrap().remaining(), 1);
        hand.advance(MS);
        limit.try_acquire(&key).unwrap();
        hand.advance(MS);
        assert!(limited(limit.try_acquire(&key)) <= SECOND / 2);
        hand.advance(SECOND);
        limit.try_acquire(&key).unwrap();
        limit.try_acquire(&key).unwrap();
        limit.try_acquire(&key).unwrap_err();
    }
    assert_eq!(limit.keys(), 2);
}

#[test]
fn many_permits_of_a_key_are_taken_at_once_or_not_at_all() {
    let (limit, _) = keyed(Quota::per_second(4), 100, WhenFull::Refuse);
    limit.try_acquire_many(&"a", 3).unwrap();
    assert_eq!(limited(limit.try_acquire_many(&"a", 2)), SECOND / 4);
    assert_eq!(limit.try_acquire_many(&"b", 5).unwrap_err().retry_after(), None);
    assert_eq!(limit.keys(), 1, "what can never be admitted is not remembered");
}

#[test]
fn a_key_beyond_the_cap_is_refused_until_one_is_idle() {
    let (limit, hand) = keyed(Quota::per_second(1), 3, WhenFull::Refuse);
    for key in 0..3 {
        limit.try_acquire(&key).unwrap();
    }
    let refused = limit.try_acquire(&3).unwrap_err();
    assert_eq!(refused.reason(), RejectReason::TooManyKeys);
    assert_eq!(limit.keys(), 3);
    hand.advance(SECOND - MS);
    limit.try_acquire(&3).unwrap_err();
    hand.advance(MS);
    limit.try_acquire(&3).unwrap();
    assert!(limit.keys() <= 3);
}

#[test]
fn who_is_known_is_served_while_strangers_flood() {
    let (limit, hand) = keyed(Quota::per_second(10), 50, WhenFull::Refuse);
    limit.try_acquire(&0).unwrap();
    for stranger in 1..10_000 {
        let _ = limit.try_acquire(&stranger);
    }
    for _ in 0..9 {
        limit.try_acquire(&0).unwrap();
    }
    limited(limit.try_acquire(&0));
    hand.advance(SECOND / 10);
    limit.try_acquire(&0).unwrap();
}

#[test]
fn strangers_share_one_bucket_if_so_chosen() {
    let (limit, hand) = keyed(Quota::per_second(4), 2, WhenFull::Share);
    limit.try_acquire_many(&0, 4).unwrap();
    limit.try_acquire_many(&1, 4).unwrap();
    let admitted = (2..100).filter(|key| limit.try_acquire(key).is_ok()).count();
    assert_eq!(admitted, 4);
    assert_eq!(limited(limit.try_acquire(&7)), SECOND / 4);
    hand.advance(SECOND / 4);
    limit.try_acquire(&8).unwrap();
    limit.try_acquire(&9).unwrap_err();
}

#[test]
fn newcomers_are_not_locked_out_by_keys_that_are_slow_to_come_back() {
    let (clock, hand) = Clock::manual();
    // Nothing is said of what happens when it is full.
    let limit = KeyedRateLimit::builder("test").quota(Quota::per_hour(2)).max_keys(100).clock(clock);
    let limit = limit.build().unwrap();
    for stranger in 0..100 {
        limit.try_acquire_many(&stranger, 2).unwrap();
    }
    limit.try_acquire(&1000).unwrap();
    limit.try_acquire(&1001).unwrap();
    assert_eq!(limited(limit.try_acquire(&1002)), SECOND * 1800);
    hand.advance(SECOND * 1800);
    limit.try_acquire(&1002).unwrap();
}

#[test]
fn who_finds_no_room_is_told_when_there_may_be_some() {
    let (limit, hand) = keyed(Quota::per_hour(60), 3, WhenFull::Refuse);
    for key in 0..3 {
        limit.try_acquire_many(&key, 10 + 10 * key).unwrap();
    }
    let refused = limit.try_acquire(&3).unwrap_err();
    let told = (refused.reason(), refused.retry_after());
    assert_eq!(told, (RejectReason::TooManyKeys, Some(SECOND * 600)), "when the first of them is full again");
    hand.advance(SECOND * 600 - MS);
    assert_eq!(limit.try_acquire(&3).unwrap_err().retry_after(), Some(MS));
    hand.advance(MS);
    limit.try_acquire(&3).unwrap();
}

#[test]
fn a_clock_that_stepped_back_promises_no_longer_than_a_whole_bucket() {
    let (limit, hand) = keyed(Quota::per_second(1), 1, WhenFull::Refuse);
    hand.advance(SECOND * 7200);
    limit.try_acquire(&1).unwrap();
    hand.set(healthcare_resilience::Moment::START);
    assert_eq!(limit.try_acquire(&2).unwrap_err().retry_after(), Some(SECOND));
}

#[test]
fn a_flood_of_keys_stays_under_the_cap() {
    let deep = std::env::var_os("HEALTHCARE_TEST_DEEP").is_some();
    let keys: u64 = if deep { 10_000_000 } else { 300_000 };
    let (limit, hand) = keyed(Quota::per_second(1), 1_000, WhenFull::Refuse);
    let mut admitted = 0;
    for key in 0..keys {
        hand.advance(MS);
        admitted += u64::from(limit.try_acquire(&key).is_ok());
        assert!(limit.keys() <= 1_000, "{} keys", limit.keys());
    }
    // A thousand keys become idle in a second, and a thousand new ones come: nearly all find room.
    assert!(admitted > keys * 9 / 10, "{admitted} of {keys}");
}

#[test]
fn an_idle_key_makes_room_wherever_it_lies() {
    // Which shard a key belongs to is chance, and another one each time.
    for _ in 0..20 {
        let (limit, hand) = keyed(Quota::per_hour(100), 256, WhenFull::Refuse);
        limit.try_acquire(&0).unwrap();
        for key in 1..256 {
            limit.try_acquire_many(&key, 100).unwrap();
        }
        hand.advance(SECOND * 36);
        // A few places are looked at each time, so it may take some calls.
        let found = (0..100).any(|_| limit.try_acquire(&256).is_ok());
        assert!(found, "one key is idle, and its place is not found");
        assert_eq!(limit.try_acquire(&257).unwrap_err().reason(), RejectReason::TooManyKeys);
    }
}

#[test]
fn threads_stay_under_the_cap_together() {
    let (limit, _) = keyed(Quota::per_hour(1), 500, WhenFull::Refuse);
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            let (limit, barrier) = (limit.clone(), barrier.clone());
            thread::spawn(move || {
                barrier.wait();
                (0..5_000).filter(|key| limit.try_acquire(&(thread * 5_000 + key)).is_ok()).count()
            })
        })
        .collect();
    let admitted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!((admitted, limit.keys()), (500, 500));
}

#[test]
fn threads_share_a_key_to_the_permit() {
    let (limit, hand) = keyed(Quota::per_second(20), 10, WhenFull::Refuse);
    for key in [1, 2] {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let limit = limit.clone();
                thread::spawn(move || (0..10).filter(|_| limit.try_acquire(&key).is_ok()).count())
            })
            .collect();
        assert_eq!(threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>(), 20);
        hand.advance(MS * 2);
        limit.try_acquire(&key).unwrap_err();
        hand.advance(MS * 998);
        limit.try_acquire(&key).unwrap();
    }
}

#[test]
fn keys_that_come_again_are_not_forgotten_while_there_is_room() {
    let (limit, hand) = keyed(Quota::per_second(1), 1_000, WhenFull::Refuse);
    for key in 0..500 {
        // All that came before are idle by now.
        hand.advance(SECOND * 2);
        limit.try_acquire(&key).unwrap();
    }
    assert_eq!(limit.keys(), 500);
    // From half of the room on they go as others come.
    for key in 500..1_000 {
        hand.advance(SECOND * 2);
        limit.try_acquire(&key).unwrap();
    }
    assert!(limit.keys() < 600, "{} keys", limit.keys());
}

#[test]
fn idle_keys_go_and_busy_ones_stay() {
    let (limit, hand) = keyed(Quota::per_second(1), 100, WhenFull::Refuse);
    limit.try_acquire(&"foo").unwrap();
    hand.advance(MS * 200);
    limit.try_acquire(&"bar").unwrap();
    hand.advance(MS * 600);
    limit.try_acquire(&"baz").unwrap();
    let mut left = Vec::new();
    for step in [0, 200, 200, 600] {
        hand.advance(MS * step);
        limit.tidy();
        left.push(limit.keys());
    }
    assert_eq!(left, [3, 2, 1, 0]);
}

#[test]
fn a_forgotten_key_is_as_new() {
    let (limit, _) = keyed(Quota::per_hour(1), 10, WhenFull::Refuse);
    limit.try_acquire(&1).unwrap();
    limit.try_acquire(&1).unwrap_err();
    assert!(limit.reset(&1));
    assert!(!limit.reset(&1));
    assert_eq!(limit.keys(), 0);
    limit.try_acquire(&1).unwrap();
}

#[test]
fn a_key_that_was_forgotten_while_idle_has_lost_nothing() {
    let (limit, hand) = keyed(Quota::per_second(2), 1, WhenFull::Refuse);
    limit.try_acquire_many(&1, 2).unwrap();
    hand.advance(SECOND);
    limit.try_acquire(&2).unwrap();
    hand.advance(SECOND);
    assert_eq!(limit.try_acquire(&1).unwrap().remaining(), 1);
}
