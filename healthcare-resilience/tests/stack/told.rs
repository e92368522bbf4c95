//! What a stack tells of itself: whose time was over.

use crate::{Laboratory, breaker, bulkhead, hedge, ms, retry};
use healthcare_resilience::{Deadline, OrderRule, Stack, StackBuilder, StackEvent, StepKind};
use std::time::Duration;

fn builder() -> StackBuilder {
    Stack::builder("patients")
}

fn elapsed(step: StepKind, limit: Duration) -> StackEvent {
    StackEvent::Elapsed { stack: "patients", step, limit }
}

/// The events of one read of a laboratory that takes 30 ms and fails.
async fn told(stack: StackBuilder) -> Vec<StackEvent> {
    let stack = stack.build().unwrap();
    let mut events = stack.events();
    let laboratory = Laboratory::new(&[(ms(30), Err(crate::Trouble::Closed))]);
    stack.read(|| laboratory.call()).await.unwrap_err();
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_limit_tells_when_its_time_was_over() {
    let allow = OrderRule::TimeOutInsideRetry;
    let by_try = elapsed(StepKind::TimeOut, ms(20));
    assert_eq!(told(builder().time_out(ms(20))).await, [by_try]);
    assert_eq!(told(builder().retry(retry(3)).breaker(breaker(9)).time_out(ms(20))).await, [by_try; 3]);
    let whole = elapsed(StepKind::Deadline, ms(20));
    assert_eq!(told(builder().deadline(ms(20)).retry(retry(3)).allow(allow)).await, [whole]);
    let hedged = told(builder().deadline(ms(20)).hedge(hedge(ms(10)))).await;
    assert_eq!(hedged, [whole], "once, though two tries were under way");
    let total = healthcare_resilience::Retry::builder("r").total(ms(20)).build().unwrap();
    assert_eq!(told(builder().retry(total).allow(allow)).await, [elapsed(StepKind::Retry, ms(20))]);
    assert_eq!(told(builder().time_out(ms(40))).await, [], "the laboratory's own error");
}

#[tokio::test(start_paused = true)]
async fn the_callers_time_is_not_the_stacks() {
    assert_eq!(Deadline::within(ms(20)).scope(Box::pin(told(builder().deadline(ms(25))))).await, []);
    let over = Deadline::within(Duration::ZERO).scope(Box::pin(told(builder().deadline(ms(25))))).await;
    assert_eq!(over, [StackEvent::TooLate { stack: "patients" }]);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_time_was_over_in_a_queue_was_too_late() {
    let full = bulkhead(1, 1);
    let _taken = full.try_acquire().unwrap();
    let late = told(builder().time_out(ms(20)).bulkhead(full.clone())).await;
    assert_eq!(late, [StackEvent::TooLate { stack: "patients" }]);
}

#[cfg(feature = "metrics")]
mod metrics {
    use super::*;
    use ::metrics::with_local_recorder;
    use healthcare_resilience::CallError;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    use std::{future::pending, panic::AssertUnwindSafe};

    /// The counters of kind `stack` after `act`, as text, sorted.
    fn counted(act: impl AsyncFnOnce(Stack)) -> Vec<String> {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let stack = builder().deadline(ms(20)).bulkhead(bulkhead(1, 0)).build().unwrap();
        with_local_recorder(&recorder, || runtime.unwrap().block_on(act(stack)));
        let lines = snapshotter.snapshot().into_vec().into_iter().filter_map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
            let [("kind", "stack"), ("policy", "patients"), (what, word)] = labels[..] else { return None };
            let DebugValue::Counter(count) = value else { return None };
            Some(format!("{} {what}={word} {count}", key.key().name()))
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        lines
    }

    #[test]
    fn every_call_is_counted_once_by_its_end() {
        let told = counted(async |stack| {
            let answer = |ends: crate::Answer| stack.read(move || std::future::ready(ends));
            answer(Ok(1)).await.unwrap();
            answer(Err(crate::Trouble::Closed)).await.unwrap_err();
            // Its own time, and its caller's.
            stack.read(pending::<crate::Answer>).await.unwrap_err();
            let hurried = Box::pin(stack.read(pending::<crate::Answer>));
            Deadline::within(ms(5)).scope(hurried).await.unwrap_err();
            // Refused by a step, which counts it by its reason.
            let mut held = Box::pin(stack.read(pending::<crate::Answer>));
            assert!(crate::poll_once(held.as_mut()).is_pending());
            assert!(matches!(answer(Ok(1)).await, Err(CallError::Rejected(_))));
            drop(held);
            // Too late.
            Deadline::within(Duration::ZERO).scope(Box::pin(answer(Ok(1)))).await.unwrap_err();
            let panics = stack.read(|| -> std::future::Ready<crate::Answer> { panic!("in the call") });
            let mut panics = Box::pin(panics);
            let polled = AssertUnwindSafe(|| crate::poll_once(panics.as_mut()));
            assert!(std::panic::catch_unwind(polled).is_err());
        });
        assert_eq!(
            told,
            [
                "resilience_calls_total outcome=cancelled 2",
                "resilience_calls_total outcome=elapsed 1",
                "resilience_calls_total outcome=failure 1",
                "resilience_calls_total outcome=panicked 1",
                "resilience_calls_total outcome=rejected 2",
                "resilience_calls_total outcome=success 1",
                "resilience_events_total event=deadline 1",
                "resilience_rejected_total reason=deadline_over 1",
            ]
        );
    }
}
