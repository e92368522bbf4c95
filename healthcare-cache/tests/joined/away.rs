//! When the shared tier, or the other nodes, cannot be reached.

use crate::rig::{BOUND, Rig, key, secs};
use healthcare_cache::{CachePolicy, Look, Mishap, Reach, TtlClass};
use std::sync::atomic::Ordering;
use tokio::time::sleep;

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient)
        .jitter(0.0)
        .fail_safe(secs(3_600))
        .negative_life(secs(60))
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_load_goes_on_without_a_shared_tier_that_does_not_answer() {
    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.tier.always(Mishap::Fail);
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    one.settle().await;
    assert_eq!(one.memory(&key(1)), Some(1));
    // What was loaded without its fence is not put there when it is back.
    one.tier.always(Mishap::None);
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    assert!(rig.shared(&key(1)).await.is_none());
    assert_eq!(two.read(&key(1)).await.unwrap(), 1);
    assert_eq!(rig.source.loads(), 2);
}

/// It costs little that it does not answer: soon it is left alone, and then one call asks whether it is back.
#[tokio::test(start_paused = true)]
async fn a_shared_tier_that_fails_is_asked_by_one_call_at_a_time() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    one.tier.always(Mishap::Fail);
    one.held.fetches();
    for number in 0..100 {
        one.read(&key(number)).await.unwrap();
    }
    let asked = one.held.fetches();
    assert!((1..=5).contains(&asked), "{asked} calls");
    // The first pause is half a second and at most a fifth.
    sleep(std::time::Duration::from_millis(601)).await;
    for number in 100..200 {
        one.read(&key(number)).await.unwrap();
    }
    assert_eq!(one.held.fetches(), 1);
    one.tier.always(Mishap::None);
    sleep(secs(11)).await;
    one.read(&key(200)).await.unwrap();
    one.settle().await;
    one.read(&key(201)).await.unwrap();
    one.settle().await;
    assert!(rig.shared(&key(201)).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_deaf_node_uses_no_memory() {
    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    one.deafen().await;
    assert!(one.memory(&key(1)).is_none());
    rig.source.write(2);
    two.cache.purge(&key(1)).await;
    assert_eq!(one.read(&key(1)).await.unwrap(), 2);
    // Neither is there an old value to fall back on, nor is what is loaded now kept.
    assert!(one.cache.get_or_load(&key(1), rig.source.failing()).await.is_err());
    let none = |_| async { Ok::<Option<u64>, std::io::Error>(None) };
    assert!(one.cache.get_or_load_option(&key(3), none).await.unwrap().is_none());
    assert_eq!(one.read(&key(3)).await.unwrap(), 2);
    one.settle().await;
    assert_eq!((one.cache.usage().negatives, one.cache.inspect(&key(3))), (0, None));
}

/// A deaf node cannot know what was purged while a load was under way: who comes later waits for a later load.
#[tokio::test(start_paused = true)]
async fn a_deaf_node_shares_no_load_that_began_before_the_call() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    one.deafen().await;
    let first = one.slow(&key(1));
    rig.source.has_read(1).await;
    rig.source.write(2);
    let others: Vec<_> = (0..10).map(|_| one.slow(&key(1))).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    rig.source.gate.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    for other in others {
        assert_eq!(other.await.unwrap().unwrap(), 2);
    }
    assert_eq!(rig.source.loads(), 2);
    one.settle().await;
}

/// Neither does one that hears again before that load ends: what was purged while it was deaf was known to others when the call
/// came.
#[tokio::test(start_paused = true)]
async fn who_comes_to_a_deaf_node_shares_no_load_from_before_though_it_hears_by_its_end() {
    let patient = CachePolicy::of(TtlClass::Patient).hard_time_out(secs(60)).finish_within(secs(120));
    let rig = Rig::new(patient.build().unwrap()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    one.tier.always(Mishap::Fail);
    one.tier.cut();
    // It has given up the others, and forgotten everything for that.
    sleep(BOUND * 3).await;
    let first = one.slow(&key(1));
    rig.source.has_read(1).await;
    rig.source.write(2);
    assert_eq!(two.cache.purge(&key(1)).await, Reach::Everyone);
    sleep(BOUND * 2).await;
    assert!(!one.node.is_hearing());
    let later = one.slow(&key(1));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    one.tier.always(Mishap::None);
    while !one.node.is_hearing() {
        sleep(secs(1)).await;
    }
    rig.source.gate.add_permits(2);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    assert_eq!(later.await.unwrap().unwrap(), 2);
}

/// Who keeps the clinics' keys does not answer: loads and look-ups go on, and nothing waits for it for ever.
#[tokio::test(start_paused = true)]
async fn keys_that_do_not_come_hold_nothing_up() {
    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    for number in [1, 2] {
        one.read(&key(number)).await.unwrap();
    }
    one.settle().await;
    assert!(rig.shared(&key(1)).await.is_some());
    rig.keys.hangs.store(true, Ordering::SeqCst);
    // All nodes of the rig have them from one cipher.
    rig.cipher.forget_where(|_| true);
    // Found there, and not opened; loaded, and not sealed.
    let read = tokio::time::timeout(secs(60), two.read(&key(1))).await;
    assert_eq!(read.expect("it loads").unwrap(), 1);
    let look = tokio::time::timeout(secs(60), two.cache.look_up(&key(2))).await;
    assert!(matches!(look.expect("it looks"), Look::Miss(_)));
    sleep(secs(120)).await;
    assert_eq!(two.cache.usage().writes, 0);
    rig.keys.hangs.store(false, Ordering::SeqCst);
    two.read(&key(3)).await.unwrap();
    two.settle().await;
    assert!(rig.shared(&key(3)).await.is_some());
}

/// A value that was loaded while the node went deaf is handed on, and an old one is not served for it.
#[tokio::test(start_paused = true)]
async fn a_node_that_goes_deaf_while_it_loads_keeps_nothing() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    one.read(&key(2)).await.unwrap();
    one.settle().await;
    sleep(secs(2_000)).await;
    let call = one.slow(&key(1));
    let (cache, failing) = (one.cache.clone(), rig.source.slow());
    let old = tokio::spawn(async move {
        cache
            .get_or_load(&key(2), move |load| async move {
                failing(load).await?;
                Err::<u64, _>(std::io::Error::other("down"))
            })
            .await
    });
    rig.source.has_read(3).await;
    one.deafen().await;
    rig.source.gate.add_permits(2);
    assert_eq!(call.await.unwrap().unwrap(), 1);
    assert!(old.await.unwrap().is_err());
    one.settle().await;
    assert!(one.cache.inspect(&key(1)).is_none());
}
