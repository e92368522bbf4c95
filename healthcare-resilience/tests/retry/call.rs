use crate::{Counter, Fault, SECOND, flaky, plain, poll_once};
use healthcare_resilience::{
    Backoff, CallError, Class, Effect, GiveUp, IdempotencyKey, IdempotencyKeyError, Jitter, Retry,
    RetryEvent, Retryable as _,
};
use std::{future::ready, pin::pin, task::Poll, time::Duration};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_success_is_not_tried_again() {
    let (tries, op) = flaky(0);
    let begun = Instant::now();
    assert_eq!(op.retry_read(&plain(5).build().unwrap()).await, Ok(1));
    assert_eq!((tries.get(), begun.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_its_wait_until_it_works() {
    let (tries, op) = flaky(3);
    let begun = Instant::now();
    assert_eq!(op.retry_read(&plain(5).build().unwrap()).await, Ok(4));
    assert_eq!((tries.get(), begun.elapsed()), (4, SECOND * 3));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tries_is_kept_and_the_last_error_handed_out() {
    for most in [1, 2, 7, 100] {
        let tries = Counter::default();
        let retry = plain(most).build().unwrap();
        let result = retry.call(Effect::Read, || {
            let tried = tries.add();
            async move { Err::<(), _>(std::io::Error::other(format!("try {tried}"))) }
        });
        let error = result.await.unwrap_err().into_inner().unwrap();
        assert_eq!((tries.get(), error.to_string()), (most, format!("try {most}")));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_it_is_polled() {
    let (tries, op) = flaky(0);
    let retry = plain(3).build().unwrap();
    drop(op.retry_read(&retry));
    assert_eq!(tries.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_condition_does_not_hold_for_is_not_tried_again() {
    let retry = plain(5).build().unwrap();
    let tries = Counter::default();
    let result = (|| {
        let tried = tries.add();
        ready(if tried < 3 { Err::<(), _>(Fault::Down) } else { Err(Fault::Forbidden) })
    })
    .retry_read(&retry)
    .when(|fault| *fault == Fault::Down)
    .await;
    assert_eq!((result, tries.get()), (Err(CallError::Inner(Fault::Forbidden)), 3));
}

#[tokio::test(start_paused = true)]
async fn the_condition_can_look_at_the_causes() {
    use std::error::Error;
    #[derive(Debug, thiserror::Error)]
    #[error("loading")]
    struct Loading(#[source] Fault);
    let retry = plain(2).build().unwrap();
    for (cause, most) in [(Fault::Down, 2), (Fault::Forbidden, 1)] {
        let tries = Counter::default();
        let result = (|| {
            tries.add();
            ready(Err::<(), _>(Loading(cause)))
        })
        .retry_read(&retry)
        .when(|error| error.source().and_then(|cause| cause.downcast_ref()) == Some(&Fault::Down))
        .await;
        assert!(result.is_err());
        assert_eq!(tries.get(), most, "{cause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_observer_hears_each_error_and_wait_before_the_wait() {
    let retry = Retry::builder("x")
        .max_tries(4)
        .backoff(Backoff::exponential(SECOND).jitter(Jitter::None))
        .without_budget()
        .build()
        .unwrap();
    let (_, op) = flaky(9);
    let (mut heard, begun) = (Vec::new(), Instant::now());
    let result =
        op.retry_read(&retry).notify(|fault, wait| heard.push((*fault, wait, begun.elapsed()))).await;
    assert_eq!(result, Err(CallError::Inner(Fault::Down)));
    let wait = |wait: u32, at: u32| (Fault::Down, SECOND * wait, SECOND * at);
    assert_eq!(heard, [wait(1, 0), wait(2, 1), wait(4, 3)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_success_is_tried_again_and_at_last_handed_out() {
    let retry = plain(3).build().unwrap();
    let tries = Counter::default();
    let by_status = |answer: Result<&u16, &Fault>| match answer {
        Ok(500..) => Class::Transient,
        Ok(_) => Class::Success,
        Err(_) => Class::Permanent,
    };
    let mut told = 0;
    let result = retry
        .call_with(by_status, Effect::Read, || {
            tries.add();
            ready(Ok::<u16, Fault>(503))
        })
        .notify(|_, _| told += 1)
        .await;
    assert_eq!((result, tries.get(), told), (Ok(503), 3, 0));
}

fn busy(wait: Option<Duration>) -> impl Fn(Result<&u32, &Fault>) -> Class {
    move |answer| match answer {
        Ok(_) => Class::Success,
        Err(_) => Class::Busy { retry_after: wait },
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_callee_is_left_alone_for_as_long_as_it_asked() {
    for (asked, waited) in [(None, 1), (Some(0), 1), (Some(1), 1), (Some(5), 5), (Some(60), 60)] {
        let (_, op) = flaky(1);
        let begun = Instant::now();
        let classify = busy(asked.map(Duration::from_secs));
        assert_eq!(op.retry_read(&plain(2).build().unwrap()).classify(classify).await, Ok(2));
        assert_eq!(begun.elapsed(), Duration::from_secs(waited), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_callee_cannot_ask_for_more_than_the_cap() {
    let retry = plain(2).retry_after_max(SECOND * 7).build().unwrap();
    for asked in [SECOND * 8, Duration::MAX] {
        let (_, op) = flaky(1);
        let begun = Instant::now();
        assert_eq!(op.retry_read(&retry).classify(busy(Some(asked))).await, Ok(2));
        assert_eq!(begun.elapsed(), SECOND * 7);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_were_sent_away_together_come_back_spread() {
    let mut waits = Vec::new();
    for seed in 0..20 {
        let backoff = Backoff::exponential(SECOND);
        let retry = Retry::builder("x").backoff(backoff).seed(seed).build().unwrap();
        let (_, op) = flaky(1);
        let begun = Instant::now();
        op.retry_read(&retry).classify(busy(Some(SECOND * 5))).await.unwrap();
        assert!((SECOND * 5..=SECOND * 6).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        waits.push(begun.elapsed());
    }
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 10, "{waits:?}");
}

/// Outside a runtime a timer would panic: there is none.
#[test]
fn a_wait_of_zero_needs_no_timer() {
    let retry = plain(3).backoff(Backoff::constant(Duration::ZERO)).build().unwrap();
    let (tries, op) = flaky(2);
    let call = pin!(op.retry_read(&retry));
    assert_eq!(poll_once(call), Poll::Ready(Ok(3)));
    assert_eq!(tries.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_plain_write_is_tried_once_and_one_with_a_key_again() {
    let retry = plain(3).build().unwrap();
    let key = IdempotencyKey::new("0192f2a4").unwrap();
    let mut events = retry.events();
    let (tries, op) = flaky(9);
    assert_eq!(retry.call(Effect::Write, op).await, Err(CallError::Inner(Fault::Down)));
    assert_eq!(tries.get(), 1);
    let why = GiveUp::PlainWrite;
    assert_eq!(events.try_recv(), Ok(RetryEvent::GaveUp { policy: "test", tries: 1, why }));
    let (_, op) = flaky(2);
    assert_eq!(op.retry_write(&retry, &key).await, Ok(3));
    let (_, op) = flaky(2);
    assert_eq!(retry.call(Effect::Idempotent, op).await, Ok(3));
}

#[test]
fn a_key_is_short_visible_and_not_printed() {
    let long = "k".repeat(256);
    for wrong in ["", long.as_str()] {
        assert_eq!(IdempotencyKey::new(wrong), Err(IdempotencyKeyError::Length { max: 255 }));
    }
    for wrong in ["a b", "a\n", "\u{7f}", "é", "\0"] {
        assert_eq!(IdempotencyKey::new(wrong), Err(IdempotencyKeyError::Character), "{wrong:?}");
    }
    let key = IdempotencyKey::new(&long[..255]).unwrap();
    assert_eq!(key.as_str().len(), 255);
    assert_eq!(format!("{key:?} {:?}", Some(&key)), "IdempotencyKey(..) Some(IdempotencyKey(..))");
}

#[tokio::test(start_paused = true)]
async fn events_tell_what_happened_in_order() {
    let retry = plain(3).build().unwrap();
    let (_, unheard) = flaky(1);
    unheard.retry_read(&retry).await.unwrap();
    let mut events = retry.events();
    let (_, op) = flaky(1);
    op.retry_read(&retry).await.unwrap();
    let (_, op) = flaky(9);
    op.retry_read(&retry).await.unwrap_err();
    let (policy, wait) = ("test", SECOND);
    for expected in [
        RetryEvent::Waiting { policy, tries: 1, wait },
        RetryEvent::Recovered { policy, tries: 2 },
        RetryEvent::Waiting { policy, tries: 1, wait },
        RetryEvent::Waiting { policy, tries: 2, wait },
        RetryEvent::GaveUp { policy, tries: 3, why: GiveUp::TriesSpent },
    ] {
        assert_eq!(events.try_recv(), Ok(expected));
    }
    assert!(events.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_resolved_stays_pending() {
    let retry = plain(3).build().unwrap();
    let (_, op) = flaky(0);
    let mut call = pin!(op.retry_read(&retry));
    assert_eq!(poll_once(call.as_mut()), Poll::Ready(Ok(1)));
    assert!(poll_once(call).is_pending());
}

#[test]
fn calls_can_be_spawned_and_policies_shared() {
    fn shared<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    fn send<T: Send + std::fmt::Debug>(_: T) {}
    let retry = plain(3).build().unwrap();
    shared(&retry);
    shared(retry.backoff());
    let (_, op) = flaky(0);
    send(op.retry_read(&retry).when(|_| true).notify(|_, _| ()));
}
