//! What is counted, and that nothing of a person is in it.

use healthcare_cache::{
    Cache, CacheKey, CacheLevel, CacheNode, CachePolicy, CachedAs, KeyWriter, Loaded, TtlClass,
};
use healthcare_core::{ClinicId, ManualClock};
use std::{io, sync::Arc, time::Duration};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BedKey(u128);
impl CacheKey for BedKey {
    fn clinic(&self) -> ClinicId {
        ClinicId::from_uuid(Uuid::from_u128(1))
    }
    fn subject(&self) -> Option<Uuid> {
        Some(Uuid::from_u128(self.0))
    }
}
impl CachedAs for BedKey {
    const KIND: &'static str = "bed";
    fn write(&self, out: &mut KeyWriter) {
        out.id(Uuid::from_u128(self.0));
    }
}

fn policy() -> CachePolicy {
    CachePolicy::of(TtlClass::Patient)
        .level(CacheLevel::Standard)
        .jitter(0.0)
        .fail_safe(Duration::from_secs(600))
        .negative_life(Duration::from_secs(60))
        .build()
        .unwrap()
}

async fn load(beds: &Cache<BedKey, u32>, key: u128) -> Option<u32> {
    beds.get_or_load(&BedKey(key), |_| async { Ok::<_, io::Error>(12) }).await.ok().map(|bed| *bed)
}

/// One of each.
async fn everything(beds: &Cache<BedKey, u32>, clock: &ManualClock) {
    load(beds, 1).await;
    load(beds, 1).await;
    assert!(beds.get(&BedKey(2)).is_none());
    let none = |_| async { Ok::<Option<u32>, io::Error>(None) };
    for _ in 0..2 {
        assert!(beds.get_or_load_option(&BedKey(3), none).await.unwrap().is_none());
    }
    // Stale, and found unchanged.
    clock.advance(Duration::from_secs(16 * 60));
    let same = |_| async { Ok::<_, io::Error>(Loaded::not_modified()) };
    beds.get_or_load(&BedKey(1), same).await.unwrap();
    while beds.usage().flights > 0 {
        tokio::task::yield_now().await;
    }
    // Over, and the load fails.
    clock.advance(Duration::from_secs(31 * 60));
    let fails = |_| async { Err::<u32, _>(io::Error::other("for the test")) };
    assert!(beds.get_or_load(&BedKey(1), fails).await.unwrap().is_stale());
    let panics = |load: healthcare_cache::Load<u32>| async move {
        assert!(load.is_refresh(), "for the test");
        Ok::<_, io::Error>(1)
    };
    assert!(beds.get_or_load(&BedKey(4), panics).await.is_err());
    // Tagged too much.
    let tagged = (0..65).fold(Loaded::new(1), |loaded, tag| loaded.tag(tag.to_string()));
    beds.set(&BedKey(5), tagged).await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_counted_once() {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let node = CacheNode::with_clock(clock.clone());
    let beds: Cache<BedKey, u32> = Cache::builder(policy()).name("ward beds").node(&node).build().unwrap();
    everything(&beds, &clock).await;
    let counted = beds.statistics();
    assert_eq!((counted.name, counted.class), ("ward beds", TtlClass::Patient));
    assert_eq!((counted.hits, counted.stale, counted.absent), (1, 1, 1));
    assert_eq!((counted.misses, counted.bypasses, counted.fail_safe), (5, 0, 1));
    assert_eq!((counted.loaded, counted.load_failures, counted.loads_refused), (3, 2, 0));
    assert_eq!((counted.stored, counted.fills_refused), (2, 1));
    assert_eq!(counted.reads(), 8);
    assert_eq!(counted.hit_ratio(), Some(3.0 / 8.0));
    assert_eq!(counted.shared_hit_ratio(), None);
    // Clones are the same cache; an inspection is no read.
    assert!(beds.clone().inspect(&BedKey(1)).is_some());
    assert_eq!(beds.clone().statistics(), counted);
    let unnamed: Cache<BedKey, u32> = Cache::builder(policy()).build().unwrap();
    assert_eq!(unnamed.statistics().name, "bed");
}

#[tokio::test(start_paused = true)]
async fn evictions_are_counted_by_cause() {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let node = CacheNode::with_clock(clock.clone());
    let build = |share| {
        Cache::builder(policy())
            .node(&node)
            .capacity(65_536)
            .clinic_share(share)
            .weigher(|_: &BedKey, _: &u32| 3_800)
    };
    let shared: Cache<BedKey, u32> = build(0.5).value_max(5_000).build().unwrap();
    let alone: Cache<BedKey, u32> = build(1.0).value_max(5_000).build().unwrap();
    for key in 0..100 {
        load(&shared, key).await;
        load(&alone, key).await;
    }
    let (_, _) = (shared.usage(), alone.usage());
    let (shared, alone) = (shared.statistics(), alone.statistics());
    // Half of the room is seven values.
    assert_eq!((shared.evicted_for_share, shared.evicted_for_room), (93, 0));
    assert_eq!(alone.evicted_for_share + alone.evicted_for_room, 85, "{alone:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_value_is_told_without_the_value() {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
    let node = CacheNode::with_clock(clock.clone());
    let beds: Cache<BedKey, u32> = Cache::builder(policy()).node(&node).build().unwrap();
    beds.set(&BedKey(1), Loaded::new(12).tag("ward").tag("north")).await;
    clock.advance(Duration::from_secs(60));
    let known = beds.inspect(&BedKey(1)).unwrap();
    assert_eq!((known.age, known.left), (Duration::from_secs(60), Duration::from_secs(29 * 60)));
    assert_eq!((known.is_stale, known.level, known.tags), (false, CacheLevel::Standard, 2));
    assert!(known.weight > 0);
    assert_eq!(beds.age_of(&beds.get(&BedKey(1)).unwrap()), Duration::from_secs(60));
    clock.advance(Duration::from_secs(30 * 60));
    let over = beds.inspect(&BedKey(1)).unwrap();
    assert_eq!((over.is_stale, over.left), (true, Duration::ZERO));
    clock.advance(Duration::from_secs(10 * 60));
    assert!(beds.inspect(&BedKey(1)).is_none(), "beyond fail-safe");
    beds.set(&BedKey(1), 12).await;
    beds.purge_subject(BedKey(1).clinic(), Uuid::from_u128(1)).await;
    assert!(beds.inspect(&BedKey(1)).is_none());
}

#[cfg(feature = "metrics")]
mod metrics_facade {
    use super::*;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

    fn seen(snapshotter: &Snapshotter) -> Vec<String> {
        let mut lines: Vec<_> = snapshotter
            .snapshot()
            .into_vec()
            .into_iter()
            .map(|(key, _, description, value)| {
                let key = key.key();
                assert!(description.is_some(), "{key:?} is not described");
                let labels: Vec<_> =
                    key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
                let value = match value {
                    DebugValue::Counter(count) => count.to_string(),
                    DebugValue::Gauge(value) => value.to_string(),
                    DebugValue::Histogram(values) => values.len().to_string(),
                };
                format!("{}{{{}}} {value}", key.name(), labels.join(","))
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn the_series_are_labelled_with_cache_and_class_and_fixed_words() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        ::metrics::with_local_recorder(&recorder, || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
                let node = CacheNode::with_clock(clock.clone());
                let beds: Cache<BedKey, u32> = Cache::builder(policy()).node(&node).build().unwrap();
                everything(&beds, &clock).await;
            });
        });
        assert_eq!(
            seen(&snapshotter),
            [
                "cache_fail_safe_total{cache=bed,class=patient} 1",
                "cache_fills_total{cache=bed,class=patient,tier=memory,outcome=stored} 2",
                "cache_fills_total{cache=bed,class=patient,tier=memory,outcome=too_large} 1",
                "cache_load_seconds{cache=bed,class=patient} 4",
                "cache_loads_total{cache=bed,class=patient,outcome=absent} 1",
                "cache_loads_total{cache=bed,class=patient,outcome=failed} 1",
                "cache_loads_total{cache=bed,class=patient,outcome=loaded} 1",
                "cache_loads_total{cache=bed,class=patient,outcome=panicked} 1",
                "cache_loads_total{cache=bed,class=patient,outcome=unchanged} 1",
                "cache_reads_total{cache=bed,class=patient,result=absent} 1",
                "cache_reads_total{cache=bed,class=patient,result=hit} 1",
                "cache_reads_total{cache=bed,class=patient,result=miss} 5",
                "cache_reads_total{cache=bed,class=patient,result=stale} 1",
            ]
        );
    }
}
