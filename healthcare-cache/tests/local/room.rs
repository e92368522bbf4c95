//! Limits: room, shares, sizes, negatives.

use crate::rig::{Key, Rig, key, key_of, secs};
use healthcare_cache::{
    Cache, CacheConfigError, CacheLevel, CacheNode, CachePolicy, Loaded, Put, Reach, TtlClass,
};
use std::io;

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient).negative_life(secs(600)).negatives_max(1_000).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_clinic_drives_out_its_own_oldest_and_nobody_elses() {
    let rig =
        Rig::with(policy(), |builder| builder.capacity(1 << 20).weigher(|_, _| 3_904).clinic_share(0.25));
    for number in 0..20 {
        rig.quick(&key_of(2, 1, number)).await.unwrap();
    }
    rig.settle().await;
    for number in 0..1_000 {
        rig.quick(&key(number)).await.unwrap();
        if number % 100 == 0 {
            rig.cache.validate().unwrap();
        }
    }
    rig.cache.validate().unwrap();
    assert!((0..20).all(|number| rig.cache.get(&key_of(2, 1, number)).is_some()));
    // A quarter of the room is 58 values; the youngest are there.
    assert_eq!((0..1_000).filter(|number| rig.cache.get(&key(*number)).is_some()).count(), 58);
    assert!((942..1_000).all(|number| rig.cache.get(&key(number)).is_some()));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_handed_on_and_not_kept() {
    let rig = Rig::with(policy(), |builder| {
        builder.capacity(1 << 20).weigher(|key, _| usize::try_from(key.number).unwrap()).value_max(10_000)
    });
    assert_eq!(rig.quick(&key(9_000)).await.unwrap(), 1);
    assert!(rig.cache.get(&key(9_000)).is_some());
    for number in [10_001, u64::MAX] {
        assert_eq!(rig.quick(&key(number)).await.unwrap(), 1);
        assert!(rig.cache.get(&key(number)).is_none());
    }
    let tagged = (0..65).fold(Loaded::new(1), |loaded, tag| loaded.tag(tag.to_string()));
    assert_eq!(rig.cache.set(&key(1), tagged).await, Put::TooLarge);
    assert!(rig.cache.get(&key(1)).is_none());
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn asking_for_ids_at_random_fills_no_memory_and_drives_out_no_value() {
    let rig = Rig::new(policy());
    rig.quick(&key(u64::MAX)).await.unwrap();
    for number in 0..3_000 {
        let none = |_| async { Ok::<Option<u64>, io::Error>(None) };
        assert!(rig.cache.get_or_load_option(&key(number), none).await.unwrap().is_none());
    }
    rig.settle().await;
    let usage = rig.cache.usage();
    assert!(usage.negatives <= 250, "{usage:?}");
    assert_eq!((usage.entries, usage.flights), (1, 0));
    assert!(rig.cache.get(&key(u64::MAX)).is_some());
}

#[test]
fn a_cache_that_makes_no_sense_is_not_built() {
    type Builder = healthcare_cache::CacheBuilder<Key, u64>;
    let build =
        |change: fn(Builder) -> Builder| change(Cache::<Key, u64>::builder(policy())).build().unwrap_err();
    assert_eq!(build(|b| b.capacity(65_535)), CacheConfigError::NoRoom { min: 65_536 });
    assert_eq!(build(|b| b.clinic_share(0.0)), CacheConfigError::ClinicShare(0.0));
    assert_eq!(build(|b| b.clinic_share(1.1)), CacheConfigError::ClinicShare(1.1));
    assert!(matches!(build(|b| b.clinic_share(f64::NAN)), CacheConfigError::ClinicShare(_)));
    let share = CacheConfigError::ValueMax { share: 32_768 };
    assert_eq!(build(|b| b.capacity(65_536).clinic_share(0.5).value_max(32_769)), share);
    assert_eq!(build(|b| b.capacity(65_536).clinic_share(0.5).value_max(0)), share);
    assert_eq!(build(|b| b.loads_max(0)), CacheConfigError::Loads);
    assert_eq!(build(|b| b.loads_max(5).flights_max(4)), CacheConfigError::Loads);
}

#[tokio::test]
async fn a_purge_of_the_node_reaches_all_its_caches_and_no_others() {
    let node = CacheNode::new();
    let one: Cache<Key, u64> = Cache::builder(policy()).node(&node).build().unwrap();
    let two: Cache<Key, String> = Cache::builder(policy()).node(&node).build().unwrap();
    let apart: Cache<Key, u64> = Cache::builder(policy()).build().unwrap();
    for purge in 0..5 {
        one.set(&key(1), Loaded::new(1).tag("tag")).await;
        two.set(&key(1), Loaded::new("one".to_owned()).tag("tag")).await;
        apart.set(&key(1), Loaded::new(1).tag("tag")).await;
        assert!(one.get(&key(1)).is_none(), "two of one kind share their marks, and a set purges");
        one.set(&key(2), Loaded::new(1).tag("tag")).await;
        let reach = match purge {
            0 => node.purge_subject(key(1).clinic, key(1).patient).await,
            1 => node.purge_clinic(key(1).clinic).await,
            2 => node.purge_tag(key(1).clinic, "tag").await,
            3 => node.purge_all().await,
            _ => {
                node.purge_key(&key(1)).await;
                node.purge_key(&key(2)).await
            }
        };
        assert_eq!(reach, Reach::Everyone);
        assert!(one.get(&key(2)).is_none() && two.get(&key(1)).is_none());
        assert!(apart.get(&key(1)).is_some());
    }
}

/// An expiry by tag reaches all caches of the node; to one that holds more than standard values it is a purge.
#[tokio::test]
async fn what_a_standard_cache_expires_is_gone_from_a_sensitive_one() {
    let node = CacheNode::new();
    let standard = CachePolicy::of(TtlClass::Patient).level(CacheLevel::Standard).build().unwrap();
    let standard: Cache<Key, u64> = Cache::builder(standard).node(&node).build().unwrap();
    let sensitive: Cache<Key, u64> = Cache::builder(policy()).node(&node).build().unwrap();
    standard.set(&key(1), Loaded::new(1).tag("tag")).await;
    sensitive.set(&key(2), Loaded::new(1).tag("tag")).await;
    standard.expire_tag(key(1).clinic, "tag").await;
    assert!(standard.get(&key(1)).unwrap().is_stale());
    assert!(sensitive.get(&key(2)).is_none());
}

#[tokio::test]
async fn nothing_that_is_printed_shows_a_value() {
    let cache: Cache<Key, String> = Cache::builder(policy()).build().unwrap();
    cache.set(&key(1), "Miller".to_owned()).await;
    let found = cache.get(&key(1)).unwrap();
    let builder = Cache::<Key, String>::builder(policy());
    let loaded = Loaded::new("Miller").tag("Miller");
    let shown = format!("{cache:?} {found:?} {loaded:?} {builder:?} {:?} {:?}", cache.usage(), cache.node());
    assert!(!shown.contains("Miller"), "{shown}");
    assert_eq!(*found.value(), "Miller");
}
