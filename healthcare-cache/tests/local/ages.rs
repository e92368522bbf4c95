//! How values grow old.

use crate::rig::{Rig, key, secs};
use healthcare_cache::{CachePolicy, CachePolicyBuilder, LoadError, Loaded, Look, Put, TtlClass};
use std::io;

fn policy() -> CachePolicyBuilder {
    CachePolicy::of(TtlClass::Patient).jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn jitter_only_shortens_and_by_no_more_than_was_said() {
    let rig = Rig::new(policy().life(secs(1_000)).stale_after(secs(1_000)).jitter(0.4).build().unwrap());
    for number in 0..500 {
        rig.quick(&key(number)).await.unwrap();
    }
    let there = || (0..500).filter(|number| rig.cache.get(&key(*number)).is_some()).count();
    rig.clock.advance(secs(599));
    assert_eq!(there(), 500);
    rig.clock.advance(secs(201));
    assert!((150..350).contains(&there()), "{} of 500 at half the jitter", there());
    rig.clock.advance(secs(199));
    let last = there();
    rig.clock.advance(secs(1));
    assert!(last < 20 && there() == 0, "{last} and {}", there());
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_refreshed_once_and_not_again_at_once_when_that_fails() {
    let rig = Rig::new(policy().throttle(secs(10)).build().unwrap());
    rig.quick(&key(1)).await.unwrap();
    rig.clock.advance(secs(1_000));
    for _ in 0..5 {
        let failing = |_| async { Err::<u64, _>(io::Error::other("down")) };
        let (cache, source) = (&rig.cache, rig.source.clone());
        let own = key(1);
        let found = cache.get_or_load(&own, move |load| {
            assert!(load.is_refresh());
            source.read.send_modify(|count| *count += 1);
            failing(load)
        });
        assert!(found.await.unwrap().is_stale());
        rig.settle().await;
    }
    assert_eq!(rig.source.loads(), 2);
    rig.clock.advance(secs(10));
    rig.source.write(2);
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
    rig.settle().await;
    assert_eq!(*rig.cache.get(&key(1)).unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_for_a_soft_time_only_when_there_is_something_to_serve() {
    let policy =
        policy().fail_safe(secs(3_600)).soft_time_out(secs(1)).hard_time_out(secs(4)).throttle(secs(10));
    let rig = Rig::new(policy.build().unwrap());
    let began = tokio::time::Instant::now();
    let found = rig.cache.get_or_load(&key(1), rig.slow()).await;
    assert!(matches!(found, Err(LoadError::TimedOut(_))));
    assert_eq!(began.elapsed().as_secs(), 4);
    rig.source.gate.add_permits(1);
    rig.settle().await;
    // The late value is kept.
    assert_eq!(*rig.cache.get(&key(1)).unwrap(), 1);
    rig.clock.advance(secs(2_000));
    rig.source.write(2);
    let began = tokio::time::Instant::now();
    for waited in [1, 0, 0] {
        let before = began.elapsed();
        assert!(rig.cache.get_or_load(&key(1), rig.slow()).await.unwrap().is_stale());
        assert_eq!((began.elapsed() - before).as_secs(), waited);
    }
    rig.source.gate.add_permits(1);
    rig.settle().await;
    assert_eq!((*rig.cache.get(&key(1)).unwrap(), rig.source.loads()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_value_may_ask_for_a_shorter_life_and_not_for_a_longer() {
    let rig = Rig::new(policy().build().unwrap());
    rig.cache.set(&key(1), Loaded::new(1).life(secs(60))).await;
    rig.cache.set(&key(2), Loaded::new(1).life(secs(86_400))).await;
    rig.clock.advance(secs(30));
    assert!(rig.cache.get(&key(1)).unwrap().is_stale());
    rig.clock.advance(secs(30));
    assert!(rig.cache.get(&key(1)).is_none());
    rig.clock.advance(secs(1_739));
    assert!(rig.cache.get(&key(2)).is_some());
    rig.clock.advance(secs(1));
    assert!(rig.cache.get(&key(2)).is_none());
    rig.cache.validate().unwrap();
}

#[tokio::test(start_paused = true)]
async fn that_there_is_none_is_remembered_for_its_own_time() {
    let rig = Rig::new(policy().negative_life(secs(20)).build().unwrap());
    let none = |_| async { Ok::<Option<u64>, io::Error>(None) };
    assert!(rig.cache.get_or_load_option(&key(1), none).await.unwrap().is_none());
    assert!(matches!(rig.quick(&key(1)).await, Err(LoadError::Absent)));
    assert_eq!(rig.source.loads(), 0);
    rig.clock.advance(secs(20));
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
    // Whoever creates it purges its subject.
    rig.cache.get_or_load_option(&key(2), none).await.unwrap();
    rig.cache.purge_subject(key(2).clinic, key(2).patient).await;
    assert_eq!(rig.quick(&key(2)).await.unwrap(), 1);
    // Without a life for it, it is not remembered.
    let rig = Rig::new(policy().build().unwrap());
    rig.cache.get_or_load_option(&key(1), none).await.unwrap();
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
    assert_eq!(rig.cache.set(&key(1), Loaded::not_modified()).await, Put::Stale);
}

/// Who found nothing may know later that there is a value, when others had found that there is none.
#[tokio::test(start_paused = true)]
async fn a_value_takes_the_place_of_what_was_known_not_to_be() {
    let rig = Rig::new(policy().negative_life(secs(60)).build().unwrap());
    let Look::Miss(place) = rig.cache.look_up(&key(1)).await else { panic!("it is not there") };
    let none = |_| async { Ok::<Option<u64>, io::Error>(None) };
    assert!(rig.cache.get_or_load_option(&key(1), none).await.unwrap().is_none());
    assert_eq!(place.keep(Loaded::new(1).life(secs(10))).await, Put::Stored);
    assert_eq!(*rig.cache.get(&key(1)).unwrap(), 1);
    rig.clock.advance(secs(10));
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
    assert_eq!(rig.source.loads(), 1);
}
