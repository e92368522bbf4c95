use crate::SECOND;
use ::metrics::with_local_recorder;
use healthcare_resilience::{Clock, KeyedRateLimit, Quota, RateLimit, WhenFull};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::{
    future::Future as _,
    task::{Context, Waker},
};

/// Every series that was told while `act` ran, as text, sorted.
fn told(act: impl FnOnce()) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    with_local_recorder(&recorder, act);
    let line = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let key = key.key();
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
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

#[test]
fn a_limit_counts_refusals_by_reason_and_who_waits() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let told = told(|| {
        runtime.block_on(async {
            let limit = RateLimit::builder("sms").quota(Quota::per_second(1)).max_waiting(2).max_wait(SECOND);
            let limit = limit.build().unwrap();
            limit.try_acquire().unwrap();
            limit.try_acquire().unwrap_err();
            limit.try_acquire_many(2).unwrap_err();
            // Admitted in the end, so it counts as nothing but a wait that is over.
            limit.acquire().await.unwrap();
            let late = healthcare_resilience::Deadline::within(SECOND / 2).scope(limit.acquire());
            late.await.unwrap_err();
            // One who leaves is no longer counted, one who stays is.
            let mut waits = Box::pin(limit.acquire());
            assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(waits);
            let mut waits = Box::pin(limit.acquire());
            assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            std::mem::forget(waits);
        });
    });
    assert_eq!(
        told,
        [
            "resilience_rejected_total{kind=rate_limit,policy=sms,reason=deadline_over} 1",
            "resilience_rejected_total{kind=rate_limit,policy=sms,reason=rate_limited} 2",
            "resilience_waiting{kind=rate_limit,policy=sms} 1",
        ]
    );
}

#[test]
fn a_limit_by_key_counts_refusals_by_reason_and_no_keys() {
    let (clock, _hand) = Clock::manual();
    let told = told(|| {
        let limit = KeyedRateLimit::builder("sign-in").quota(Quota::per_second(1)).max_keys(1).clock(clock);
        let limit = limit.when_full(WhenFull::Refuse).build().unwrap();
        limit.try_acquire(&"erika").unwrap();
        limit.try_acquire(&"erika").unwrap_err();
        limit.try_acquire(&"max").unwrap_err();
        limit.try_acquire_many(&"max", 2).unwrap_err();
    });
    assert_eq!(
        told,
        [
            "resilience_rejected_total{kind=keyed_rate_limit,policy=sign-in,reason=rate_limited} 2",
            "resilience_rejected_total{kind=keyed_rate_limit,policy=sign-in,reason=too_many_keys} 1",
        ]
    );
}
