//! Several keys at once.

use crate::rig::{Key, Rig, key, key_of, secs};
use healthcare_cache::{CachePolicy, Cached, LoadError, Loaded, TtlClass};
use std::{
    collections::HashMap,
    future::pending,
    io,
    sync::{Arc, Mutex},
};

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient).jitter(0.0).negative_life(secs(60)).build().unwrap()
}

fn keys(numbers: impl IntoIterator<Item = u64>) -> Vec<Key> {
    numbers.into_iter().map(key).collect()
}

/// A loader that brings what the source has for every key but the absent, and takes down what it was asked for.
#[derive(Clone, Default)]
struct Batches {
    asked: Arc<Mutex<Vec<Vec<u64>>>>,
}

impl Batches {
    fn take(&self) -> Vec<Vec<u64>> {
        let mut asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter_mut().for_each(|keys| keys.sort_unstable());
        asked
    }

    async fn load(&self, rig: &Rig, keys: &[Key]) -> Vec<Result<Option<u64>, LoadError>> {
        let (asked, source) = (Arc::clone(&self.asked), Arc::clone(&rig.source));
        let loader = move |wanted: Vec<Key>| {
            asked.lock().unwrap().push(wanted.iter().map(|key| key.number).collect());
            let source = Arc::clone(&source);
            async move {
                let Ok(loaded) = source.slow().await else { return Err(io::Error::other("down")) };
                drop(loaded);
                let there = wanted.into_iter().filter(|key| key.number < 100);
                Ok(there.map(|key| (key.clone(), Loaded::new(key.number).tag("tag"))).collect())
            }
        };
        plain(rig.cache.get_or_load_many(keys, loader).await)
    }
}

fn plain(found: Vec<Result<Option<Cached<u64>>, LoadError>>) -> Vec<Result<Option<u64>, LoadError>> {
    found.into_iter().map(|found| found.map(|found| found.map(|value| *value))).collect()
}

fn values(found: Vec<Result<Option<u64>, LoadError>>) -> Vec<Option<u64>> {
    found.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(start_paused = true)]
async fn one_load_brings_what_is_not_there_and_each_key_gets_its_own() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    rig.source.gate.add_permits(100);
    rig.cache.set(&key(2), 22).await;
    // Twice the same key is one key; one that does not exist is answered, and remembered.
    let found = batches.load(&rig, &keys([3, 2, 1, 3, 100])).await;
    assert_eq!(values(found), [Some(3), Some(22), Some(1), Some(3), None]);
    assert_eq!(batches.take(), [[1, 3, 100]]);
    let found = batches.load(&rig, &keys([1, 2, 3, 100])).await;
    assert_eq!(values(found), [Some(1), Some(22), Some(3), None]);
    assert!(values(batches.load(&rig, &[]).await).is_empty());
    assert!(batches.take().is_empty());
    rig.settle().await;
    assert_eq!(*rig.cache.get(&key(3)).unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn it_shares_the_loads_of_others_and_they_share_its_own() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    let (cache, loader) = (rig.cache.clone(), rig.slow());
    let other = tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) });
    rig.source.has_read(1).await;
    let wanted = keys([1, 2, 3]);
    let (found, joined, ()) = tokio::join!(batches.load(&rig, &wanted), batches.load(&rig, &wanted), async {
        rig.source.has_read(2).await;
        rig.source.gate.add_permits(2);
    });
    // What the other load brings is the source's.
    assert_eq!(values(found), [Some(1), Some(2), Some(3)]);
    assert_eq!(values(joined), [Some(1), Some(2), Some(3)]);
    assert_eq!(other.await.unwrap().unwrap(), 1);
    assert_eq!(batches.take(), [[2, 3]]);
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn it_takes_one_turn_of_the_loads_whatever_it_brings() {
    let (rig, batches) =
        (Rig::with(policy(), |builder| builder.loads_max(1).flights_max(8)), Batches::default());
    rig.source.gate.add_permits(1);
    let found = batches.load(&rig, &keys(0..10)).await;
    assert_eq!(found.iter().filter(|found| found.is_ok()).count(), 8);
    assert!(matches!(found[8], Err(LoadError::TooMany)) && matches!(found[9], Err(LoadError::TooMany)));
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_purge_overtakes_its_own_key_alone() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    let wanted = keys([1, 2]);
    let mut call = Box::pin(batches.load(&rig, &wanted));
    tokio::select! {
        biased;
        _ = &mut call => panic!("it waits"),
        () = rig.source.has_read(1) => {}
    }
    rig.cache.purge(&key(1)).await;
    rig.source.gate.add_permits(1);
    assert_eq!(values(call.await), [Some(1), Some(2)]);
    rig.settle().await;
    assert!(rig.cache.get(&key(1)).is_none() && rig.cache.get(&key(2)).is_some());
}

#[tokio::test(start_paused = true)]
async fn whose_shared_load_was_overtaken_gets_another() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    let (cache, loader) = (rig.cache.clone(), rig.slow());
    let other = tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) });
    rig.source.has_read(1).await;
    // Its tags are known only when it ends, so the next caller joins it; what it brings will not do.
    rig.source.write(99);
    rig.cache.purge_tag(key(1).clinic, "tag").await;
    let wanted = keys([1, 2]);
    let (found, ()) = tokio::join!(batches.load(&rig, &wanted), async {
        rig.source.has_read(2).await;
        rig.source.gate.add_permits(3);
    });
    assert_eq!(values(found), [Some(1), Some(2)]);
    assert_eq!(batches.take(), [vec![2], vec![1]]);
    assert_eq!(other.await.unwrap().unwrap(), 1);
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_error_a_panic_and_a_load_without_end_reach_each_key_and_stay_with_none() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    let wanted = keys([1, 2]);
    let failing = |_| async { Err::<Vec<(Key, u64)>, _>(io::Error::other("down")) };
    let found = rig.cache.get_or_load_many(&wanted, failing).await;
    assert!(found.iter().all(|found| matches!(found, Err(LoadError::Failed(_)))));
    let panicking = |wanted: Vec<Key>| async move {
        assert!(wanted.is_empty(), "a mistake");
        Ok::<Vec<(Key, u64)>, io::Error>(Vec::new())
    };
    let found = rig.cache.get_or_load_many(&wanted, panicking).await;
    assert!(found.iter().all(|found| matches!(found, Err(LoadError::Panicked))));
    let endless = |_| pending::<io::Result<Vec<(Key, u64)>>>();
    let found = rig.cache.get_or_load_many(&wanted, endless).await;
    assert!(found.iter().all(|found| matches!(found, Err(LoadError::TimedOut(_)))));
    tokio::time::advance(secs(25)).await;
    rig.settle().await;
    rig.source.gate.add_permits(1);
    assert_eq!(values(batches.load(&rig, &wanted).await), [Some(1), Some(2)]);
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_takes_nothing_with_it() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    let wanted = keys([1, 2]);
    for _ in 0..100 {
        let mut call = Box::pin(batches.load(&rig, &wanted));
        tokio::select! {
            biased;
            _ = &mut call => panic!("it waits"),
            () = rig.source.has_read(1) => {}
        }
    }
    rig.source.gate.add_permits(1);
    rig.settle().await;
    assert_eq!((*rig.cache.get(&key(1)).unwrap(), *rig.cache.get(&key(2)).unwrap()), (1, 2));
    assert_eq!(batches.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_asks_for_its_own_keys_is_told_so() {
    let rig = Rig::new(policy());
    let inner = rig.cache.clone();
    let found = rig
        .cache
        .get_or_load_many(&keys([1, 2]), move |wanted: Vec<Key>| {
            let inner = inner.clone();
            async move {
                let own = inner.get_or_load(&key(2), |_| async { Ok::<u64, io::Error>(9) }).await;
                assert!(matches!(own, Err(LoadError::Reentrant)));
                let other = inner.get_or_load(&key(3), |_| async { Ok::<u64, io::Error>(9) }).await;
                Ok::<_, LoadError>(
                    wanted.into_iter().zip([other.map(|value| *value)?; 2]).collect::<Vec<_>>(),
                )
            }
        })
        .await;
    assert_eq!(values(plain(found)), [Some(9), Some(9)]);
}

#[tokio::test(start_paused = true)]
async fn what_grows_old_is_served_and_refreshed_along_with_the_others() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    rig.cache.set(&key(1), 11).await;
    rig.clock.advance(secs(1_000));
    rig.source.gate.add_permits(1);
    assert_eq!(values(batches.load(&rig, &keys([1, 2])).await), [Some(11), Some(2)]);
    assert_eq!(batches.take(), [[1, 2]]);
    rig.settle().await;
    assert_eq!(*rig.cache.get(&key(1)).unwrap(), 1);
    // Alone, nobody waits for it; when it fails, it is not tried again at once.
    rig.clock.advance(secs(1_000));
    let failing = |_| async { Err::<Vec<(Key, u64)>, _>(io::Error::other("down")) };
    assert_eq!(values(plain(rig.cache.get_or_load_many(&keys([1]), failing).await)), [Some(1)]);
    rig.settle().await;
    assert_eq!(values(batches.load(&rig, &keys([1])).await), [Some(1)]);
    assert!(batches.take().is_empty());
    rig.clock.advance(secs(5));
    assert_eq!(values(batches.load(&rig, &keys([1])).await), [Some(1)]);
    rig.source.gate.add_permits(1);
    rig.settle().await;
    assert_eq!(batches.take(), [[1]]);
}

#[tokio::test(start_paused = true)]
async fn old_values_stand_in_for_what_cannot_be_loaded_key_by_key() {
    let policy = CachePolicy::of(TtlClass::Patient).jitter(0.0).fail_safe(secs(3_600)).build().unwrap();
    let rig = Rig::new(policy);
    rig.cache.set(&key(1), 11).await;
    rig.clock.advance(secs(2_000));
    let failing = |_| async { Err::<Vec<(Key, u64)>, _>(io::Error::other("down")) };
    let found = rig.cache.get_or_load_many(&keys([1, 2]), failing).await;
    assert!(found[0].as_ref().unwrap().as_ref().unwrap().is_stale());
    assert!(matches!(found[1], Err(LoadError::Failed(_))));
    rig.settle().await;
}

#[test]
fn outside_a_runtime_it_says_so_for_what_it_would_load() {
    let rig = Rig::new(policy());
    let elsewhere = tokio::runtime::Builder::new_current_thread().build().unwrap();
    elsewhere.block_on(rig.cache.set(&key(1), 1));
    let wanted = keys([1, 2]);
    let loader = |_: Vec<Key>| async { Ok::<Vec<(Key, u64)>, io::Error>(Vec::new()) };
    let mut call = Box::pin(rig.cache.get_or_load_many(&wanted, loader));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(found) = call.as_mut().poll(&mut context) else { panic!("it waits") };
    assert!(matches!(&found[..], [Ok(Some(_)), Err(LoadError::NoRuntime)]));
    drop(call);
    assert_eq!(rig.cache.usage().flights, 0);
}

/// Two calls that each lead what the other waits for: neither keeps the other from ending.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_overlap_in_any_order_all_end() {
    for round in 0..50_u64 {
        let rig = Arc::new(Rig::new(policy()));
        let calls: Vec<_> = (0..8_u64)
            .map(|caller| {
                let rig = Arc::clone(&rig);
                tokio::spawn(async move {
                    let mut wanted = keys(0..20);
                    wanted.rotate_left(usize::try_from((caller * 7 + round) % 20).unwrap());
                    let batches = Batches::default();
                    rig.source.gate.add_permits(1);
                    let found = values(batches.load(&rig, &wanted).await);
                    let found: HashMap<u64, Option<u64>> =
                        wanted.iter().map(|key| key.number).zip(found).collect();
                    assert!(found.iter().all(|(number, found)| *found == Some(*number)));
                    batches.take()
                })
            })
            .collect();
        let mut asked = Vec::new();
        for call in calls {
            asked.extend(call.await.unwrap().into_iter().flatten());
        }
        asked.sort_unstable();
        assert_eq!(asked, (0..20).collect::<Vec<_>>(), "each key is loaded once");
        rig.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn clinics_may_be_mixed() {
    let (rig, batches) = (Rig::new(policy()), Batches::default());
    rig.source.gate.add_permits(1);
    let wanted = [key_of(1, 1, 7), key_of(2, 1, 8), key_of(1, 2, 9)];
    assert_eq!(values(batches.load(&rig, &wanted).await), [Some(7), Some(8), Some(9)]);
    rig.settle().await;
}
