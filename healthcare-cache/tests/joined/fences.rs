//! Whatever fills either tier, and whoever made them forget: the older value does not come back.

use crate::{
    held::{Call, Side},
    rig::{BOUND, Node, Rig, key, secs},
};
use healthcare_cache::{CacheLevel, CachePolicy, LoadError, Loaded, Look, Mishap, Reach, TtlClass};
use std::{io, sync::Arc};
use tokio::{task::JoinHandle, time::sleep};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Load,
    Stale,
    Eager,
    Late,
    /// A copy of what the shared tier has, which has answered and was not heard yet.
    Copy,
    /// As before, but not asked yet.
    Asked,
    /// What another node loads, in the shared tier when it has it.
    Turn,
    /// A value that has landed, on its way into the shared tier.
    Fill,
    /// Several keys at once: loaded, and copied.
    Many,
    ManyCopies,
    /// A load that is no task.
    LookUp,
}
const PATHS: [Path; 11] = [
    Path::Load,
    Path::Stale,
    Path::Eager,
    Path::Late,
    Path::Copy,
    Path::Asked,
    Path::Turn,
    Path::Fill,
    Path::Many,
    Path::ManyCopies,
    Path::LookUp,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forget {
    Key,
    Subject,
    Tag,
    Clinic,
    All,
    Set,
    Expire,
    Bar,
}
const FORGETS: [Forget; 8] = [
    Forget::Key,
    Forget::Subject,
    Forget::Tag,
    Forget::Clinic,
    Forget::All,
    Forget::Set,
    Forget::Expire,
    Forget::Bar,
];

fn policy() -> CachePolicy {
    let policy = CachePolicy::of(TtlClass::Patient).jitter(0.0).level(CacheLevel::Sensitive);
    policy.eager_after(secs(300)).fail_safe(secs(3_600)).soft_time_out(secs(1)).build().unwrap()
}

async fn forget(node: &Node, what: Forget) -> Reach {
    let (cache, key) = (&node.cache, key(1));
    match what {
        Forget::Key => cache.purge(&key).await,
        Forget::Subject => cache.purge_subject(key.clinic, key.patient).await,
        Forget::Tag => cache.purge_tag(key.clinic, "tag").await,
        Forget::Clinic => cache.purge_clinic(key.clinic).await,
        Forget::All => cache.purge_all().await,
        Forget::Set => {
            cache.set(&key, Loaded::new(2).tag("tag")).await;
            if node.node.queue_len() == 0 { Reach::Everyone } else { Reach::Queued }
        }
        Forget::Expire => cache.expire(&key).await,
        Forget::Bar => {
            let mark = node.node.subject_mark(key.clinic, key.patient);
            node.node.bar(key.clinic, [mark], secs(60)).await.unwrap().lift().await
        }
    }
}

type Running = JoinHandle<Result<Option<u64>, LoadError>>;

/// Leaves the first node with 1 on its way into one of the tiers.
async fn under_way(rig: &Rig, path: Path) -> Option<Running> {
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let age = match path {
        Path::Stale => 1_000,
        Path::Eager => 400,
        _ => 0,
    };
    if age > 0 {
        one.read(&key(1)).await.unwrap();
        one.settle().await;
        sleep(secs(age)).await;
    }
    if matches!(path, Path::Copy | Path::Asked | Path::ManyCopies) {
        two.read(&key(1)).await.unwrap();
        two.settle().await;
    }
    let before = rig.source.loads();
    match path {
        Path::Load | Path::Stale | Path::Eager | Path::Late => {
            let call = slow(one);
            rig.source.has_read(before + 1).await;
            if path == Path::Late {
                assert!(matches!(call.await.unwrap(), Err(LoadError::TimedOut(_))));
                return None;
            }
            Some(call)
        }
        Path::Copy | Path::Asked => {
            one.held.hold(Call::Fetch, if path == Path::Copy { Side::After } else { Side::Before });
            let call = slow(one);
            one.held.is_held().await;
            Some(call)
        }
        Path::Turn => {
            let _loading = slow(two);
            rig.source.has_read(before + 1).await;
            let call = slow(one);
            for _ in 0..32 {
                tokio::task::yield_now().await;
            }
            Some(call)
        }
        Path::Fill => {
            one.held.hold(Call::Fill, Side::Before);
            one.read(&key(1)).await.unwrap();
            one.held.is_held().await;
            None
        }
        Path::Many | Path::ManyCopies => Some(several_under_way(rig, path, before).await),
        Path::LookUp => Some(look_up_under_way(rig, before).await),
    }
}

fn slow(node: &Node) -> Running {
    let call = node.slow(&key(1));
    tokio::spawn(async move { call.await.unwrap().map(Some) })
}

async fn several_under_way(rig: &Rig, path: Path, before: usize) -> Running {
    let one = &rig.nodes[0];
    if path == Path::ManyCopies {
        one.held.hold(Call::Fetch, Side::After);
    }
    let (cache, source) = (one.cache.clone(), rig.source.slow_many());
    let call = tokio::spawn(async move {
        let found = cache.get_or_load_many(&[key(1), key(2)], source).await.remove(0);
        found.map(|found| found.map(|value| *value))
    });
    if path == Path::ManyCopies {
        one.held.is_held().await;
    } else {
        rig.source.has_read(before + 1).await;
    }
    call
}

async fn look_up_under_way(rig: &Rig, before: usize) -> Running {
    let Look::Miss(place) = rig.nodes[0].cache.look_up(&key(1)).await else { panic!("it is not there") };
    let source = Arc::clone(&rig.source);
    let call = tokio::spawn(async move {
        place.keep(source.load_slowly().await.unwrap()).await;
        Ok(None)
    });
    rig.source.has_read(before + 1).await;
    call
}

async fn go_on(rig: &Rig, call: Option<Running>) {
    rig.nodes[0].held.release();
    rig.source.gate.add_permits(8);
    if let Some(call) = call {
        let _: Result<Option<u64>, LoadError> = call.await.unwrap();
    }
    rig.settle().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_value_never_lands_in_either_tier_after_it_was_forgotten() {
    for path in PATHS {
        for what in FORGETS {
            for purger in [0, 1, 2] {
                let rig = Rig::new(policy()).await;
                let call = under_way(&rig, path).await;
                rig.source.write(2);
                let name = format!("{path:?}, {what:?} by {purger}");
                let reach = forget(&rig.nodes[purger], what).await;
                // Held back too long, the tier counts as one that does not answer; here it did.
                assert_eq!(reach, Reach::Everyone, "{name}");
                let is_new = |found: Option<u64>| assert!(found.is_none_or(|value| value == 2), "{name}");
                is_new(rig.nodes[purger].memory(&key(1)));
                go_on(&rig, call).await;
                is_new(rig.nodes[purger].memory(&key(1)));
                assert_eq!(rig.nodes[purger].read(&key(1)).await.unwrap(), 2, "{name}");
                sleep(BOUND).await;
                for node in &rig.nodes {
                    is_new(node.memory(&key(1)));
                    assert_eq!(node.read(&key(1)).await.unwrap(), 2, "{name}");
                    node.settle().await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_purge_each_path_lands() {
    for path in PATHS {
        let rig = Rig::new(policy()).await;
        let call = under_way(&rig, path).await;
        go_on(&rig, call).await;
        rig.source.write(2);
        let before = rig.source.loads();
        for node in &rig.nodes {
            assert_eq!(node.read(&key(1)).await.unwrap(), 1, "{path:?}");
            node.settle().await;
        }
        assert_eq!(rig.source.loads(), before, "{path:?}");
        assert!(!rig.nodes[0].cache.get(&key(1)).unwrap().is_stale(), "{path:?}");
    }
}

/// With everything on that serves old values, a source that fails and a shared tier that comes and goes: an error, never the
/// old value.
#[tokio::test(start_paused = true)]
async fn a_purge_beats_everything_that_serves_old_values() {
    for what in FORGETS.into_iter().filter(|what| *what != Forget::Set) {
        for (age, purger) in [(0, 0), (400, 1), (1_000, 0), (2_000, 0), (2_000, 1)] {
            let rig = Rig::new(policy()).await;
            for node in &rig.nodes {
                node.read(&key(1)).await.unwrap();
                node.settle().await;
            }
            sleep(secs(age)).await;
            for mishap in [Mishap::None, Mishap::Fail, Mishap::LoseReply] {
                rig.nodes[purger].tier.always(mishap);
                // It is served for as long as nothing was purged, also by a failing source.
                let found = rig.nodes[0].cache.get_or_load(&key(1), rig.source.failing()).await;
                assert!(mishap != Mishap::None || *found.unwrap() == 1);
                forget(&rig.nodes[purger], what).await;
                let found = rig.nodes[purger].cache.get_or_load(&key(1), rig.source.failing()).await;
                assert!(found.is_err(), "{what:?} at {age}: {found:?}");
                rig.nodes[purger].tier.always(Mishap::None);
                sleep(secs(15)).await;
                for node in &rig.nodes {
                    let found = node.cache.get_or_load(&key(1), rig.source.failing()).await;
                    assert!(found.is_err(), "{what:?} at {age}: {found:?}");
                }
                rig.settle().await;
                rig.source.write(1);
                for node in &rig.nodes {
                    node.read(&key(1)).await.unwrap();
                    node.settle().await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_being_written_is_kept() {
    let policy = CachePolicy::of(TtlClass::Patient).negative_life(secs(600)).build().unwrap();
    let rig = Rig::new(policy).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let own = key(1);
    let none = |_| async { Ok::<Option<u64>, io::Error>(None) };
    for mark in [
        one.node.subject_mark(own.clinic, own.patient),
        one.node.key_mark(&own),
        one.node.tag_mark(own.clinic, "tag"),
    ] {
        let bar = one.node.bar(own.clinic, [mark], secs(60)).await.unwrap();
        for node in [one, two] {
            node.read(&own).await.unwrap();
            node.settle().await;
            assert!(rig.shared(&own).await.is_none());
        }
        assert!(one.memory(&own).is_none());
        // What is not there has no tags.
        if mark != one.node.tag_mark(own.clinic, "tag") {
            assert!(one.cache.get_or_load_option(&own, none).await.unwrap().is_none());
            one.settle().await;
            assert_eq!(one.cache.usage().negatives, 0);
        }
        assert_eq!(bar.lift().await, Reach::Everyone);
        sleep(BOUND).await;
        one.read(&own).await.unwrap();
        one.settle().await;
        assert!(one.memory(&own).is_some() && rig.shared(&own).await.is_some());
        one.cache.purge(&own).await;
        sleep(BOUND).await;
    }
    // Whoever wrote may be gone.
    drop(one.node.bar(own.clinic, [one.node.key_mark(&own)], secs(60)).await.unwrap());
    one.read(&own).await.unwrap();
    one.settle().await;
    assert!(one.memory(&own).is_none());
    sleep(secs(70)).await;
    one.read(&own).await.unwrap();
    one.settle().await;
    assert!(one.memory(&own).is_some());
}

/// While a purge waits for the shared tier, this node takes nothing from there and puts nothing there.
#[tokio::test(start_paused = true)]
async fn what_waits_to_be_forgotten_is_not_read_back() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    one.tier.always(Mishap::Fail);
    rig.source.write(2);
    assert_eq!(one.cache.purge(&key(1)).await, Reach::Queued);
    one.tier.always(Mishap::None);
    assert!(rig.shared(&key(1)).await.is_some(), "the old value is there still");
    assert_eq!(one.read(&key(1)).await.unwrap(), 2);
    one.settle().await;
    sleep(secs(10)).await;
    assert_eq!(one.node.queue_len(), 0);
    for node in &rig.nodes {
        assert_eq!(node.read(&key(1)).await.unwrap(), 2);
        node.settle().await;
    }
}
