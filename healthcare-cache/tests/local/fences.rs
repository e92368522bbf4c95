//! Whatever fills the cache, and whatever made it forget: the older value does not come back.

use crate::rig::{Rig, key, secs};
use healthcare_cache::{CacheLevel, CachePolicy, LoadError, Loaded, Reach, TtlClass};
use std::{io, sync::Arc};

#[derive(Debug, Clone, Copy)]
enum Path {
    Load,
    Stale,
    Eager,
    Late,
    FailSafe,
    NotModified,
}
const PATHS: [Path; 6] =
    [Path::Load, Path::Stale, Path::Eager, Path::Late, Path::FailSafe, Path::NotModified];

#[derive(Debug, Clone, Copy)]
enum Forget {
    Key,
    Subject,
    Tag,
    Clinic,
    All,
    Set,
    /// Of the sensitive level, where it is a purge.
    Expire,
    ExpireTag,
}
const FORGETS: [Forget; 8] = [
    Forget::Key,
    Forget::Subject,
    Forget::Tag,
    Forget::Clinic,
    Forget::All,
    Forget::Set,
    Forget::Expire,
    Forget::ExpireTag,
];

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient)
        .eager_after(secs(300))
        .fail_safe(secs(3_600))
        .soft_time_out(secs(1))
        .jitter(0.0)
        .build()
        .unwrap()
}

async fn forget(rig: &Rig, what: Forget) {
    let (cache, key) = (&rig.cache, key(1));
    let reach = match what {
        Forget::Key => cache.purge(&key).await,
        Forget::Subject => cache.purge_subject(key.clinic, key.patient).await,
        Forget::Tag => cache.purge_tag(key.clinic, "tag").await,
        Forget::Clinic => cache.purge_clinic(key.clinic).await,
        Forget::All => cache.purge_all().await,
        Forget::Set => {
            cache.set(&key, Loaded::new(2).tag("tag")).await;
            Reach::Everyone
        }
        Forget::Expire => cache.expire(&key).await,
        Forget::ExpireTag => cache.expire_tag(key.clinic, "tag").await,
    };
    assert_eq!(reach, Reach::Everyone);
}

/// Leaves a load under way that has read 1 and not answered; what the cache serves meanwhile is 1 or nothing.
async fn under_way(rig: &Rig, path: Path) {
    let age = match path {
        Path::Load | Path::Late => None,
        Path::Eager => Some(400),
        Path::Stale | Path::NotModified => Some(1_000),
        Path::FailSafe => Some(2_000),
    };
    if let Some(age) = age {
        assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
        rig.clock.advance(secs(age));
    }
    let before = rig.source.loads();
    let (cache, loader, source) = (rig.cache.clone(), rig.slow(), Arc::clone(&rig.source));
    let call = tokio::spawn(async move {
        match path {
            Path::NotModified => {
                cache
                    .get_or_load(&key(1), |load| async move {
                        assert_eq!(load.previous().map(|old| **old), Some(1));
                        source.slow().await?;
                        Ok::<_, io::Error>(Loaded::not_modified())
                    })
                    .await
            }
            _ => cache.get_or_load(&key(1), loader).await,
        }
    });
    rig.source.has_read(before + 1).await;
    match path {
        // Nobody waits for it; the caller of the first is left to wait.
        Path::Load => drop(call),
        Path::Late => assert!(matches!(call.await.unwrap(), Err(LoadError::TimedOut(_)))),
        Path::Eager => assert!(!call.await.unwrap().unwrap().is_stale()),
        Path::Stale | Path::FailSafe | Path::NotModified => assert!(call.await.unwrap().unwrap().is_stale()),
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_load_never_lands_after_it_was_forgotten() {
    for path in PATHS {
        for what in FORGETS {
            let rig = Rig::new(policy());
            under_way(&rig, path).await;
            rig.source.write(2);
            forget(&rig, what).await;
            let wanted = |found: Option<u64>| assert!(found.is_none_or(|v| v == 2), "{path:?}, {what:?}");
            wanted(rig.cache.get(&key(1)).map(|value| *value));
            // A load that begins now is not made to share the old one, unless only its tag was named: that is seen when it ends.
            rig.source.gate.add_permits(1);
            assert_eq!(rig.quick(&key(1)).await.unwrap(), 2, "{path:?}, {what:?}");
            rig.settle().await;
            wanted(rig.cache.get(&key(1)).map(|value| *value));
            assert_eq!(rig.quick(&key(1)).await.unwrap(), 2, "{path:?}, {what:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_that_ends_right_after_a_purge_is_not_kept() {
    for path in PATHS {
        for what in FORGETS {
            let rig = Rig::new(policy());
            under_way(&rig, path).await;
            rig.source.write(2);
            forget(&rig, what).await;
            rig.source.gate.add_permits(1);
            rig.settle().await;
            let found = rig.cache.get(&key(1)).map(|value| *value);
            assert_eq!(found, matches!(what, Forget::Set).then_some(2), "{path:?}, {what:?}");
            assert_eq!(rig.quick(&key(1)).await.unwrap(), 2, "{path:?}, {what:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_purge_each_path_lands() {
    for path in PATHS {
        let rig = Rig::new(policy());
        under_way(&rig, path).await;
        rig.source.gate.add_permits(1);
        rig.settle().await;
        let before = rig.source.loads();
        let found = rig.cache.get(&key(1)).unwrap();
        assert_eq!((*found, found.is_stale()), (1, false), "{path:?}");
        assert_eq!(rig.quick(&key(1)).await.unwrap(), 1);
        assert_eq!(rig.source.loads(), before, "{path:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_after_a_purge_does_not_share_a_load_from_before() {
    for what in FORGETS {
        let rig = Rig::new(policy());
        under_way(&rig, Path::Load).await;
        rig.source.write(2);
        forget(&rig, what).await;
        let (cache, loader) = (rig.cache.clone(), rig.slow());
        let later = tokio::spawn(async move { cache.get_or_load(&key(1), loader).await });
        // Both loads may end; a set has the value already.
        rig.source.gate.add_permits(2);
        assert_eq!(*later.await.unwrap().unwrap(), 2, "{what:?}");
        rig.settle().await;
    }
}

/// What a load depends on from the start sends the next caller on at once; its tags are seen when it ends.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_load_that_was_overtaken() {
    for what in FORGETS.into_iter().filter(|what| !matches!(what, Forget::Tag | Forget::ExpireTag)) {
        let rig = Rig::new(policy());
        under_way(&rig, Path::Load).await;
        rig.source.write(2);
        forget(&rig, what).await;
        assert_eq!(rig.quick(&key(1)).await.unwrap(), 2, "{what:?}");
        rig.source.gate.add_permits(1);
        rig.settle().await;
        assert_eq!(*rig.cache.get(&key(1)).unwrap(), 2, "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn others_keep_what_they_have() {
    for what in FORGETS {
        let rig = Rig::new(policy());
        let other = crate::rig::key_of(2, 2, 2);
        rig.quick(&key(1)).await.unwrap();
        rig.quick(&other).await.unwrap();
        forget(&rig, what).await;
        assert_eq!(rig.cache.get(&other).is_some(), !matches!(what, Forget::All), "{what:?}");
    }
}

/// With stale times and fail-safe on, and a source that fails: an error, never the old value.
#[tokio::test(start_paused = true)]
async fn a_purge_beats_everything_that_serves_old_values() {
    let failing = |_| async { Err::<u64, _>(io::Error::other("down")) };
    for what in FORGETS.into_iter().filter(|what| !matches!(what, Forget::Set)) {
        for age in [0, 400, 1_000, 2_000] {
            let rig = Rig::new(policy());
            rig.quick(&key(1)).await.unwrap();
            rig.clock.advance(secs(age));
            // It is served for as long as nothing was purged, also by a failing source.
            assert_eq!(*rig.cache.get_or_load(&key(1), failing).await.unwrap(), 1);
            rig.settle().await;
            forget(&rig, what).await;
            for _ in 0..3 {
                let found = rig.cache.get_or_load(&key(1), failing).await;
                assert!(matches!(found, Err(LoadError::Failed(_))), "{what:?} at {age}: {found:?}");
                assert!(rig.cache.get(&key(1)).is_none());
                rig.clock.advance(secs(10));
            }
            rig.settle().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_while_a_caller_waits_takes_its_old_value_away() {
    let rig = Rig::new(policy());
    rig.quick(&key(1)).await.unwrap();
    rig.clock.advance(secs(2_000));
    let (cache, loader) = (rig.cache.clone(), rig.slow());
    let waiting = tokio::spawn(async move { cache.get_or_load(&key(1), loader).await });
    rig.source.has_read(2).await;
    rig.cache.purge(&key(1)).await;
    assert!(matches!(waiting.await.unwrap(), Err(LoadError::TimedOut(_))));
    rig.source.gate.add_permits(1);
    rig.settle().await;
}

/// Also not to the loader, which would compare with it: it may have waited for its turn.
#[tokio::test(start_paused = true)]
async fn a_load_is_never_given_what_was_purged() {
    for is_purged in [false, true] {
        let rig = Rig::with(policy(), |builder| builder.loads_max(1));
        rig.quick(&key(1)).await.unwrap();
        rig.settle().await;
        rig.clock.advance(secs(2_000));
        let (cache, loader) = (rig.cache.clone(), rig.slow());
        let other = tokio::spawn(async move { cache.get_or_load(&key(2), loader).await.map(|value| *value) });
        rig.source.has_read(2).await;
        let cache = rig.cache.clone();
        let call = tokio::spawn(async move {
            let loader = move |load: healthcare_cache::Load<u64>| async move {
                assert_eq!(load.previous().is_none(), is_purged);
                Ok::<_, io::Error>(2)
            };
            cache.get_or_load(&key(1), loader).await.map(|value| *value)
        });
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        if is_purged {
            rig.cache.purge(&key(1)).await;
        }
        rig.source.gate.add_permits(1);
        assert_eq!((call.await.unwrap().unwrap(), other.await.unwrap().unwrap()), (2, 1));
        rig.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_expired_may_still_be_served() {
    let standard = CachePolicy::of(TtlClass::Clinic).level(CacheLevel::Standard).jitter(0.0);
    let rig = Rig::new(standard.build().unwrap());
    for by_tag in [false, true] {
        rig.quick(&key(1)).await.unwrap();
        rig.settle().await;
        if by_tag {
            rig.cache.expire_tag(key(1).clinic, "tag").await;
        } else {
            rig.cache.expire(&key(1)).await;
        }
        rig.source.write(7 + u64::from(by_tag));
        assert!(rig.cache.get(&key(1)).unwrap().is_stale());
        rig.quick(&key(1)).await.unwrap();
        rig.settle().await;
        let found = rig.cache.get(&key(1)).unwrap();
        assert_eq!((*found, found.is_stale()), (7 + u64::from(by_tag), false));
    }
    // Where nothing is served stale, it is over; and a failing source gives an error or the old value, as fail-safe says.
    for fail_safe in [false, true] {
        let policy = standard.stale_after(secs(3_600));
        let policy = if fail_safe { policy.fail_safe(secs(60)) } else { policy };
        let rig = Rig::new(policy.build().unwrap());
        rig.quick(&key(1)).await.unwrap();
        rig.cache.expire(&key(1)).await;
        assert!(rig.cache.get(&key(1)).is_none());
        let found =
            rig.cache.get_or_load(&key(1), |_| async { Err::<u64, _>(io::Error::other("down")) }).await;
        assert_eq!(found.is_ok(), fail_safe);
        rig.settle().await;
    }
}
