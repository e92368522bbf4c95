//! What retry and hedge count.

use crate::{Fault, SECOND, flaky, plain};
use ::metrics::with_local_recorder;
use healthcare_resilience::{
    Backoff, CallError, CircuitBreaker, Class, Deadline, Effect, Hedge, Jitter, Retry, RetryBudget,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use std::{
    future::{pending, ready},
    panic::AssertUnwindSafe,
    time::Duration,
};
use tokio::time::sleep;

/// The counters of that kind after `act`, as text, sorted.
fn counted(kind: &str, act: impl AsyncFnOnce()) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    with_local_recorder(&recorder, || runtime.unwrap().block_on(act()));
    let lines = snapshotter.snapshot().into_vec().into_iter().filter_map(|(key, _, _, value)| {
        let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
        let [("kind", of), ("policy", "test"), (what, word)] = labels[..] else { return None };
        let DebugValue::Counter(count) = value else { return None };
        (of == kind).then(|| format!("{} {what}={word} {count}", key.key().name()))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

#[test]
fn a_retry_counts_each_call_once_by_its_end_and_each_further_try() {
    let told = counted("retry", async || {
        let retry = plain(3).build().unwrap();
        retry.call(Effect::Read, flaky(0).1).await.unwrap();
        retry.call(Effect::Read, flaky(2).1).await.unwrap();
        retry.call(Effect::Read, flaky(9).1).await.unwrap_err();
        retry.call(Effect::Write, flaky(9).1).await.unwrap_err();
        let ignored = |_: Result<&u32, &Fault>| Class::Ignored;
        retry.call_with(ignored, Effect::Read, flaky(1).1).await.unwrap_err();
        // Refused further in at once; and, the second time, after a try that was sent: then it is that one's end.
        let breaker = CircuitBreaker::builder("inner").consecutive(1).build().unwrap();
        for _ in 0..2 {
            let tries = || breaker.call(ready(Err::<(), _>(Fault::Down)));
            retry.call(Effect::Read, tries).await.unwrap_err();
        }
        // Its own time, its caller's before the first try, and its caller's during one.
        let hangs = || pending::<Result<(), Fault>>();
        let backoff = Backoff::constant(SECOND).jitter(Jitter::None);
        let short = Retry::builder("test").total(SECOND).backoff(backoff).build().unwrap();
        short.call(Effect::Read, hangs).await.unwrap_err();
        let over = Deadline::within(Duration::ZERO).scope(retry.call(Effect::Read, hangs)).await;
        assert!(matches!(over, Err(CallError::Rejected(_))));
        Deadline::within(SECOND).scope(retry.call(Effect::Read, hangs)).await.unwrap_err();
    });
    assert_eq!(
        told,
        [
            "resilience_calls_total outcome=elapsed 2",
            "resilience_calls_total outcome=failure 3",
            "resilience_calls_total outcome=ignored 1",
            "resilience_calls_total outcome=rejected 1",
            "resilience_calls_total outcome=success 2",
            "resilience_events_total event=plain_write 1",
            "resilience_events_total event=recovered 1",
            "resilience_events_total event=retry 5",
            "resilience_events_total event=tries_spent 1",
            "resilience_rejected_total reason=deadline_over 1",
        ]
    );
}

#[test]
fn a_hedge_counts_each_call_once_by_its_end_and_each_further_try() {
    let told = counted("hedge", async || {
        let budget = RetryBudget::builder("b").ratio(0.5).floor_per_second(0).build().unwrap();
        let hedge = Hedge::builder("test").after(SECOND).budget(budget).build().unwrap();
        let taking = |seconds: u32| async move {
            sleep(SECOND * seconds).await;
            Ok::<_, Fault>(seconds)
        };
        assert_eq!(hedge.call(Effect::Read, || taking(0)).await, Ok(0));
        // The second call has paid for one further try, which wins.
        let mut times = [9, 1].into_iter();
        assert_eq!(hedge.call(Effect::Read, || taking(times.next().unwrap())).await, Ok(1));
        // The third could send one and has not paid for a whole one.
        assert_eq!(hedge.call(Effect::Read, || taking(3)).await, Ok(3));
        hedge.call(Effect::Read, || ready(Err::<(), _>(Fault::Down))).await.unwrap_err();
        let mut dropped = Box::pin(hedge.call(Effect::Read, || taking(9)));
        assert!(crate::poll_once(dropped.as_mut()).is_pending());
        drop(dropped);
        let mut panics =
            Box::pin(hedge.call(Effect::Read, || async { panic!("in a try") as Result<(), Fault> }));
        assert!(std::panic::catch_unwind(AssertUnwindSafe(|| crate::poll_once(panics.as_mut()))).is_err());
        drop(panics);
        let over = Deadline::within(Duration::ZERO).scope(hedge.call(Effect::Read, || taking(1))).await;
        assert!(matches!(over, Err(CallError::Rejected(_))));
    });
    assert_eq!(
        told,
        [
            "resilience_calls_total outcome=cancelled 1",
            "resilience_calls_total outcome=failure 1",
            "resilience_calls_total outcome=panicked 1",
            "resilience_calls_total outcome=success 3",
            "resilience_events_total event=hedge 1",
            "resilience_events_total event=unpaid 1",
            "resilience_events_total event=won 1",
            "resilience_rejected_total reason=deadline_over 1",
        ]
    );
}
