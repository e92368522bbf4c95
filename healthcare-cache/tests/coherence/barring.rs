use crate::{
    outdated,
    rig::{BOUND, Key, Rig, key, secs},
    settle,
};
use healthcare_cache::{Cache, CacheNode, Mark, Mishap, NodeBar, NodeBarError, Reach};
use std::time::Duration;
use tokio::time::sleep;

const LONGEST: Duration = Duration::from_secs(120);

async fn bar(rig: &Rig) -> NodeBar {
    let (node, key) = (&rig.nodes[0].node, key(1));
    node.bar(key.clinic, [node.subject_mark(key.clinic, key.patient)], LONGEST).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn while_a_write_is_under_way_nothing_about_it_is_kept() {
    let rig = outdated().await;
    let bar = bar(&rig).await;
    assert!(bar.is_shared());
    settle().await;
    for node in &rig.nodes {
        assert_eq!(node.memory(&key(1)), None, "it is forgotten everywhere");
        assert_eq!(node.read(&key(1)).await.unwrap(), 2);
        node.settle().await;
        assert_eq!(node.memory(&key(1)), None, "and not kept");
    }
    assert!(rig.shared(&key(1)).await.is_none());
    rig.source.write(3);
    assert_eq!(bar.lift().await, Reach::Everyone);
    settle().await;
    for node in &rig.nodes {
        assert_eq!(node.read(&key(1)).await.unwrap(), 3);
        node.settle().await;
        assert_eq!(node.memory(&key(1)), Some(3));
    }
}

/// It has read the state before the write, and ends after it.
#[tokio::test(start_paused = true)]
async fn what_was_loaded_under_a_bar_does_not_land_after_it() {
    for is_lifted in [true, false] {
        let rig = outdated().await;
        let held = bar(&rig).await;
        settle().await;
        let loads = rig.source.loads();
        let slow = [rig.nodes[0].slow(&key(1)), rig.nodes[1].slow(&key(1))];
        // The second waits for its turn at the shared tier, or for its own.
        rig.source.has_read(loads + 1).await;
        rig.source.write(3);
        if is_lifted {
            assert_eq!(held.lift().await, Reach::Everyone);
        } else {
            drop(held);
            // The loads' own time is shorter than a bar's.
            sleep(secs(1)).await;
        }
        rig.source.gate.add_permits(2);
        for slow in slow {
            let _ = slow.await.unwrap();
        }
        settle().await;
        rig.nodes[0].settle().await;
        assert_ne!(rig.nodes[0].memory(&key(1)), Some(2), "lifted: {is_lifted}");
        sleep(LONGEST + BOUND).await;
        for node in &rig.nodes {
            assert_ne!(node.memory(&key(1)), Some(2), "lifted: {is_lifted}");
            assert_eq!(node.read(&key(1)).await.unwrap(), 3, "lifted: {is_lifted}");
        }
    }
}

/// Without a shared tier there is only its own memory.
#[tokio::test(start_paused = true)]
async fn a_node_alone_keeps_nothing_that_was_loaded_under_a_bar() {
    let node = CacheNode::new();
    let cache: Cache<Key, u64> = Cache::builder(crate::policy()).node(&node).build().unwrap();
    let (clinic, mark) = (key(1).clinic, node.subject_mark(key(1).clinic, key(1).patient));
    let bar = node.bar(clinic, [mark], LONGEST).await.unwrap();
    assert!(bar.is_shared());
    let (gate, opened) = tokio::sync::oneshot::channel::<()>();
    let load = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let loader = |_| async {
                opened.await.unwrap();
                Ok::<u64, std::io::Error>(1)
            };
            cache.get_or_load(&key(1), loader).await.map(|value| *value)
        })
    };
    settle().await;
    assert_eq!(bar.lift().await, Reach::Everyone);
    gate.send(()).unwrap();
    assert_eq!(load.await.unwrap().unwrap(), 1);
    assert!(cache.get(&key(1)).is_none());
    node.validate().unwrap();
}

/// Nobody knows what became of the write.
#[tokio::test(start_paused = true)]
async fn a_bar_that_is_dropped_runs_out_and_purges() {
    let rig = outdated().await;
    drop(bar(&rig).await);
    sleep(LONGEST - secs(1)).await;
    let one = &rig.nodes[0];
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    assert_eq!(one.memory(&key(1)), None);
    sleep(BOUND).await;
    assert_eq!(one.node.queue_len(), 0);
    rig.source.write(3);
    assert_eq!(one.read(&key(1)).await.unwrap(), 3);
    one.settle().await;
    assert_eq!(one.memory(&key(1)), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_bar_that_the_tier_does_not_hear_of_holds_here_and_is_made_up_for() {
    for answers_at_the_end in [true, false] {
        let rig = outdated().await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        one.tier.always(Mishap::Fail);
        let bar = bar(&rig).await;
        assert!(!bar.is_shared());
        assert_eq!(one.read(&key(1)).await.unwrap(), 2);
        one.settle().await;
        assert_eq!(one.memory(&key(1)), None);
        if answers_at_the_end {
            one.tier.always(Mishap::None);
            // The circuit tries again.
            sleep(secs(1)).await;
        }
        let reach = bar.lift().await;
        assert_eq!(reach, if answers_at_the_end { Reach::Everyone } else { Reach::Queued });
        one.tier.always(Mishap::None);
        sleep(secs(6)).await;
        assert_eq!(one.node.queue_len(), 0);
        assert_ne!(two.memory(&key(1)), Some(1));
        assert_eq!(two.read(&key(1)).await.unwrap(), 2);
    }
}

/// The tier heard of it, and not of its end.
#[tokio::test(start_paused = true)]
async fn a_bar_that_cannot_be_lifted_or_whose_lifting_is_dropped_purges_all_the_same() {
    for is_dropped in [true, false] {
        let rig = outdated().await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        let bar = bar(&rig).await;
        one.tier.always(Mishap::Hang);
        if is_dropped {
            assert!(tokio::time::timeout(Duration::from_millis(1), bar.lift()).await.is_err());
        } else {
            assert_eq!(bar.lift().await, Reach::Queued);
        }
        assert!(one.node.queue_len() > 0);
        one.tier.always(Mishap::None);
        sleep(secs(6)).await;
        assert_eq!(one.node.queue_len(), 0);
        // Here it is lifted; the shared tier holds its own until that runs out.
        assert_eq!(one.read(&key(1)).await.unwrap(), 2);
        assert_eq!(two.read(&key(1)).await.unwrap(), 2);
        sleep(LONGEST).await;
        assert_eq!(one.read(&key(1)).await.unwrap(), 2);
        one.settle().await;
        assert_eq!(one.memory(&key(1)), Some(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_bar_that_makes_no_sense_bars_nothing() {
    let rig = outdated().await;
    let (one, clinic) = (&rig.nodes[0], key(1).clinic);
    let mark = one.node.subject_mark(clinic, key(1).patient);
    // The tier's own limit is ten minutes.
    for longest in [Duration::ZERO, secs(601), secs(3_601)] {
        assert_eq!(one.node.bar(clinic, [mark], longest).await.unwrap_err(), NodeBarError::Length);
    }
    let many = (0..1_001_u128).map(|mark| Mark(mark.to_be_bytes()));
    let refused = one.node.bar(clinic, many, LONGEST).await.unwrap_err();
    assert_eq!(refused, NodeBarError::TooMany { given: 1_001, max: 1_000 });
    // What is in the shared tier was not purged.
    assert_eq!(one.read(&key(1)).await.unwrap(), 1);
    one.settle().await;
    assert_eq!(one.memory(&key(1)), Some(1));
}

/// More marks than the tier takes in one call.
#[tokio::test(start_paused = true)]
async fn a_bar_of_many_marks_bars_them_all() {
    let rig = outdated().await;
    let (node, clinic) = (&rig.nodes[0].node, key(1).clinic);
    let mut marks: Vec<Mark> = (0..50_u128).map(|mark| Mark((mark << 100).to_be_bytes())).collect();
    marks.push(node.subject_mark(clinic, key(1).patient));
    let bar = node.bar(clinic, marks, LONGEST).await.unwrap();
    assert!(bar.is_shared());
    settle().await;
    for node in &rig.nodes {
        node.read(&key(1)).await.unwrap();
        node.settle().await;
        assert_eq!(node.memory(&key(1)), None);
    }
    rig.source.write(3);
    assert_eq!(bar.lift().await, Reach::Everyone);
    assert_eq!(rig.nodes[0].read(&key(1)).await.unwrap(), 3);
}
