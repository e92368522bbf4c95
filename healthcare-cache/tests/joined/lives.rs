//! Ages of what several nodes share.

use crate::rig::{Rig, key, secs};
use healthcare_cache::{
    Cache, CacheLevel, CachePolicy, CachePolicyBuilder, JsonCodec, Loaded, NewEntry, Put, SharedLimits,
    SharedTier as _, TtlClass, Verb,
};
use std::io;
use tokio::time::sleep;

fn policy() -> CachePolicyBuilder {
    CachePolicy::of(TtlClass::Patient).jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn what_one_node_loaded_is_there_for_the_others() {
    let rig = Rig::new(policy().build().unwrap()).await;
    for node in &rig.nodes {
        assert_eq!(node.read(&key(1)).await.unwrap(), 1);
        rig.settle().await;
        rig.source.write(2);
    }
    assert_eq!(rig.source.loads(), 1);
    assert!(rig.nodes.iter().all(|node| node.memory(&key(1)) == Some(1)));
}

/// The life is counted from the load, wherever the copy is and whenever it was made.
#[tokio::test(start_paused = true)]
async fn a_copy_does_not_outlive_what_it_was_made_of() {
    for (asked, life) in [(None, 1_800), (Some(60), 60)] {
        let rig = Rig::new(policy().build().unwrap()).await;
        let [one, two, three] = &rig.nodes[..] else { panic!("three") };
        let loader = move |_| async move {
            Ok::<_, io::Error>(asked.into_iter().fold(Loaded::new(1), |loaded, life| loaded.life(secs(life))))
        };
        one.cache.get_or_load(&key(1), loader).await.unwrap();
        one.settle().await;
        sleep(secs(life * 4 / 10)).await;
        assert_eq!(two.read(&key(1)).await.unwrap(), 1);
        assert!(!two.cache.get(&key(1)).unwrap().is_stale());
        // It grows stale when the first does, and not when half of what is left is over.
        sleep(secs(life / 10)).await;
        let found = three.cache.get_or_load(&key(1), rig.source.failing()).await.unwrap();
        assert!(found.is_stale() && two.cache.get(&key(1)).unwrap().is_stale());
        sleep(secs(life / 2) - secs(1)).await;
        assert!(rig.nodes.iter().all(|node| node.memory(&key(1)) == Some(1)));
        sleep(secs(1)).await;
        assert!(rig.nodes.iter().all(|node| node.memory(&key(1)).is_none()));
        assert!(rig.shared(&key(1)).await.is_none());
        rig.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_that_the_shared_tier_cuts_short_is_short_for_the_copy() {
    let rig = Rig::with(policy().build().unwrap(), SharedLimits::default().life_max(secs(100))).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    two.read(&key(1)).await.unwrap();
    sleep(secs(99)).await;
    assert!(two.memory(&key(1)).is_some());
    sleep(secs(1)).await;
    assert!(two.memory(&key(1)).is_none() && one.memory(&key(1)).is_some());
}

/// A node of the next release, say, with a shorter life, does not serve for longer what another node loaded.
#[tokio::test(start_paused = true)]
async fn a_shorter_life_is_kept_to_by_who_has_it() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let brief = Cache::builder(policy().life(secs(300)).build().unwrap())
        .node(&two.node)
        .shared(JsonCodec)
        .build()
        .unwrap();
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    sleep(secs(200)).await;
    rig.source.write(2);
    assert_eq!(*brief.get_or_load(&key(1), rig.source.quick()).await.unwrap(), 1);
    sleep(secs(99)).await;
    assert!(brief.get(&key(1)).unwrap().is_stale());
    sleep(secs(1)).await;
    assert!(brief.get(&key(1)).is_none());
    assert_eq!(*brief.get_or_load(&key(1), rig.source.quick()).await.unwrap(), 2);
    brief.validate().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refresh_takes_what_another_node_has_fresh() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    two.read(&key(1)).await.unwrap();
    sleep(secs(1_000)).await;
    rig.source.write(2);
    // It serves the old value and loads the new one, for both.
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    one.settle().await;
    assert_eq!((one.memory(&key(1)), rig.source.loads()), (Some(2), 2));
    assert_eq!(two.read(&key(1)).await.unwrap(), 1);
    two.settle().await;
    assert_eq!((two.memory(&key(1)), rig.source.loads()), (Some(2), 2));
}

#[tokio::test(start_paused = true)]
async fn one_node_refreshes_and_the_others_wait_for_it() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    two.read(&key(1)).await.unwrap();
    sleep(secs(1_000)).await;
    rig.source.write(2);
    assert_eq!(one.slow(&key(1)).await.unwrap().unwrap(), 1);
    rig.source.has_read(2).await;
    for _ in 0..5 {
        assert_eq!(two.read(&key(1)).await.unwrap(), 1);
        two.settle().await;
    }
    assert_eq!(rig.source.loads(), 2);
    rig.source.gate.add_permits(1);
    one.settle().await;
    sleep(secs(1)).await;
    two.read(&key(1)).await.unwrap();
    two.settle().await;
    assert_eq!((two.memory(&key(1)), rig.source.loads()), (Some(2), 2));
}

/// What was expired there may be served where the policy says so, and only while a new value is loaded or cannot be.
#[tokio::test(start_paused = true)]
async fn what_was_expired_in_the_shared_tier_is_old_here() {
    for level in [CacheLevel::Standard, CacheLevel::Sensitive] {
        let rig = Rig::new(policy().level(level).build().unwrap()).await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        one.read(&key(1)).await.unwrap();
        one.settle().await;
        rig.forget(&key(1), &[rig.namer.tag(key(1).clinic, "tag")], Verb::Expire).await;
        rig.source.write(2);
        let found = two.cache.get_or_load(&key(1), rig.source.quick()).await.unwrap();
        if level == CacheLevel::Standard {
            assert_eq!((*found, found.is_stale()), (1, true));
            assert!(two.cache.get(&key(1)).unwrap().is_stale());
            two.read(&key(1)).await.unwrap();
        } else {
            assert_eq!((*found, found.is_stale()), (2, false));
        }
        two.settle().await;
        assert_eq!(two.memory(&key(1)), Some(2));
        assert!(!rig.shared(&key(1)).await.unwrap().is_over);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_value_stands_in_when_it_cannot_be_loaded() {
    let standard = policy().level(CacheLevel::Standard).stale_after(secs(1_800));
    for fail_safe in [false, true] {
        let policy = if fail_safe { standard.fail_safe(secs(60)) } else { standard };
        let rig = Rig::new(policy.build().unwrap()).await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        one.read(&key(1)).await.unwrap();
        one.settle().await;
        rig.forget(&key(1), &[rig.namer.key(&key(1))], Verb::Expire).await;
        let found = two.cache.get_or_load(&key(1), rig.source.failing()).await;
        assert_eq!(found.as_ref().is_ok_and(healthcare_cache::Cached::is_stale), fail_safe, "{found:?}");
        // It is not tried again at once.
        let before = rig.source.loads();
        let again = two.cache.get_or_load(&key(1), rig.source.failing()).await;
        assert_eq!((again.is_ok(), rig.source.loads() == before), (fail_safe, fail_safe));
        rig.settle().await;
        assert_eq!(two.read(&key(1)).await.unwrap(), 1);
    }
}

/// An unchanged value is kept with all that it depended on, here and there.
#[tokio::test(start_paused = true)]
async fn an_unchanged_value_keeps_its_tags_in_the_shared_tier() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    let marks = rig.shared(&key(1)).await.unwrap().marks;
    assert_eq!(marks.len(), 2, "subject and tag");
    // Once what it has loaded itself, and once a copy.
    for node in [one, two] {
        node.read(&key(1)).await.unwrap();
        sleep(secs(1_000)).await;
        let same = |load: healthcare_cache::Load<u64>| async move {
            assert!(load.previous().is_some());
            Ok::<_, io::Error>(Loaded::not_modified())
        };
        node.cache.get_or_load(&key(1), same).await.unwrap();
        node.settle().await;
        let entry = rig.shared(&key(1)).await.unwrap();
        assert_eq!((entry.marks == marks, entry.left), (true, secs(1_800)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_there_is_loaded_and_replaced() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let tier = rig.server.node();
    let (scope, mark) = (rig.scope(&key(1)), rig.namer.key(&key(1)));
    let seen = match tier.fetch(scope, mark).await.unwrap() {
        healthcare_cache::Fetched::Miss(seen) => seen,
        healthcare_cache::Fetched::Hit(_) => panic!("nothing is there"),
    };
    let foreign =
        NewEntry { key: mark, seen, marks: &[], bytes: b"by other hands", life: secs(60), lease: None };
    tier.fill(scope, foreign).await.unwrap();
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    one.settle().await;
    rig.source.write(2);
    assert_eq!(two.read(&key(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_depends_on_too_much_stays_in_memory() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let one = &rig.nodes[0];
    let tagged = |_| async {
        Ok::<_, io::Error>((0..16).fold(Loaded::new(1), |loaded, tag| loaded.tag(tag.to_string())))
    };
    one.cache.get_or_load(&key(1), tagged).await.unwrap();
    one.settle().await;
    assert!(one.memory(&key(1)).is_some() && rig.shared(&key(1)).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn that_there_is_none_is_remembered_here_alone() {
    let rig = Rig::new(policy().negative_life(secs(60)).build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let none = |_| async { Ok::<Option<u64>, io::Error>(None) };
    assert!(one.cache.get_or_load_option(&key(1), none).await.unwrap().is_none());
    one.settle().await;
    assert!(rig.shared(&key(1)).await.is_none());
    // The turn was given back: nobody waits.
    let before = tokio::time::Instant::now();
    assert_eq!(two.read(&key(1)).await.unwrap(), 1);
    assert!(before.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn several_keys_are_looked_for_at_once() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    for number in 0..5 {
        one.read(&crate::rig::key_of(1 + u128::from(number % 2), 1, number)).await.unwrap();
    }
    one.settle().await;
    rig.source.write(2);
    let keys: Vec<_> =
        (0..8).map(|number| crate::rig::key_of(1 + u128::from(number % 2), 1, number)).collect();
    let loader = |wanted: Vec<crate::rig::Key>| async move {
        assert_eq!(wanted.len(), 3);
        Ok::<_, io::Error>(wanted.into_iter().map(|key| (key, Loaded::new(2).tag("tag"))).collect())
    };
    let found = two.cache.get_or_load_many(&keys, loader).await;
    let found: Vec<u64> = found.into_iter().map(|found| *found.unwrap().unwrap()).collect();
    assert_eq!(found, [1, 1, 1, 1, 1, 2, 2, 2]);
    two.settle().await;
    // What was loaded is there for the others.
    for key in &keys[5..] {
        assert_eq!(one.read(key).await.unwrap(), 2);
    }
    assert_eq!(rig.source.loads(), 5);
}

/// Its life is counted from the beginning of the load, there too.
#[tokio::test(start_paused = true)]
async fn a_slow_load_has_used_up_a_part_of_its_life() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let call = rig.nodes[0].slow(&key(1));
    rig.source.has_read(1).await;
    sleep(secs(4)).await;
    rig.source.gate.add_permits(1);
    call.await.unwrap().unwrap();
    rig.settle().await;
    assert_eq!(rig.shared(&key(1)).await.unwrap().left, secs(1_796));
}

#[tokio::test(start_paused = true)]
async fn what_is_set_is_there_for_all() {
    let rig = Rig::new(policy().negative_life(secs(60)).build().unwrap()).await;
    let [one, two, three] = &rig.nodes[..] else { panic!("three") };
    two.read(&key(1)).await.unwrap();
    two.settle().await;
    assert_eq!(one.cache.set(&key(1), Loaded::new(7).tag("tag")).await, Put::Stored);
    assert_eq!(one.read(&key(1)).await.unwrap(), 7);
    sleep(secs(3)).await;
    for node in [two, three] {
        assert_eq!(node.read(&key(1)).await.unwrap(), 7);
    }
    assert_eq!(rig.source.loads(), 1);
    assert_eq!(rig.shared(&key(1)).await.unwrap().marks.len(), 2);
    one.cache.purge_tag(key(1).clinic, "tag").await;
    assert!(rig.shared(&key(1)).await.is_none());
    // That there is none cannot be put there.
    assert_eq!(one.cache.set(&key(1), Loaded::absent()).await, Put::Stale);
    assert_eq!(one.cache.set(&key(1), Loaded::not_modified()).await, Put::Stale);
    // What cannot be put there is not kept.
    one.tier.always(healthcare_cache::Mishap::Fail);
    assert_eq!(one.cache.set(&key(1), 8).await, Put::Stale);
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_shared_tier_is_asked_once_and_only_when_memory_does_not_know() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let [one, two, three] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    for (node, wanted) in [(one, 1), (two, 1), (one, 0), (two, 0)] {
        node.read(&key(1)).await.unwrap();
        node.settle().await;
        // The first has asked before its load.
        assert_eq!(node.held.fetches(), wanted);
    }
    let keys: Vec<_> =
        (0..8).map(|number| crate::rig::key_of(1 + u128::from(number % 2), 1, number)).collect();
    let none = |_| async { Ok::<Vec<(crate::rig::Key, u64)>, io::Error>(Vec::new()) };
    three.cache.get_or_load_many(&keys, none).await;
    three.settle().await;
    assert_eq!(three.held.fetches(), 2, "one for each clinic");
    // While another node refreshes a value, it is not asked for at each read.
    sleep(secs(1_000)).await;
    let refresh = one.slow(&key(1));
    rig.source.has_read(2).await;
    two.held.fetches();
    for _ in 0..10 {
        two.read(&key(1)).await.unwrap();
        two.settle().await;
    }
    assert_eq!(two.held.fetches(), 1);
    rig.source.gate.add_permits(1);
    assert_eq!(refresh.await.unwrap().unwrap(), 1);
    rig.settle().await;
}

/// Sooner known than heard.
#[tokio::test(start_paused = true)]
async fn what_the_shared_tier_refuses_is_not_kept_in_memory() {
    let rig = Rig::new(policy().build().unwrap()).await;
    let one = &rig.nodes[0];
    let call = one.slow(&key(1));
    rig.source.has_read(1).await;
    // By a node that nobody hears.
    rig.forget(&key(1), &[rig.namer.tag(key(1).clinic, "tag")], Verb::Purge).await;
    rig.source.gate.add_permits(1);
    assert_eq!(call.await.unwrap().unwrap(), 1);
    one.settle().await;
    assert!(one.memory(&key(1)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_keeps_everything_in_memory() {
    let cache: Cache<crate::rig::Key, u64> =
        Cache::builder(policy().build().unwrap()).shared(JsonCodec).build().unwrap();
    assert_eq!(cache.set(&key(1), 1).await, Put::Stored);
    assert_eq!(*cache.get(&key(1)).unwrap(), 1);
}
