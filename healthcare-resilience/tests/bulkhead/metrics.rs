//! What a bulkhead counts.

use crate::{Never, PATIENCE, bulkhead, poll_once};
use ::metrics::with_local_recorder;
use healthcare_resilience::{Bulkhead, Deadline};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::{future::pending, panic::AssertUnwindSafe};

/// Every series of the bulkhead after `act`, as text, sorted.
fn told(bulkhead: Bulkhead, act: impl AsyncFnOnce(Bulkhead)) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    with_local_recorder(&recorder, || runtime.unwrap().block_on(act(bulkhead)));
    let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
        let [("kind", "bulkhead"), ("policy", "laboratory"), rest @ ..] = &labels[..] else {
            panic!("{labels:?}")
        };
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(values) => format!("{values:?}"),
        };
        format!("{} {rest:?} {value}", key.key().name())
    };
    let mut lines: Vec<_> = snapshotter.snapshot().into_vec().into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn refusals_are_counted_by_reason_and_who_is_in_and_who_waits() {
    let told = told(bulkhead(2, 1), async |bulkhead| {
        let first = bulkhead.try_acquire().unwrap();
        let mut second = Box::pin(bulkhead.call(pending::<Result<(), Never>>()));
        assert!(poll_once(second.as_mut()).is_pending());
        bulkhead.try_acquire().unwrap_err();
        bulkhead.acquire().await.unwrap_err();
        Deadline::within(PATIENCE / 2).scope(bulkhead.acquire()).await.unwrap_err();
        // Leaves the line, then is served from it.
        let mut waits = Box::pin(bulkhead.acquire());
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(waits);
        let mut waits = Box::pin(bulkhead.acquire());
        assert!(poll_once(waits.as_mut()).is_pending());
        bulkhead.acquire().await.unwrap_err();
        drop(second);
        drop(waits.await.unwrap());
        // Handed a place, and gone before it looked.
        let second = bulkhead.try_acquire().unwrap();
        let mut waits = Box::pin(bulkhead.acquire());
        assert!(poll_once(waits.as_mut()).is_pending());
        drop(second);
        drop(waits);
        let mut panics = Box::pin(bulkhead.call(async { panic!("in the work") as Result<(), Never> }));
        assert!(std::panic::catch_unwind(AssertUnwindSafe(|| poll_once(panics.as_mut()))).is_err());
        drop(panics);
        drop(first);
    });
    assert_eq!(
        told,
        [
            r#"resilience_in_flight [] 0"#,
            r#"resilience_rejected_total [("reason", "bulkhead_full")] 2"#,
            r#"resilience_rejected_total [("reason", "deadline_over")] 1"#,
            r#"resilience_rejected_total [("reason", "waited_too_long")] 1"#,
            r#"resilience_waiting [] 0"#,
        ]
    );
}

#[test]
fn who_is_in_and_who_waits_are_told_while_they_are() {
    let told = told(bulkhead(2, 3), async |bulkhead| {
        for _ in 0..2 {
            std::mem::forget(bulkhead.try_acquire_owned().unwrap());
        }
        for _ in 0..3 {
            let mut waits = Box::pin(bulkhead.acquire_owned());
            assert!(poll_once(waits.as_mut()).is_pending());
            std::mem::forget(waits);
        }
    });
    assert_eq!(told, ["resilience_in_flight [] 2", "resilience_waiting [] 3"]);
}

#[test]
fn blocking_work_is_in_flight_until_it_ends() {
    let told = told(bulkhead(2, 0), async |bulkhead| {
        bulkhead.run_blocking(|| Ok::<_, Never>(())).await.unwrap();
        bulkhead.spawn(pending::<()>()).await.map(drop).unwrap();
    });
    // The runtime is gone, and what it ran with it.
    assert_eq!(told, ["resilience_in_flight [] 0"]);
}
