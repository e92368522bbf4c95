use super::{Bump, Count};
use crate::TtlClass;
use ::metrics::{
    Counter, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit, with_recorder,
};
use std::{array, fmt, sync::OnceLock, time::Duration};

const METADATA: Metadata<'static> = Metadata::new("healthcare_cache", Level::INFO, Some("healthcare_cache"));

/// The series of one cache.
pub(super) struct CacheSeries {
    name: &'static str,
    class: TtlClass,
    counters: [OnceLock<Counter>; Count::COUNT],
    seconds: OnceLock<Histogram>,
}

impl CacheSeries {
    pub(super) fn new(name: &'static str, class: TtlClass) -> Self {
        Self { name, class, counters: array::from_fn(|_| OnceLock::new()), seconds: OnceLock::new() }
    }

    #[inline]
    pub(super) fn count(&self, count: Count) {
        let Some(kept) = self.counters.get(count as usize) else { return };
        match kept.get() {
            Some(counter) => counter.increment(1),
            None => self.first(count, kept),
        }
    }

    #[cold]
    fn first(&self, count: Count, kept: &OnceLock<Counter>) {
        let (described, words) = series(count);
        with_recorder(|recorder| {
            if !is_kept(recorder) {
                return;
            }
            let counter = described.counter(recorder, &self.key(described.name, words));
            counter.increment(1);
            // Another thread may have been first; both handles lead to one series.
            let _ = kept.set(counter);
        });
    }

    pub(super) fn took(&self, time: Duration) {
        if let Some(histogram) = self.seconds.get() {
            histogram.record(time);
            return;
        }
        with_recorder(|recorder| {
            if !is_kept(recorder) {
                return;
            }
            let name = KeyName::from_const_str(SECONDS.name);
            recorder.describe_histogram(name, Some(Unit::Seconds), SharedString::const_str(SECONDS.text));
            let histogram = recorder.register_histogram(&self.key(SECONDS.name, &[]), &METADATA);
            histogram.record(time);
            let _ = self.seconds.set(histogram);
        });
    }

    fn key(&self, name: &'static str, words: &[(&'static str, &'static str)]) -> Key {
        let own = [("cache", self.name), ("class", self.class.as_str())];
        let labels = own.iter().chain(words).map(|(key, word)| Label::from_static_parts(key, word));
        Key::from_parts(name, labels.collect::<Vec<_>>())
    }
}

impl fmt::Debug for CacheSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSeries").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(super) fn deaf(is_deaf: bool, total: Duration) {
    DEAF.gauge(if is_deaf { 1.0 } else { 0.0 });
    DEAF_SECONDS.gauge(total.as_secs_f64());
}

#[allow(clippy::cast_precision_loss, reason = "a queue is short")]
pub(super) fn queue(length: usize) {
    QUEUE.gauge(length as f64);
}

pub(super) fn bump(reason: Bump) {
    with_recorder(|recorder| {
        let label = Label::from_static_parts("reason", reason.as_str());
        BUMPS.counter(recorder, &Key::from_parts(BUMPS.name, vec![label])).increment(1);
    });
}

/// Whether handles of this recorder are kept. What the facade has while none is installed holds nothing, and so has no
/// size: its handle would be deaf to the recorder that comes later.
fn is_kept(recorder: &dyn Recorder) -> bool {
    size_of_val(recorder) != 0
}

/// A name, and what the recorder is told about it.
struct Described {
    name: &'static str,
    text: &'static str,
}

const fn described(name: &'static str, text: &'static str) -> Described {
    Described { name, text }
}

const READS: Described = described("cache_reads_total", "Looks at the memory tier, by result");
const FAIL_SAFE: Described = described("cache_fail_safe_total", "Old values given because a load failed");
const SHARED: Described = described("cache_shared_reads_total", "Questions to the shared tier, by result");
const LOADS: Described = described("cache_loads_total", "Loads, by how they ended");
const SECONDS: Described = described("cache_load_seconds", "How long loads took that ended");
const FILLS: Described = described("cache_fills_total", "Values to be kept, by tier and what became of them");
const EVICTIONS: Described = described("cache_evictions_total", "Entries that went, by cause");
const DEAF: Described = described("cache_node_deaf", "1 while the node does not hear the others");
const DEAF_SECONDS: Described = described("cache_node_deaf_seconds", "How long it has not heard them in all");
const QUEUE: Described = described("cache_node_queue", "Purges that wait for the shared tier");
const BUMPS: Described =
    described("cache_node_bumps_total", "Times that all of the memory tier was given up, by reason");

impl Described {
    fn counter(&self, recorder: &dyn Recorder, key: &Key) -> Counter {
        let name = KeyName::from_const_str(self.name);
        recorder.describe_counter(name, Some(Unit::Count), SharedString::const_str(self.text));
        recorder.register_counter(key, &METADATA)
    }

    /// For what is rare: the series is looked up each time.
    fn gauge(&self, value: f64) {
        with_recorder(|recorder| {
            let name = KeyName::from_const_str(self.name);
            recorder.describe_gauge(name, None, SharedString::const_str(self.text));
            recorder.register_gauge(&Key::from_static_name(self.name), &METADATA).set(value);
        });
    }
}

type Words = &'static [(&'static str, &'static str)];

/// The series of a word.
const fn series(count: Count) -> (&'static Described, Words) {
    match count {
        Count::Hit => (&READS, &[("result", "hit")]),
        Count::Stale => (&READS, &[("result", "stale")]),
        Count::Absent => (&READS, &[("result", "absent")]),
        Count::Miss => (&READS, &[("result", "miss")]),
        Count::Bypass => (&READS, &[("result", "bypass")]),
        Count::FailSafe => (&FAIL_SAFE, &[]),
        Count::SharedHit => (&SHARED, &[("result", "hit")]),
        Count::SharedMiss => (&SHARED, &[("result", "miss")]),
        Count::SharedWait => (&SHARED, &[("result", "wait")]),
        Count::SharedError => (&SHARED, &[("result", "error")]),
        Count::SharedUndecodable => (&SHARED, &[("result", "undecodable")]),
        Count::Loaded => (&LOADS, &[("outcome", "loaded")]),
        Count::LoadedAbsent => (&LOADS, &[("outcome", "absent")]),
        Count::LoadedUnchanged => (&LOADS, &[("outcome", "unchanged")]),
        Count::LoadFailed => (&LOADS, &[("outcome", "failed")]),
        Count::LoadDropped => (&LOADS, &[("outcome", "dropped")]),
        Count::LoadPanicked => (&LOADS, &[("outcome", "panicked")]),
        Count::LoadRefused => (&LOADS, &[("outcome", "refused")]),
        Count::Stored => (&FILLS, &[("tier", "memory"), ("outcome", "stored")]),
        Count::StoreStale => (&FILLS, &[("tier", "memory"), ("outcome", "stale")]),
        Count::StoreLarge => (&FILLS, &[("tier", "memory"), ("outcome", "too_large")]),
        Count::SharedStored => (&FILLS, &[("tier", "shared"), ("outcome", "stored")]),
        Count::SharedStale => (&FILLS, &[("tier", "shared"), ("outcome", "stale")]),
        Count::SharedLarge => (&FILLS, &[("tier", "shared"), ("outcome", "too_large")]),
        Count::EvictedRoom => (&EVICTIONS, &[("cause", "room")]),
        Count::EvictedShare => (&EVICTIONS, &[("cause", "share")]),
        Count::EvictedAge => (&EVICTIONS, &[("cause", "age")]),
    }
}
