//! The restricted level: in memory only, and never served but when the shared tier says that it is right.

use crate::rig::{Rig, key, secs};
use healthcare_cache::{CacheLevel, CachePolicy, Loaded, Look, Mishap, Put, Reach, TtlClass, Verb};

fn policy() -> CachePolicy {
    let life = std::time::Duration::from_secs(60);
    CachePolicy::of(TtlClass::Patient).level(CacheLevel::Restricted).negative_life(life).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_never_leaves_memory_and_is_not_given_without_a_question() {
    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    one.settle().await;
    assert!(rig.shared(&key(1)).await.is_none());
    assert!(one.memory(&key(1)).is_none() && one.cache.get_many(&[key(1)])[0].is_none());
    assert_eq!(one.cache.set(&key(2), Loaded::new(7)).await, Put::Stale);
    rig.source.write(2);
    // It is kept all the same.
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    assert_eq!((two.read(&key(1)).await.unwrap(), rig.source.loads()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn what_was_purged_anywhere_is_not_served_once_more() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    let clinic = key(1).clinic;
    let marks =
        [rig.namer.key(&key(1)), rig.namer.subject(clinic, key(1).patient), rig.namer.tag(clinic, "tag")];
    let mut value = 1;
    for mark in marks {
        for verb in [Verb::Purge, Verb::Expire] {
            assert_eq!(one.read(&key(1)).await.unwrap(), value);
            value += 1;
            rig.source.write(value);
            rig.forget(&key(1), &[mark], verb).await;
            assert!(matches!(one.cache.look_up(&key(1)).await, Look::Miss(_)), "{mark:?} {verb:?}");
            assert_eq!(one.read(&key(1)).await.unwrap(), value, "{mark:?} {verb:?}");
            let own = [key(1)];
            let many = one.cache.get_or_load_many(&own, |_| async {
                Ok::<Vec<(crate::rig::Key, u64)>, std::io::Error>(Vec::new())
            });
            assert_eq!(**many.await[0].as_ref().unwrap().as_ref().unwrap(), value);
        }
    }
    one.settle().await;
}

/// A purge of everything is one number beside those of the clinics: it is asked for as well, whatever was heard.
#[tokio::test(start_paused = true)]
async fn that_everything_was_purged_elsewhere_is_known_at_once() {
    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    for value in [2, 3] {
        rig.source.write(value);
        one.tier.deafen(true);
        assert_eq!(two.node.purge_all().await, Reach::Everyone);
        assert!(one.node.is_hearing(), "it does not know it yet");
        assert_eq!(one.read(&key(1)).await.unwrap(), value);
        one.tier.deafen(false);
        tokio::time::sleep(secs(6)).await;
        one.read(&key(1)).await.unwrap();
        rig.source.write(9);
        assert_eq!(one.read(&key(1)).await.unwrap(), value, "it is kept again");
    }
    one.settle().await;
}

#[tokio::test(start_paused = true)]
async fn that_there_is_none_is_asked_about_as_well() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    let none = |_| async { Ok::<Option<u64>, std::io::Error>(None) };
    assert!(one.cache.get_or_load_option(&key(1), none).await.unwrap().is_none());
    assert!(one.read(&key(1)).await.is_err(), "it is remembered");
    rig.forget(&key(1), &[rig.namer.subject(key(1).clinic, key(1).patient)], Verb::Purge).await;
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_it_is_loaded_and_not_kept() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    one.read(&key(1)).await.unwrap();
    one.tier.always(Mishap::Fail);
    for value in 2..5 {
        rig.source.write(value);
        assert_eq!(one.read(&key(1)).await.unwrap(), value);
        assert_eq!(one.read(&key(2)).await.unwrap(), value);
    }
    one.tier.always(Mishap::None);
    // Until it is tried again.
    tokio::time::sleep(secs(10)).await;
    rig.source.write(9);
    // What was kept before is right still: nothing was purged.
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    assert_eq!(one.read(&key(2)).await.unwrap(), 9);
    one.settle().await;
}

/// A load that began before a purge elsewhere is not shared with who comes after it, whether or not the tier answers.
#[tokio::test(start_paused = true)]
async fn who_comes_after_a_purge_elsewhere_does_not_share_a_load_from_before() {
    for is_away in [false, true] {
        let rig = Rig::new(policy()).await;
        let one = &rig.nodes[0];
        let first = one.slow(&key(1));
        rig.source.has_read(1).await;
        rig.source.write(2);
        rig.forget(&key(1), &[rig.namer.tag(key(1).clinic, "tag")], Verb::Purge).await;
        if is_away {
            one.tier.always(Mishap::Fail);
        }
        let later: Vec<_> = (0..10).map(|_| one.slow(&key(1))).collect();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        rig.source.gate.add_permits(2);
        assert_eq!(first.await.unwrap().unwrap(), 1);
        for later in later {
            assert_eq!(later.await.unwrap().unwrap(), 2);
        }
        assert_eq!(rig.source.loads(), 2);
        one.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_it_loads_shares_the_load_when_nothing_was_purged() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    let callers: Vec<_> = (0..100).map(|_| one.slow(&key(1))).collect();
    rig.source.has_read(1).await;
    rig.source.gate.add_permits(1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 1);
    }
    assert_eq!(rig.source.loads(), 1);
}
