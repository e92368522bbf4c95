use crate::{
    PURGES, outdated, purge,
    rig::{BOUND, key, secs},
    settle,
};
use healthcare_cache::{Mishap, Reach};
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(start_paused = true)]
async fn a_purge_that_could_not_be_told_holds_here_and_is_told_later() {
    for mishap in [Mishap::Fail, Mishap::LoseReply, Mishap::Hang, Mishap::HangAfter] {
        for what in PURGES {
            let rig = outdated().await;
            let [one, two, _] = &rig.nodes[..] else { panic!("three") };
            one.tier.always(mishap);
            assert_eq!(purge(&one.node, what).await, Reach::Queued);
            assert_eq!((one.node.queue_len(), one.memory(&key(1))), (1, None), "{mishap:?}, {what:?}");
            assert_eq!(one.read(&key(1)).await.unwrap(), 2);
            one.tier.always(Mishap::None);
            sleep(secs(6)).await;
            assert_eq!(one.node.queue_len(), 0, "{mishap:?}, {what:?}");
            assert_ne!(two.memory(&key(1)), Some(1), "{mishap:?}, {what:?}");
            assert_eq!(two.read(&key(1)).await.unwrap(), 2);
            one.settle().await;
        }
    }
}

/// The tier answers again, but has not yet been told: it holds what was purged here.
#[tokio::test(start_paused = true)]
async fn until_all_is_told_nothing_is_taken_from_the_shared_tier_nor_given_to_it() {
    for what in PURGES {
        let rig = outdated().await;
        let one = &rig.nodes[0];
        one.tier.always(Mishap::Fail);
        assert_eq!(purge(&one.node, what).await, Reach::Queued);
        // The first delivery fails as well, and a pause begins.
        settle().await;
        one.tier.always(Mishap::None);
        assert!(rig.shared(&key(1)).await.is_some(), "{what:?}: it holds the old value");
        assert_eq!(one.read(&key(1)).await.unwrap(), 2, "{what:?}");
        settle().await;
        assert_eq!(one.node.queue_len(), 1);
        let shared = rig.shared(&key(1)).await.unwrap();
        assert_eq!(shared.seen, shared.now, "{what:?}: it is the old value still");
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_is_dropped_half_way_is_complete_here_and_told_later() {
    for what in PURGES {
        let rig = outdated().await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        one.tier.next([Mishap::Hang]);
        let dropped = tokio::time::timeout(Duration::from_millis(1), purge(&one.node, what)).await;
        assert!(dropped.is_err());
        assert_eq!(one.memory(&key(1)), None, "{what:?}");
        assert_eq!(one.read(&key(1)).await.unwrap(), 2, "{what:?}");
        sleep(secs(1)).await;
        assert_eq!((one.node.queue_len(), two.memory(&key(1))), (0, None), "{what:?}");
    }
}

/// A number that may not have been said is not said again: the others find it missing, and forget everything once.
#[tokio::test(start_paused = true)]
async fn what_may_not_have_been_said_is_made_up_for() {
    let rig = outdated().await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let other = crate::rig::key_of(2, 2, 7);
    two.read(&other).await.unwrap();
    two.settle().await;
    one.tier.next([Mishap::Fail]);
    assert_eq!(purge(&one.node, crate::Purge::Key).await, Reach::Queued);
    sleep(BOUND).await;
    assert_eq!((two.memory(&key(1)), two.memory(&other)), (None, None));
    two.read(&other).await.unwrap();
    two.settle().await;
    sleep(BOUND * 3).await;
    assert!(two.memory(&other).is_some(), "once");
}
