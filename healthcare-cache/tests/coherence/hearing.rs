use crate::{
    PURGES, Purge, outdated, purge,
    rig::{BOUND, Rig, key, secs},
    settle, until_it_hears,
};
use healthcare_cache::{Mishap, NoticeMishap, Reach, SharedTier as _};
use std::time::Duration;
use tokio::time::sleep;

const STEP: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn what_one_forgets_the_others_forget() {
    for what in PURGES {
        let rig = outdated().await;
        assert_eq!(purge(&rig.nodes[0].node, what).await, Reach::Everyone);
        assert_eq!(rig.nodes[0].memory(&key(1)), None, "{what:?}: at once");
        settle().await;
        // Those first that only heard of it.
        for node in rig.nodes.iter().rev() {
            assert_eq!(node.memory(&key(1)), None, "{what:?}");
            assert_eq!(node.read(&key(1)).await.unwrap(), 2, "{what:?}");
        }
    }
}

/// Everything else stays where it was.
#[tokio::test(start_paused = true)]
async fn what_was_not_purged_stays() {
    let rig = outdated().await;
    let other = crate::rig::key_of(2, 2, 7);
    for node in &rig.nodes {
        node.read(&other).await.unwrap();
        node.settle().await;
    }
    for what in [Purge::Key, Purge::Subject, Purge::Tag, Purge::Clinic] {
        purge(&rig.nodes[0].node, what).await;
        sleep(BOUND * 3).await;
        assert!(rig.nodes.iter().all(|node| node.memory(&other).is_some()), "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_expired_is_stale_elsewhere_too() {
    use healthcare_cache::{CacheLevel, CachePolicy, TtlClass};
    let policy = CachePolicy::of(TtlClass::Clinic).level(CacheLevel::Standard).fail_safe(secs(60));
    let rig = Rig::new(policy.build().unwrap()).await;
    for by_tag in [false, true] {
        for node in &rig.nodes {
            node.read(&key(1)).await.unwrap();
            node.settle().await;
        }
        let one = &rig.nodes[0].cache;
        if by_tag {
            one.expire_tag(key(1).clinic, "tag").await;
        } else {
            one.expire(&key(1)).await;
        }
        settle().await;
        for node in &rig.nodes {
            let kept = node.cache.get(&key(1));
            assert!(kept.is_none_or(|value| value.is_stale()));
        }
        purge(&rig.nodes[0].node, Purge::All).await;
        settle().await;
    }
}

/// The first notice that the node hears is the purge.
#[tokio::test(start_paused = true)]
async fn a_notice_that_is_lost_doubled_or_late_is_made_up_for_within_the_bound() {
    let mishaps =
        [NoticeMishap::Lose, NoticeMishap::Twice, NoticeMishap::AfterNext, NoticeMishap::Delay(secs(60))];
    for mishap in mishaps {
        for what in PURGES {
            let rig = outdated().await;
            let [one, two, _] = &rig.nodes[..] else { panic!("three") };
            two.tier.next_hear([mishap]);
            assert_eq!(purge(&one.node, what).await, Reach::Everyone);
            // A beat follows within a third of the bound, and finds it missing.
            sleep(BOUND / 3 + STEP).await;
            assert_eq!(two.memory(&key(1)), None, "{mishap:?}, {what:?}");
            sleep(BOUND - BOUND / 3).await;
            assert!(two.node.is_hearing());
            assert_eq!(two.read(&key(1)).await.unwrap(), 2, "{mishap:?}, {what:?}");
        }
    }
}

/// A sender's last word is lost, and it says no more.
#[tokio::test(start_paused = true)]
async fn the_last_word_of_a_sender_that_dies_is_made_up_for_within_the_bound() {
    for what in PURGES {
        let mut rig = outdated().await;
        let one = rig.nodes.remove(0);
        rig.nodes[0].tier.next_hear([NoticeMishap::Lose]);
        purge(&one.node, what).await;
        drop(one);
        sleep(BOUND).await;
        let two = &rig.nodes[0];
        assert_eq!(two.memory(&key(1)), None, "{what:?}");
        until_it_hears(two).await;
        assert_eq!(two.read(&key(1)).await.unwrap(), 2, "{what:?}");
    }
}

/// Nodes that stop in order, as in a rolling deployment, are not mourned: nobody forgets anything, and nobody is deaf for them.
#[tokio::test(start_paused = true)]
async fn who_says_goodbye_makes_nobody_forget() {
    for what in [None, Some(Purge::Key)] {
        let mut rig = outdated().await;
        let other = crate::rig::key_of(2, 2, 7);
        for node in &rig.nodes {
            node.read(&other).await.unwrap();
            node.settle().await;
        }
        let one = rig.nodes.remove(0);
        if let Some(what) = what {
            purge(&one.node, what).await;
        }
        assert!(one.leave().await && !one.node.is_hearing());
        assert_eq!(one.memory(&other), None, "it hears nobody any more");
        for _ in 0..100 {
            sleep(BOUND / 20).await;
            for node in &rig.nodes {
                assert!(node.node.is_hearing());
                assert!(node.memory(&other).is_some());
                assert_eq!(node.memory(&key(1)).is_some(), what.is_none());
            }
        }
    }
}

/// Its last purge is lost on the way to one of the others: there the goodbye does not count.
#[tokio::test(start_paused = true)]
async fn a_goodbye_makes_up_for_what_was_lost_before_it() {
    for what in PURGES {
        let mut rig = outdated().await;
        let one = rig.nodes.remove(0);
        rig.nodes[0].tier.next_hear([NoticeMishap::Lose]);
        purge(&one.node, what).await;
        assert!(one.leave().await);
        settle().await;
        assert_eq!(rig.nodes[0].memory(&key(1)), None, "{what:?}");
        // That everything was purged, the tier is asked with the next beat.
        sleep(BOUND / 3 + STEP).await;
        assert_eq!(rig.nodes[0].read(&key(1)).await.unwrap(), 2, "{what:?}");
    }
}

/// What it owes is told first; when that is not possible, it goes without a word.
#[tokio::test(start_paused = true)]
async fn who_leaves_tells_what_it_owes() {
    for (mishap, is_back) in [(Mishap::Fail, true), (Mishap::Fail, false), (Mishap::Hang, false)] {
        let mut rig = outdated().await;
        let one = rig.nodes.remove(0);
        one.tier.always(mishap);
        assert_eq!(purge(&one.node, Purge::Key).await, Reach::Queued);
        if is_back {
            one.tier.always(Mishap::None);
        }
        assert!(one.leave().await, "in good time");
        assert_eq!(one.node.queue_len(), usize::from(!is_back));
        settle().await;
        assert_eq!(rig.nodes[0].memory(&key(1)).is_none(), is_back);
        drop(one);
        sleep(BOUND * 2).await;
        assert_eq!(rig.nodes[0].memory(&key(1)), None, "it fell silent");
    }
}

/// The same where the tier was not even asked, and so no number is missing.
#[tokio::test(start_paused = true)]
async fn who_leaves_with_a_purge_that_was_never_tried_says_no_goodbye() {
    let mut rig = outdated().await;
    let one = rig.nodes.remove(0);
    one.tier.always(Mishap::Fail);
    for number in 10..20 {
        one.read(&key(number)).await.unwrap();
    }
    one.settle().await;
    one.tier.always(Mishap::None);
    assert_eq!(purge(&one.node, Purge::Key).await, Reach::Queued, "its circuit is open");
    assert!(one.leave().await);
    assert_eq!(one.node.queue_len(), 1);
    sleep(BOUND * 2).await;
    assert_eq!(rig.nodes[0].memory(&key(1)), None);
}

/// A write is under way of which nobody will hear the outcome, and one of the others could not ask whether it may keep what it
/// loaded.
#[tokio::test(start_paused = true)]
async fn who_leaves_in_the_middle_of_a_write_says_no_goodbye() {
    let mut rig = outdated().await;
    let one = rig.nodes.remove(0);
    let other = &rig.nodes[0];
    let mark = one.node.key_mark(&key(1));
    drop(one.node.bar(key(1).clinic, [mark], secs(60)).await.unwrap());
    settle().await;
    other.tier.always(Mishap::Fail);
    other.read(&key(1)).await.unwrap();
    other.settle().await;
    other.tier.always(Mishap::None);
    assert!(other.memory(&key(1)).is_some());
    assert!(one.leave().await);
    sleep(BOUND * 2).await;
    assert_eq!(other.memory(&key(1)), None);
}

/// The notice is lost and its sender is gone: the tier knows it still, and is asked with every beat.
#[tokio::test(start_paused = true)]
async fn that_everything_was_purged_is_found_out_with_the_next_beat() {
    let mut rig = outdated().await;
    let one = rig.nodes.remove(0);
    rig.nodes[0].tier.next_hear([NoticeMishap::Lose]);
    purge(&one.node, Purge::All).await;
    drop(one);
    sleep(BOUND / 3 + STEP).await;
    assert_eq!(rig.nodes[0].memory(&key(1)), None);
    assert_eq!(rig.nodes[0].read(&key(1)).await.unwrap(), 2);
}

/// T3: its link is dead, the others purge, and it is healed.
#[tokio::test(start_paused = true)]
async fn a_deaf_node_serves_nothing_older_than_the_bound_neither_deaf_nor_healed() {
    for what in PURGES {
        let rig = outdated().await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        two.tier.deafen(true);
        purge(&one.node, what).await;
        let (mut was_deaf, mut passed) = (false, Duration::ZERO);
        while passed < BOUND * 6 {
            if passed == BOUND * 3 {
                two.tier.deafen(false);
            }
            sleep(STEP).await;
            passed += STEP;
            was_deaf |= !two.node.is_hearing();
            if passed >= BOUND {
                assert_ne!(two.memory(&key(1)), Some(1), "{what:?} after {passed:?}");
            }
        }
        assert!(was_deaf && two.node.is_hearing());
        assert_eq!(two.read(&key(1)).await.unwrap(), 2);
        two.settle().await;
        assert_eq!(two.memory(&key(1)), Some(2), "{what:?}: it keeps again");
    }
}

/// Deaf, it reads through the shared tier: everything may have been purged there without its hearing.
#[tokio::test(start_paused = true)]
async fn a_deaf_node_finds_out_that_everything_was_purged() {
    let rig = outdated().await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    two.tier.deafen(true);
    sleep(BOUND).await;
    purge(&one.node, Purge::All).await;
    sleep(BOUND).await;
    assert!(!two.node.is_hearing());
    assert_eq!(two.read(&key(1)).await.unwrap(), 2);
}

/// What was said between two links was said to nobody.
#[tokio::test(start_paused = true)]
async fn a_link_that_was_lost_is_a_doubt() {
    let rig = outdated().await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    two.tier.cut();
    settle().await;
    purge(&one.node, Purge::Key).await;
    // Shorter than a beat: it is the new link that makes it forget.
    sleep(Duration::from_millis(60)).await;
    assert_eq!(two.memory(&key(1)), None);
    assert!(two.node.is_hearing(), "so short a loss is no deafness");
    assert_eq!(two.read(&key(1)).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_notice_makes_all_forget_all() {
    let rig = outdated().await;
    rig.server.node().say(b"hello").await.unwrap();
    settle().await;
    assert!(rig.nodes.iter().all(|node| node.memory(&key(1)).is_none() && node.node.is_hearing()));
}

/// With nothing going wrong, nothing is forgotten and nobody is deaf.
#[tokio::test(start_paused = true)]
async fn in_peace_nothing_is_forgotten() {
    let rig = outdated().await;
    for passed in 0..600 {
        sleep(Duration::from_millis(97)).await;
        for node in &rig.nodes {
            assert!(node.node.is_hearing(), "step {passed}");
            assert_eq!(node.memory(&key(1)), Some(1), "step {passed}");
        }
    }
}

/// The server is away for a while: nothing answers, and every link is lost.
#[tokio::test(start_paused = true)]
async fn after_an_outage_nothing_comes_back_that_was_purged_meanwhile() {
    for mishap in [Mishap::Fail, Mishap::Hang] {
        let rig = outdated().await;
        for node in &rig.nodes {
            node.tier.always(mishap);
            node.tier.cut();
        }
        assert_eq!(purge(&rig.nodes[0].node, Purge::Subject).await, Reach::Queued);
        sleep(BOUND * 10).await;
        for node in &rig.nodes {
            assert!(!node.node.is_hearing());
            assert_eq!(node.read(&key(1)).await.unwrap(), 2, "reads go on");
            node.tier.always(Mishap::None);
        }
        // Less than two of the longest pauses of a circuit.
        sleep(secs(11)).await;
        assert!(rig.shared(&key(1)).await.is_none());
        for node in &rig.nodes {
            assert!(node.node.is_hearing(), "{mishap:?}");
            assert_eq!(node.node.queue_len(), 0);
            assert_eq!(node.read(&key(1)).await.unwrap(), 2);
            node.settle().await;
            assert_eq!(node.memory(&key(1)), Some(2));
        }
    }
}
