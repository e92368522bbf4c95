//! What is counted of the shared tier, and of how well a node hears.

use crate::rig::{BOUND, Rig, key, key_of, secs};
use healthcare_cache::{
    CacheLevel, CachePolicy, CacheStatistics, Look, Mishap, NewEntry, Reach, SharedLimits, SharedTier as _,
    TtlClass, Verb,
};
use std::time::Duration;
use tokio::time::sleep;

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient).jitter(0.0).build().unwrap()
}

/// Found, not found, waited for, not answered, not to be opened.
fn asked(counted: &CacheStatistics) -> [u64; 5] {
    [
        counted.shared_hits,
        counted.shared_misses,
        counted.shared_waits,
        counted.shared_errors,
        counted.undecodable,
    ]
}

/// Kept, and not kept.
fn filled(counted: &CacheStatistics) -> [u64; 2] {
    [counted.shared_stored, counted.shared_fills_refused]
}

#[tokio::test(start_paused = true)]
async fn each_question_to_the_shared_tier_is_counted_once() {
    let rig = Rig::new(policy()).await;
    let [one, two, three] = &rig.nodes[..] else { panic!("three") };
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    let counted = one.cache.statistics();
    assert_eq!((asked(&counted), filled(&counted)), ([0, 1, 0, 0, 0], [1, 0]));
    assert_eq!((counted.misses, counted.loaded, counted.stored), (1, 1, 1));

    two.read(&key(1)).await.unwrap();
    two.read(&key(1)).await.unwrap();
    let counted = two.cache.statistics();
    assert_eq!((asked(&counted), filled(&counted)), ([1, 0, 0, 0, 0], [0, 0]));
    assert_eq!((counted.hits, counted.misses, counted.loaded, counted.stored), (1, 1, 0, 1));
    assert_eq!((counted.hit_ratio(), counted.shared_hit_ratio()), (Some(0.5), Some(1.0)));

    // However often it looks whether the other is done.
    let loads = [one.slow(&key(2)), three.slow(&key(2))];
    rig.source.has_read(2).await;
    sleep(secs(1)).await;
    rig.source.gate.add_permits(1);
    for load in loads {
        assert_eq!(load.await.unwrap().unwrap(), 1);
    }
    rig.settle().await;
    let [led, waited] = [one, three].map(|node| node.cache.statistics());
    assert_eq!((asked(&led), filled(&led)), ([0, 2, 0, 0, 0], [2, 0]));
    assert_eq!((asked(&waited), waited.loaded), ([1, 0, 1, 0, 0], 0));

    // By a look-up, and by many at once.
    let Look::Hit(_) = three.cache.look_up(&key(1)).await else { panic!("not found") };
    let Look::Miss(vacancy) = three.cache.look_up(&key(3)).await else { panic!("found") };
    vacancy.keep(7).await;
    let counted = three.cache.statistics();
    assert_eq!(asked(&counted), [2, 1, 1, 0, 0]);
    three.settle().await;
    assert_eq!(filled(&three.cache.statistics()), [1, 0]);
    rig.source.gate.add_permits(1);
    two.cache.get_or_load_many(&[key(2), key(3), key(4)], rig.source.slow_many()).await;
    two.settle().await;
    let counted = two.cache.statistics();
    assert_eq!((asked(&counted), filled(&counted), counted.loaded), ([3, 1, 0, 0, 0], [1, 0], 1));
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_does_not_answer_is_counted_for_each_load_that_did_without() {
    for level in [CacheLevel::Sensitive, CacheLevel::Restricted] {
        let policy = CachePolicy::of(TtlClass::Patient).level(level).jitter(0.0).build().unwrap();
        let rig = Rig::new(policy).await;
        let [one, two, _] = &rig.nodes[..] else { panic!("three") };
        one.tier.always(Mishap::Fail);
        one.read(&key(1)).await.unwrap();
        assert_eq!(asked(&one.cache.statistics()), [0, 0, 0, 1, 0], "{level:?}");
        let Look::Miss(_) = one.cache.look_up(&key(2)).await else { panic!("found") };
        assert_eq!(asked(&one.cache.statistics()), [0, 0, 0, 2, 0], "{level:?}");
        rig.source.gate.add_permits(1);
        one.cache.get_or_load_many(&[key(3), key(4)], rig.source.slow_many()).await;
        assert_eq!(one.cache.statistics().shared_errors, 3, "{level:?}: one question for both");
        // A purge waits, and until it is delivered the tier is not asked.
        assert_eq!(one.cache.purge(&key(1)).await, Reach::Queued);
        assert_eq!(one.node.statistics().queue, 1);
        one.read(&key(1)).await.unwrap();
        assert_eq!(one.cache.statistics().shared_errors, 4, "{level:?}");
        one.tier.always(Mishap::None);
        sleep(secs(60)).await;
        assert_eq!((one.node.statistics().queue, one.node.queue_len()), (0, 0));
        assert_eq!(asked(&two.cache.statistics()), [0; 5]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_opened_and_what_is_not_kept_is_counted() {
    let rig = Rig::with(policy(), SharedLimits::default().value_max(10)).await;
    let one = &rig.nodes[0];
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    assert_eq!(filled(&one.cache.statistics()), [0, 1], "too large");

    let rig = Rig::new(policy()).await;
    let [one, two, _] = &rig.nodes[..] else { panic!("three") };
    let own = rig.server.node();
    let (scope, mark) = (rig.scope(&key(1)), rig.namer.key(&key(1)));
    let healthcare_cache::Fetched::Miss(seen) = own.fetch(scope, mark).await.unwrap() else { panic!("kept") };
    let entry = NewEntry { key: mark, seen, marks: &[], bytes: b"not ours", life: secs(60), lease: None };
    own.fill(scope, entry).await.unwrap();
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    let counted = one.cache.statistics();
    assert_eq!((asked(&counted), counted.loaded), ([0, 0, 0, 0, 1], 1));

    // Purged while it was loaded, by a node that nobody hears.
    let call = two.slow(&key(2));
    rig.source.has_read(2).await;
    rig.forget(&key(2), &[rig.namer.key(&key(2))], Verb::Purge).await;
    rig.source.gate.add_permits(1);
    call.await.unwrap().unwrap();
    two.settle().await;
    assert_eq!(filled(&two.cache.statistics()), [0, 1], "stale");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_bypasses_memory_is_counted_once_and_as_that() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    one.read(&key(1)).await.unwrap();
    one.settle().await;
    let before = one.cache.statistics();
    one.deafen().await;
    one.read(&key(1)).await.unwrap();
    assert!(one.memory(&key(1)).is_none());
    one.cache
        .get_or_load_many(&[key(1)], |_| async { Ok::<Vec<(_, u64)>, std::io::Error>(Vec::new()) })
        .await;
    let counted = one.cache.statistics();
    assert_eq!((counted.bypasses, counted.misses, counted.hits), (3, before.misses, before.hits));
    assert_eq!(counted.reads(), before.reads() + 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_says_how_long_it_was_deaf_and_how_often_it_gave_its_memory_up() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    let before = one.node.statistics();
    // It was deaf from its beginning to its first own beat.
    assert!(!before.is_deaf && before.deaf_for < secs(1), "{before:?}");
    sleep(secs(10)).await;
    let settled = one.node.statistics();
    assert_eq!((settled.is_deaf, settled.deaf_for), (false, before.deaf_for));

    // A link that is dead without being closed: until the bound is over the node may go on.
    one.tier.deafen(true);
    sleep(BOUND / 2).await;
    assert!(!one.node.statistics().is_deaf && one.node.is_hearing());
    sleep(BOUND / 2 + secs(10)).await;
    let deaf = one.node.statistics();
    assert!(deaf.is_deaf && !one.node.is_hearing());
    let lost = deaf.deaf_for - before.deaf_for;
    assert!((secs(9)..=secs(11)).contains(&lost), "{lost:?}");
    one.tier.deafen(false);
    sleep(secs(10)).await;
    let back = one.node.statistics();
    assert!(!back.is_deaf && back.deaf_for > deaf.deaf_for && back.deaf_for < deaf.deaf_for + secs(5));
    assert!(back.bumps > settled.bumps, "it may have missed something");
    sleep(secs(60)).await;
    assert_eq!(one.node.statistics().deaf_for, back.deaf_for);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_coherence_was_dropped_says_that_it_is_deaf() {
    let rig = Rig::new(policy()).await;
    let one = &rig.nodes[0];
    let before = one.node.statistics();
    one.deafen().await;
    sleep(secs(100)).await;
    let after = one.node.statistics();
    assert!(after.is_deaf && !one.node.is_hearing());
    let lost = after.deaf_for - before.deaf_for;
    assert!(lost >= secs(100) && lost < secs(100) + BOUND, "{lost:?}");
    assert_eq!(one.read(&key_of(2, 2, 2)).await.unwrap(), 1);
    assert!(one.node.statistics().deaf_for < after.deaf_for + Duration::from_secs(1));
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn the_series_of_a_node_say_the_same() {
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _recorded = ::metrics::set_default_local_recorder(&recorder);
    // Each look takes away what it saw.
    let seen = || {
        let mut found = std::collections::BTreeMap::<String, f64>::new();
        for (key, _, _, value) in snapshotter.snapshot().into_vec() {
            let key = key.key();
            let value = match value {
                DebugValue::Gauge(value) => value.0,
                DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
                DebugValue::Histogram(_) => continue,
            };
            if key.name().starts_with("cache_node") {
                assert!(key.labels().all(|label| label.key() == "reason"), "{key:?}");
                *found.entry(key.name().to_owned()).or_default() += value;
            }
        }
        found
    };
    let is = |found: &std::collections::BTreeMap<String, f64>, name: &str, wanted: f64| {
        assert!((found[name] - wanted).abs() < 0.5, "{name}: {found:?}");
    };
    let rig = Rig::new(policy()).await;
    sleep(secs(10)).await;
    is(&seen(), "cache_node_deaf", 0.0);
    rig.nodes[0].tier.always(Mishap::Fail);
    rig.nodes[0].node.purge_subject(key(1).clinic, key(1).patient).await;
    is(&seen(), "cache_node_queue", 1.0);
    rig.nodes[0].tier.always(Mishap::None);
    rig.nodes[0].tier.cut();
    sleep(secs(10)).await;
    let after = seen();
    is(&after, "cache_node_queue", 0.0);
    assert!(after["cache_node_bumps_total"] > 0.5, "{after:?}");
    rig.nodes.iter().for_each(|node| node.tier.deafen(true));
    sleep(BOUND + secs(10)).await;
    let deaf = seen();
    is(&deaf, "cache_node_deaf", 1.0);
    assert!(deaf["cache_node_deaf_seconds"] > 5.0, "{deaf:?}");
    rig.nodes.iter().for_each(|node| node.tier.deafen(false));
    sleep(secs(10)).await;
    is(&seen(), "cache_node_deaf", 0.0);
    for node in &rig.nodes {
        node.deafen().await;
    }
    is(&seen(), "cache_node_deaf", 1.0);
}
