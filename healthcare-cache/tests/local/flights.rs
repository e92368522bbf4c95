//! One load, whoever asks and whatever becomes of them.

use crate::rig::{Rig, key, secs};
use healthcare_cache::{CachePolicy, LoadError, Loaded, TtlClass};
use std::{error::Error as _, future::pending, io, sync::Arc, sync::atomic::Ordering};

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient).jitter(0.0).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_make_one_load() {
    let rig = Rig::new(policy());
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let (cache, loader) = (rig.cache.clone(), rig.slow());
            tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) })
        })
        .collect();
    rig.source.has_read(1).await;
    rig.source.gate.add_permits(10_000);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 1);
    }
    rig.settle().await;
    assert_eq!(rig.source.loads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_threads_too() {
    for _ in 0..50 {
        let rig = Rig::new(policy());
        rig.source.gate.add_permits(1_000);
        let callers: Vec<_> = (0..64)
            .map(|_| {
                let (cache, loader) = (rig.cache.clone(), rig.slow());
                tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap().unwrap(), 1);
        }
        rig.settle().await;
        assert_eq!(rig.source.loads(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_cancelled_leaders_leave_one_load_and_no_flight() {
    let rig = Rig::new(policy());
    for _ in 0..1_000 {
        let (cache, loader) = (rig.cache.clone(), rig.slow());
        let leader =
            tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) });
        tokio::task::yield_now().await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
    }
    assert_eq!(rig.source.most.load(Ordering::SeqCst), 1);
    rig.source.gate.add_permits(1);
    rig.settle().await;
    // The load was nobody's, and is kept.
    assert_eq!(*rig.cache.get(&key(1)).unwrap(), 1);
    assert_eq!(rig.source.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_was_overtaken_does_not_take_the_next_one_along() {
    let rig = Rig::new(policy());
    let call = |loader| {
        let cache = rig.cache.clone();
        tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) })
    };
    let first = call(rig.slow());
    rig.source.has_read(1).await;
    rig.source.write(2);
    rig.cache.purge(&key(1)).await;
    let second = call(rig.slow());
    rig.source.has_read(2).await;
    rig.source.gate.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    let third = call(rig.slow());
    tokio::task::yield_now().await;
    rig.source.gate.add_permits(1);
    assert_eq!((second.await.unwrap().unwrap(), third.await.unwrap().unwrap()), (2, 2));
    rig.settle().await;
    assert_eq!(rig.source.loads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_held_and_not_polled_keeps_nobody_waiting() {
    let rig = Rig::new(policy());
    let own = key(1);
    let mut leader = Box::pin(rig.cache.get_or_load(&own, rig.slow()));
    tokio::select! {
        biased;
        _ = &mut leader => panic!("it waits"),
        () = tokio::task::yield_now() => {}
    }
    rig.source.has_read(1).await;
    rig.source.gate.add_permits(1);
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
    assert_eq!(rig.source.loads(), 1);
    assert_eq!(*leader.await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_reaches_all_who_wait_as_an_error_and_stays_with_nobody() {
    let rig = Rig::new(policy());
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let (cache, source) = (rig.cache.clone(), Arc::clone(&rig.source));
            tokio::spawn(async move {
                cache
                    .get_or_load(&key(1), move |_| async move {
                        source.slow().await?;
                        if true {
                            panic!("a mistake");
                        }
                        Ok::<u64, io::Error>(1)
                    })
                    .await
            })
        })
        .collect();
    rig.source.has_read(1).await;
    rig.source.gate.add_permits(1);
    for caller in callers {
        assert!(matches!(caller.await.unwrap(), Err(LoadError::Panicked)));
    }
    rig.settle().await;
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
    // Also when the closure itself panics, before there is a future.
    #[allow(clippy::unused_async)]
    async fn never() -> io::Result<u64> {
        Ok(1)
    }
    let found = rig
        .cache
        .get_or_load(&key(2), |_| {
            if true {
                panic!("at once");
            }
            never()
        })
        .await;
    assert!(matches!(found, Err(LoadError::Panicked)));
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_load_that_asks_for_its_own_key_is_told_so() {
    let rig = Rig::new(policy());
    let (cache, source) = (rig.cache.clone(), Arc::clone(&rig.source));
    let found = rig
        .cache
        .get_or_load(&key(1), move |_| async move {
            let inner = cache.get_or_load(&key(1), move |_| source.quick()).await;
            assert!(matches!(inner, Err(LoadError::Reentrant)));
            inner.map(|value| *value)
        })
        .await
        .unwrap_err();
    let LoadError::Failed(cause) = found else { panic!("{found}") };
    assert!(matches!(cause.downcast_ref(), Some(LoadError::Reentrant)));
    rig.settle().await;
    // Another key is not its own.
    let (cache, source) = (rig.cache.clone(), Arc::clone(&rig.source));
    let found = rig
        .cache
        .get_or_load(&key(2), move |_| async move {
            cache.get_or_load(&key(3), move |_| source.quick()).await.map(|value| *value + 10)
        })
        .await;
    assert_eq!(*found.unwrap(), 11);
}

#[tokio::test(start_paused = true)]
async fn two_loads_that_wait_for_each_other_end_with_their_time() {
    let rig = Rig::new(policy());
    let (outer, inner) = (rig.cache.clone(), rig.cache.clone());
    let found = rig
        .cache
        .get_or_load(&key(1), move |_| async move {
            outer
                .get_or_load(&key(2), move |_| async move {
                    inner
                        .get_or_load(&key(1), |_| async { Ok::<u64, io::Error>(1) })
                        .await
                        .map(|value| *value)
                })
                .await
                .map(|value| *value)
        })
        .await;
    assert!(matches!(found, Err(LoadError::TimedOut(_))), "{found:?}");
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_gives_all_the_same_error_and_is_not_kept() {
    let rig = Rig::new(policy());
    let failing = |_| async { Err::<u64, _>(io::Error::other("down")) };
    let own = key(1);
    let (one, other) =
        tokio::join!(rig.cache.get_or_load(&own, failing), rig.cache.get_or_load(&own, failing));
    let (LoadError::Failed(one), LoadError::Failed(other)) = (one.unwrap_err(), other.unwrap_err()) else {
        panic!("not the load's error")
    };
    assert!(Arc::ptr_eq(&one, &other));
    let error = LoadError::Failed(one);
    assert!(error.source().is_some() && !error.to_string().contains("down"));
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_never_ends_is_dropped() {
    let rig = Rig::new(policy());
    let found = rig.cache.get_or_load(&key(1), |_| pending::<io::Result<u64>>()).await;
    assert!(matches!(found, Err(LoadError::TimedOut(limit)) if limit == secs(5)));
    // It still has its place, so that a source that hangs is not asked again and again.
    let found = rig.quick(&key(1)).await;
    assert!(matches!(found, Err(LoadError::TimedOut(_))));
    assert_eq!(rig.source.loads(), 0);
    tokio::time::advance(secs(25)).await;
    rig.settle().await;
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_loads_run_or_wait_than_were_allowed() {
    let rig = Rig::with(policy(), |builder| builder.loads_max(2).flights_max(5));
    let callers: Vec<_> = (0..8)
        .map(|number| {
            let (cache, loader) = (rig.cache.clone(), rig.slow());
            tokio::spawn(async move { cache.get_or_load(&key(number), loader).await.map(|value| *value) })
        })
        .collect();
    rig.source.has_read(2).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((rig.source.loads(), rig.cache.usage().flights), (2, 5));
    rig.source.gate.add_permits(8);
    let mut outcomes = (0, 0);
    for caller in callers {
        match caller.await.unwrap() {
            Ok(1) => outcomes.0 += 1,
            Err(LoadError::TooMany) => outcomes.1 += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(outcomes, (5, 3));
    assert_eq!(rig.source.most.load(Ordering::SeqCst), 2);
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_live_is_neither_kept_nor_shared() {
    let rig = Rig::new(CachePolicy::of(TtlClass::RealTime).build().unwrap());
    let (cache, loader) = (rig.cache.clone(), rig.slow());
    let first = tokio::spawn(async move { cache.get_or_load(&key(1), loader).await.map(|value| *value) });
    rig.source.has_read(1).await;
    rig.source.write(2);
    assert_eq!(rig.quick(&key(1)).await.unwrap(), 2);
    rig.source.gate.add_permits(1);
    assert_eq!(first.await.unwrap().unwrap(), 1);
    assert!(rig.cache.get(&key(1)).is_none());
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_value_needs_something_to_compare_with() {
    let rig = Rig::new(policy());
    let found = rig
        .cache
        .get_or_load(&key(1), |load| async move {
            assert!(load.previous().is_none() && !load.is_refresh());
            Ok::<_, io::Error>(Loaded::not_modified())
        })
        .await;
    assert!(matches!(found, Err(LoadError::NothingToKeep)));
}

#[test]
fn outside_a_runtime_it_says_so() {
    let rig = Rig::new(policy());
    let own = key(1);
    let mut call = Box::pin(rig.cache.get_or_load(&own, |_| async { Ok::<u64, io::Error>(1) }));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(found) = call.as_mut().poll(&mut context) else { panic!("it waits") };
    assert!(matches!(found, Err(LoadError::NoRuntime)));
}
