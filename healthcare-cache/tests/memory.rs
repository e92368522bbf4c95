#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_cache::{CacheKey, Lookup, MemoryTier, Purge as _, PurgeScope, Put, TierConfigError};
use healthcare_core::{ClinicId, ManualClock};
use proptest::prelude::*;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::ScopedJoinHandle,
    time::Duration,
};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(ClinicId, Option<Uuid>, u8);

impl CacheKey for Key {
    fn clinic(&self) -> ClinicId {
        self.0
    }
    fn subject(&self) -> Option<Uuid> {
        self.1
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn key(n: u128) -> Key {
    Key(ClinicId::from_uuid(Uuid::nil()), Some(Uuid::from_u128(n)), 0)
}

fn load<V: Clone + Send + Sync + 'static>(tier: &MemoryTier<Key, V>, key: &Key, value: V) -> Put {
    match tier.lookup(key) {
        Lookup::Miss(fence) => tier.store(fence, value, MINUTE),
        Lookup::Hit(_) => panic!("{key:?} was found"),
    }
}

#[test]
fn a_tier_that_makes_no_sense_is_not_built() {
    let build = |bytes, life| MemoryTier::<Key, u8>::builder().capacity(bytes).life_max(life).build().err();
    assert_eq!(build(65_535, MINUTE), Some(TierConfigError::NoRoom { min: 65_536 }));
    assert_eq!(build(65_536, Duration::ZERO), Some(TierConfigError::Life));
    assert_eq!(build(65_536, Duration::MAX), Some(TierConfigError::Life));
    assert_eq!(build(65_536, MINUTE), None);
}

#[test]
fn it_holds_what_it_has_room_for() {
    let capacity = 1 << 20;
    let tier: MemoryTier<Key, Vec<u8>> = MemoryTier::builder()
        .capacity(capacity)
        .weigher(|_, value: &Vec<u8>| value.capacity() + 64)
        .build()
        .unwrap();
    for n in 0..20_000 {
        load(&tier, &key(n), vec![0; 1000]);
    }
    let usage = tier.usage();
    assert!(usage.weight <= capacity, "{usage:?}");
    assert!(usage.entries > 500, "room that is there is used: {usage:?}");
}

#[test]
fn no_value_takes_more_than_a_sixteenth() {
    let tier: MemoryTier<Key, Vec<u8>> = MemoryTier::builder()
        .capacity(1 << 20)
        .weigher(|_, value: &Vec<u8>| value.capacity())
        .build()
        .unwrap();
    assert_eq!(load(&tier, &key(1), vec![0; 65_536 - 192]), Put::Stored);
    assert_eq!(load(&tier, &key(2), vec![0; 65_536 - 191]), Put::TooLarge);
    assert!(matches!(tier.lookup(&key(2)), Lookup::Miss(_)));
}

#[test]
fn a_weight_beyond_counting_does_not_wrap() {
    let tier: MemoryTier<Key, u8> = MemoryTier::builder().weigher(|_, _| usize::MAX).build().unwrap();
    assert_eq!(load(&tier, &key(1), 1), Put::TooLarge);
}

#[test]
fn the_tiers_longest_life_wins_over_the_loads() {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let tier: MemoryTier<Key, u8> =
        MemoryTier::builder().clock(clock.clone()).life_max(MINUTE / 2).build().unwrap();
    let Lookup::Miss(fence) = tier.lookup(&key(1)) else { panic!("empty") };
    tier.store(fence, 1, Duration::MAX);
    clock.advance(MINUTE / 2 - Duration::from_millis(1));
    assert!(matches!(tier.lookup(&key(1)), Lookup::Hit(1)));
    // The wall clock has no say, whichever way it jumps.
    clock.set_wall("2200-01-01T00:00:00Z".parse().unwrap());
    assert!(matches!(tier.lookup(&key(1)), Lookup::Hit(1)));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(tier.lookup(&key(1)), Lookup::Miss(_)));
}

#[tokio::test]
async fn without_room_for_one_more_bar_everything_is_barred() {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let tier: MemoryTier<Key, u8> = MemoryTier::builder().clock(clock.clone()).build().unwrap();
    let clinic = ClinicId::from_uuid(Uuid::nil());
    assert_eq!(load(&tier, &key(1), 1), Put::Stored);
    for n in 0..16_384 {
        drop(tier.bar(clinic, Uuid::from_u128(1_000_000 + n), MINUTE).await.unwrap());
    }
    assert!(matches!(tier.lookup(&key(1)), Lookup::Hit(_)) || load(&tier, &key(1), 1) == Put::Stored);
    let one_more = tier.bar(clinic, Uuid::from_u128(2), 2 * MINUTE).await.unwrap();
    assert_eq!(load(&tier, &key(1), 1), Put::Stale, "what was kept is forgotten, and nothing new is kept");
    assert_eq!(load(&tier, &Key(clinic, None, 0), 1), Put::Stale);
    tier.lift(one_more).await.unwrap();
    assert_eq!(
        load(&tier, &key(2), 1),
        Put::Stale,
        "it cannot be told apart from the others, so it runs out"
    );
    clock.advance(2 * MINUTE);
    assert_eq!(load(&tier, &key(2), 1), Put::Stored);
    assert_eq!(tier.usage().bars, 0, "bars that ran out take no room");
}

#[test]
fn debug_shows_no_key_and_no_value() {
    let tier: MemoryTier<Key, String> = MemoryTier::builder().build().unwrap();
    load(&tier, &key(0xC0FFEE), "canary".to_owned());
    let shown = format!("{tier:?} {:?}", MemoryTier::<Key, String>::builder());
    assert!(!shown.contains("canary") && !shown.contains("c0ffee"), "{shown}");
}

/// Threads meet: writers raise a version and purge, loaders load and store. When a purge has returned, nobody finds
/// less than what was written before it. Run to a number of purges, not to a time.
#[test]
fn under_threads_nobody_finds_less_than_what_was_promised() {
    const SUBJECTS: usize = 3;
    let tier: MemoryTier<Key, u64> = MemoryTier::builder().build().unwrap();
    let source: Vec<AtomicU64> = (0..SUBJECTS).map(|_| AtomicU64::new(0)).collect();
    let promised: Vec<AtomicU64> = (0..SUBJECTS).map(|_| AtomicU64::new(0)).collect();
    let (is_over, hits) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let loader = || {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    for n in 0..SUBJECTS {
                        let at_least = promised[n].load(Ordering::Acquire);
                        match tier.lookup(&key(n as u128)) {
                            Lookup::Hit(found) => {
                                assert!(found >= at_least, "found {found} where {at_least} was promised");
                                hits.fetch_add(1, Ordering::Relaxed);
                            }
                            Lookup::Miss(fence) => {
                                let loaded = source[n].load(Ordering::Acquire);
                                std::thread::yield_now();
                                tier.store(fence, loaded, MINUTE);
                            }
                        }
                    }
                }
            })
        };
        let loaders = [loader(), loader(), loader()];
        for round in 1..=20_000_u64 {
            let n = usize::try_from(round).unwrap() % SUBJECTS;
            source[n].store(round, Ordering::Release);
            match round % 3 {
                0 => tier.forget(PurgeScope::Subject(key(n as u128).0, Uuid::from_u128(n as u128))),
                1 => tier.forget(PurgeScope::Clinic(key(0).0)),
                _ => tier.forget(PurgeScope::All),
            }
            promised[n].store(round, Ordering::Release);
            if round % 100 == 0 {
                // Otherwise a busy machine purges so fast that nothing is ever found.
                let before = hits.load(Ordering::Relaxed);
                while hits.load(Ordering::Relaxed) == before
                    && !loaders.iter().any(ScopedJoinHandle::is_finished)
                {
                    std::thread::yield_now();
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[derive(Debug, Clone)]
enum Step {
    Load(Key, u8),
    Start(Key),
    Finish(u8),
    Purge(PurgeScope),
    Pass(u64),
}

fn keys() -> impl Strategy<Value = Key> {
    (0_u128..2, prop::option::of(0_u128..3), 0_u8..2).prop_map(|(clinic, subject, item)| {
        Key(ClinicId::from_uuid(Uuid::from_u128(clinic)), subject.map(Uuid::from_u128), item)
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let scope = prop_oneof![
        3 => keys().prop_map(|key| PurgeScope::Subject(key.0, key.1.unwrap_or_default())),
        2 => keys().prop_map(|key| PurgeScope::Clinic(key.0)),
        1 => Just(PurgeScope::All),
    ];
    prop_oneof![
        6 => (keys(), any::<u8>()).prop_map(|(key, value)| Step::Load(key, value)),
        2 => keys().prop_map(Step::Start),
        2 => any::<u8>().prop_map(Step::Finish),
        2 => scope.prop_map(Step::Purge),
        2 => (0_u64..90).prop_map(Step::Pass),
    ]
}

fn covers(scope: PurgeScope, key: &Key) -> bool {
    match scope {
        PurgeScope::Subject(clinic, subject) => (key.0, key.1) == (clinic, Some(subject)),
        PurgeScope::Clinic(clinic) => key.0 == clinic,
        _ => true,
    }
}

proptest! {
    /// Against a map that keeps everything: what is found is always what the map has, and has not lived too long.
    #[test]
    fn it_finds_nothing_that_a_perfect_map_would_not(steps in prop::collection::vec(steps(), 0..60)) {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let tier: MemoryTier<Key, u8> = MemoryTier::builder().clock(clock.clone()).build().unwrap();
        let (mut perfect, mut now): (HashMap<Key, (u8, u64)>, u64) = (HashMap::new(), 0);
        let mut started: Option<(Key, _, bool)> = None;
        for step in steps {
            match step {
                Step::Load(key, value) => match tier.lookup(&key) {
                    Lookup::Hit(found) => {
                        let known = perfect.get(&key).filter(|(_, until)| now < *until);
                        prop_assert_eq!(known.map(|(value, _)| *value), Some(found));
                    }
                    Lookup::Miss(fence) => {
                        if tier.store(fence, value, MINUTE) == Put::Stored {
                            perfect.insert(key, (value, now + 60));
                        }
                    }
                },
                Step::Start(key) => if let Lookup::Miss(fence) = tier.lookup(&key) { started = Some((key, fence, true)) },
                Step::Finish(value) => if let Some((key, fence, is_fresh)) = started.take() {
                    let put = tier.store(fence, value, MINUTE);
                    prop_assert!(is_fresh || put != Put::Stored, "an old load was stored");
                    if put == Put::Stored { perfect.insert(key, (value, now + 60)); }
                },
                Step::Purge(scope) => {
                    tier.forget(scope);
                    perfect.retain(|key, _| !covers(scope, key));
                    if let Some((key, _, is_fresh)) = &mut started { *is_fresh &= !covers(scope, key) }
                }
                Step::Pass(seconds) => { clock.advance(Duration::from_secs(seconds)); now += seconds }
            }
        }
    }
}
