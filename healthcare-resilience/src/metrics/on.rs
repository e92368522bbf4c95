use super::{Outcome, Reading};
use crate::RejectReason;
use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit,
    with_recorder,
};
use std::{
    array, fmt,
    sync::{
        OnceLock,
        atomic::{AtomicI64, Ordering, fence},
    },
    time::Duration,
};

const REASONS: usize = RejectReason::WarmingUp as usize + 1;
const READINGS: usize = Reading::Limit as usize + 1;
const METADATA: Metadata<'static> =
    Metadata::new("healthcare_resilience", Level::INFO, Some("healthcare_resilience"));

/// What one policy counts. Built with the policy, shared by its clones.
pub(crate) struct PolicyMetrics {
    kind: &'static str,
    policy: &'static str,
    // Behind a pointer: a policy stays small whatever is counted.
    series: Box<AllSeries>,
}

struct AllSeries {
    calls: [Series<Counter>; Outcome::COUNT],
    rejected: [Series<Counter>; REASONS],
    readings: [Series<Gauge>; READINGS],
    /// What was added to readings while nobody listened: calls that were under way when the recorder came.
    missed: [AtomicI64; READINGS],
    seconds: Series<Histogram>,
}

impl PolicyMetrics {
    pub(crate) fn new(kind: &'static str, policy: &'static str) -> Self {
        let series = Box::new(AllSeries {
            calls: array::from_fn(|_| Series::default()),
            rejected: array::from_fn(|_| Series::default()),
            readings: array::from_fn(|_| Series::default()),
            missed: array::from_fn(|_| AtomicI64::new(0)),
            seconds: Series::default(),
        });
        Self { kind, policy, series }
    }

    pub(crate) fn call(&self, outcome: Outcome) {
        let Some(series) = self.series.calls.get(outcome as usize) else { return };
        let key = || self.key(CALLS.name, Some(("outcome", outcome.as_str())));
        series.act(key, |recorder, key| CALLS.counter(recorder, key), |counter| counter.increment(1));
    }

    pub(crate) fn rejected(&self, reason: RejectReason) {
        let Some(series) = self.series.rejected.get(reason as usize) else { return };
        let key = || self.key(REJECTED.name, Some(("reason", reason.as_str())));
        series.act(key, |recorder, key| REJECTED.counter(recorder, key), |counter| counter.increment(1));
    }

    /// For what is rare: the series is looked up each time.
    pub(crate) fn event(&self, event: &'static str) {
        let key = self.key(EVENTS.name, Some(("event", event)));
        with_recorder(|recorder| EVENTS.counter(recorder, &key).increment(1));
    }

    pub(crate) fn took(&self, time: Duration) {
        let key = || self.key(SECONDS.name, None);
        self.series.seconds.act(
            key,
            |recorder, key| SECONDS.histogram(recorder, key),
            |histogram| histogram.record(time),
        );
    }

    pub(crate) fn set(&self, reading: Reading, value: f64) {
        let Some(series) = self.series.readings.get(reading as usize) else { return };
        let described = reading.described();
        let key = || self.key(described.name, None);
        series.act(key, |recorder, key| described.gauge(recorder, key), |gauge| gauge.set(value));
    }

    /// By whole numbers.
    pub(crate) fn add(&self, reading: Reading, by: f64) {
        let Some(series) = self.series.readings.get(reading as usize) else { return };
        match series.handle.get() {
            Some(gauge) => gauge.increment(by),
            None => self.first_add(series, reading, by),
        }
    }

    #[cold]
    fn first_add(&self, series: &Series<Gauge>, reading: Reading, by: f64) {
        let Some(missed) = self.series.missed.get(reading as usize) else { return };
        let described = reading.described();
        let key = series.key.get_or_init(|| self.key(described.name, None));
        let is_heard = with_recorder(|recorder| {
            let gauge = described.gauge(recorder, key);
            gauge.increment(by);
            let is_kept = is_kept(recorder);
            if is_kept {
                // Another thread may have been first; both handles lead to one series.
                let _ = series.handle.set(gauge);
            }
            is_kept
        });
        if !is_heard {
            missed.fetch_add(by as i64, Ordering::SeqCst);
        }
        series.make_up(missed);
    }

    fn key(&self, name: &'static str, label: Option<(&'static str, &'static str)>) -> Key {
        let labels = [Some(("kind", self.kind)), Some(("policy", self.policy)), label];
        let labels = labels.into_iter().flatten().map(|(key, value)| Label::from_static_parts(key, value));
        Key::from_parts(name, labels.collect::<Vec<_>>())
    }
}

impl fmt::Debug for PolicyMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyMetrics").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// One series, and the handle to it once there is somebody to count for.
struct Series<H> {
    key: OnceLock<Key>,
    handle: OnceLock<H>,
}

impl<H> Default for Series<H> {
    fn default() -> Self {
        Self { key: OnceLock::new(), handle: OnceLock::new() }
    }
}

impl<H> Series<H> {
    #[inline]
    fn act(
        &self,
        key: impl FnOnce() -> Key,
        make: impl FnOnce(&dyn Recorder, &Key) -> H,
        act: impl FnOnce(&H),
    ) {
        match self.handle.get() {
            Some(handle) => act(handle),
            None => self.first(key, make, act),
        }
    }

    #[cold]
    fn first(
        &self,
        key: impl FnOnce() -> Key,
        make: impl FnOnce(&dyn Recorder, &Key) -> H,
        act: impl FnOnce(&H),
    ) {
        // Kept apart from the handle, so that counting for nobody allocates once and not each time.
        let key = self.key.get_or_init(key);
        with_recorder(|recorder| {
            let handle = make(recorder, key);
            act(&handle);
            if is_kept(recorder) {
                // Another thread may have been first; both handles lead to one series.
                let _ = self.handle.set(handle);
            }
        });
    }
}

impl Series<Gauge> {
    /// Tells the recorder what it missed, once it is there. By whoever kept its handle, and by everybody who wrote down
    /// what it missed: when both happen at once, one of the two sees what the other did.
    fn make_up(&self, missed: &AtomicI64) {
        fence(Ordering::SeqCst);
        if let Some(gauge) = self.handle.get() {
            gauge.increment(missed.swap(0, Ordering::SeqCst) as f64);
        }
    }
}

/// Whether handles of this recorder are kept. What the facade has while none is installed holds nothing, and so has no
/// size: its handle would be kept for ever, deaf to the recorder that comes later. A real one without a size is asked
/// each time.
fn is_kept(recorder: &dyn Recorder) -> bool {
    size_of_val(recorder) != 0
}

/// A name, its unit, and what the recorder is told about it.
struct Described {
    name: &'static str,
    unit: Unit,
    text: &'static str,
}

const CALLS: Described = Described {
    name: "resilience_calls_total",
    unit: Unit::Count,
    text: "Calls that were let through, by how they ended",
};
const REJECTED: Described = Described {
    name: "resilience_rejected_total",
    unit: Unit::Count,
    text: "Calls that were refused, by reason",
};
const EVENTS: Described = Described {
    name: "resilience_events_total",
    unit: Unit::Count,
    text: "What happened besides: retries, hedges, changes of state",
};
const SECONDS: Described =
    Described { name: "resilience_call_seconds", unit: Unit::Seconds, text: "How long calls took" };

impl Reading {
    const fn described(self) -> Described {
        let (name, text) = match self {
            Self::State => ("resilience_state", "State as a number; 0 is normal"),
            Self::InFlight => ("resilience_in_flight", "Calls under way"),
            Self::Waiting => ("resilience_waiting", "Calls waiting for a place or a turn"),
            Self::Limit => ("resilience_limit", "The limit that holds now"),
        };
        Described { name, unit: Unit::Count, text }
    }
}

impl Described {
    fn counter(&self, recorder: &dyn Recorder, key: &Key) -> Counter {
        recorder.describe_counter(KeyName::from_const_str(self.name), Some(self.unit), self.text());
        recorder.register_counter(key, &METADATA)
    }

    fn gauge(&self, recorder: &dyn Recorder, key: &Key) -> Gauge {
        recorder.describe_gauge(KeyName::from_const_str(self.name), Some(self.unit), self.text());
        recorder.register_gauge(key, &METADATA)
    }

    fn histogram(&self, recorder: &dyn Recorder, key: &Key) -> Histogram {
        recorder.describe_histogram(KeyName::from_const_str(self.name), Some(self.unit), self.text());
        recorder.register_histogram(key, &METADATA)
    }

    const fn text(&self) -> SharedString {
        SharedString::const_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::metrics::with_local_recorder;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

    fn seen(snapshotter: &Snapshotter) -> Vec<String> {
        let line = |(key, unit, text, value): (metrics_util::CompositeKey, Option<Unit>, _, _)| {
            assert!(unit.is_some() && Option::<SharedString>::is_some(&text), "{key:?} is not described");
            let key = key.key();
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(value) => value.to_string(),
                DebugValue::Histogram(values) => format!("{values:?}"),
            };
            format!("{}{{{}}} {value}", key.name(), labels.join(","))
        };
        let mut lines: Vec<_> = snapshotter.snapshot().into_vec().into_iter().map(line).collect();
        lines.sort();
        lines
    }

    fn count(metrics: &PolicyMetrics) {
        metrics.call(Outcome::Success);
        metrics.call(Outcome::Stale);
        metrics.rejected(RejectReason::WarmingUp);
        metrics.event("opened");
        metrics.took(Duration::from_millis(250));
        metrics.set(Reading::State, 2.0);
        metrics.add(Reading::InFlight, 1.0);
    }

    #[test]
    fn every_series_is_labelled_described_and_counted_through_its_kept_handle() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let metrics = PolicyMetrics::new("breaker", "billing");
        with_local_recorder(&recorder, || count(&metrics));
        // The handles are kept: they lead to their recorder from outside of its scope, too. An event is looked up.
        count(&metrics);
        assert_eq!(
            seen(&snapshotter),
            [
                "resilience_call_seconds{kind=breaker,policy=billing} [0.25, 0.25]",
                "resilience_calls_total{kind=breaker,policy=billing,outcome=stale} 2",
                "resilience_calls_total{kind=breaker,policy=billing,outcome=success} 2",
                "resilience_events_total{kind=breaker,policy=billing,event=opened} 1",
                "resilience_in_flight{kind=breaker,policy=billing} 2",
                "resilience_rejected_total{kind=breaker,policy=billing,reason=warming_up} 2",
                "resilience_state{kind=breaker,policy=billing} 2",
            ]
        );
    }

    #[test]
    fn a_recorder_that_comes_after_the_first_call_is_heard() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let metrics = PolicyMetrics::new("breaker", "billing");
        metrics.call(Outcome::Success);
        metrics.add(Reading::InFlight, 1.0);
        metrics.add(Reading::InFlight, 1.0);
        with_local_recorder(&recorder, || {
            metrics.call(Outcome::Success);
            // One of the two that began before ends.
            metrics.add(Reading::InFlight, -1.0);
        });
        metrics.add(Reading::InFlight, 3.0);
        assert_eq!(
            seen(&snapshotter),
            [
                "resilience_calls_total{kind=breaker,policy=billing,outcome=success} 1",
                "resilience_in_flight{kind=breaker,policy=billing} 4",
            ]
        );
    }

    /// One thread has found no recorder, and writes down what was missed after another has found one and made up for it.
    #[test]
    fn what_was_missed_while_the_recorder_came_is_told_too() {
        // Has a size of nothing, as what the facade has in place of a recorder; in its midst the real one comes.
        struct Nobody;
        thread_local!(static COMES: std::cell::RefCell<Option<Box<dyn FnOnce()>>> = std::cell::RefCell::default());
        impl Recorder for Nobody {
            fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
            fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
                Counter::noop()
            }
            fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
                if let Some(comes) = COMES.take() {
                    comes();
                }
                Gauge::noop()
            }
            fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
                Histogram::noop()
            }
        }
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let metrics = std::sync::Arc::new(PolicyMetrics::new("breaker", "billing"));
        let other = metrics.clone();
        metrics.add(Reading::InFlight, 1.0);
        COMES.set(Some(Box::new(move || {
            with_local_recorder(&recorder, || other.add(Reading::InFlight, 1.0));
        })));
        with_local_recorder(&Nobody, || metrics.add(Reading::InFlight, 1.0));
        metrics.add(Reading::InFlight, 1.0);
        assert_eq!(seen(&snapshotter), ["resilience_in_flight{kind=breaker,policy=billing} 4"]);
    }
}
