//! One load over several nodes.

use crate::rig::{Rig, key, secs};
use healthcare_cache::{CachePolicy, LoadError, TtlClass};
use std::{future::pending, io};
use tokio::time::{Instant, sleep};

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient).jitter(0.0).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn three_thousand_callers_of_three_nodes_make_one_load() {
    let rig = Rig::new(policy()).await;
    let callers: Vec<_> =
        (0..3_000).map(|number| rig.nodes[number % rig.nodes.len()].slow(&key(1))).collect();
    rig.source.has_read(1).await;
    rig.source.gate.add_permits(3);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 1);
    }
    rig.settle().await;
    assert_eq!(rig.source.loads(), 1);
}

/// A node that died with the turn holds the others up for half of what a caller waits.
#[tokio::test(start_paused = true)]
async fn a_turn_that_is_never_used_holds_nobody_up_for_long() {
    let rig = Rig::new(policy()).await;
    let [one, two, three] = &rig.nodes[..] else { panic!("three") };
    let (cache, source) = (one.cache.clone(), rig.source.slow());
    let dead = tokio::spawn(async move {
        cache
            .get_or_load(&key(1), move |load| async move {
                source(load).await?;
                pending::<io::Result<u64>>().await
            })
            .await
    });
    rig.source.has_read(1).await;
    let before = Instant::now();
    assert_eq!(two.read(&key(1)).await.unwrap(), 1);
    assert!((2_400..=2_500).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
    two.settle().await;
    // What it loaded is kept all the same.
    let before = Instant::now();
    assert_eq!(three.read(&key(1)).await.unwrap(), 1);
    assert!(before.elapsed().is_zero());
    assert!(matches!(dead.await.unwrap(), Err(LoadError::TimedOut(_))));
    sleep(secs(30)).await;
    one.settle().await;
    assert_eq!(rig.source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_fails_gives_the_turn_on() {
    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    for number in 0..3 {
        let own = key(number);
        match number {
            0 => drop(one.cache.get_or_load(&own, rig.source.failing()).await.unwrap_err()),
            1 => {
                let panicking = |_| async {
                    if true {
                        panic!("a mistake");
                    }
                    Ok::<u64, io::Error>(1)
                };
                let found = one.cache.get_or_load(&own, panicking).await;
                assert!(matches!(found, Err(LoadError::Panicked)));
            }
            _ => {
                let found = one.cache.get_or_load(&own, |_| pending::<io::Result<u64>>()).await;
                assert!(matches!(found, Err(LoadError::TimedOut(_))));
                sleep(secs(25)).await;
            }
        }
        one.settle().await;
        let before = Instant::now();
        assert_eq!(two.read(&own).await.unwrap(), 1);
        assert!(before.elapsed().is_zero(), "{number}: {:?}", before.elapsed());
    }
}

/// A caller that is dropped takes nothing with it, whatever its load was doing.
#[tokio::test(start_paused = true)]
async fn a_storm_of_cancelled_callers_leaves_one_load_and_no_turn() {
    let rig = Rig::new(policy()).await;
    let [one, two, three] = &rig.nodes[..] else { panic!("three") };
    for number in 0..1_000 {
        let caller = rig.nodes[number % 2].slow(&key(1));
        for _ in 0..number % 7 {
            tokio::task::yield_now().await;
        }
        caller.abort();
        let _ = caller.await;
    }
    rig.source.gate.add_permits(2);
    one.settle().await;
    two.settle().await;
    assert_eq!(rig.source.loads(), 1);
    let before = Instant::now();
    assert_eq!(three.read(&key(1)).await.unwrap(), 1);
    assert!(before.elapsed().is_zero());
    assert_eq!(rig.source.loads(), 1);
}

/// The caller has its value before it is on its way to the others.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_shared_tier_to_keep_a_value() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    let call = one.slow(&key(1));
    rig.source.has_read(1).await;
    one.tier.always(healthcare_cache::Mishap::Hang);
    rig.source.gate.add_permits(1);
    let before = Instant::now();
    assert_eq!(call.await.unwrap().unwrap(), 1);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let usage = one.cache.usage();
    assert_eq!((usage.flights, usage.writes), (0, 1));
    assert!(before.elapsed().is_zero() && rig.shared(&key(1)).await.is_none());
}

/// A task that is dropped at any of its awaits, as when the runtime shuts down, leaves nothing behind but a turn that ends.
#[tokio::test(start_paused = true)]
async fn a_caller_dropped_at_any_poll_leaves_everything_usable() {
    for polls in 1..12 {
        let rig = Rig::new(policy()).await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        let (own, loader) = (key(1), rig.source.quick());
        {
            let mut call = Box::pin(one.cache.get_or_load(&own, loader));
            for _ in 0..polls {
                let done = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(call.as_mut().poll(context).is_ready())
                });
                if done.await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        {
            let wanted = [key(1), key(2)];
            let none = |_| async { Ok::<Vec<(crate::rig::Key, u64)>, io::Error>(Vec::new()) };
            let mut call = Box::pin(one.cache.get_or_load_many(&wanted, none));
            for _ in 0..polls {
                let done = std::future::poll_fn(|context| {
                    std::task::Poll::Ready(call.as_mut().poll(context).is_ready())
                });
                if done.await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        rig.settle().await;
        let before = Instant::now();
        assert_eq!(two.read(&own).await.unwrap(), 1);
        assert!(before.elapsed().is_zero());
        assert_eq!(rig.source.loads(), 1);
    }
}
