//! T6: what another policy refused is never tried again, and costs nothing.

use crate::{Counter, Fault, plain};
use healthcare_resilience::{
    AnyError, BoxError, CallError, CircuitBreaker, Class, Classify as _, Deadline, Effect, Elapsed,
    ErrorChain, Fallback, Guarded, Hedge, RejectReason, Rejection, RetryBudget, Retryable as _, time_out,
};
use std::{
    future::{pending, ready},
    time::Duration,
};

/// A refusal, from a deadline that is over.
async fn refusal() -> CallError<Fault> {
    Deadline::within(Duration::ZERO).call(ready(Ok::<(), Fault>(()))).await.unwrap_err()
}

#[derive(Debug, thiserror::Error)]
#[error("loading")]
struct Loading(#[source] CallError<Fault>);

#[tokio::test(start_paused = true)]
async fn a_refusal_is_found_behind_other_errors() {
    let boxed: BoxError = refusal().await.into();
    assert_eq!(Rejection::find(boxed.as_ref()).map(|it| it.reason()), Some(RejectReason::DeadlineOver));
    assert_eq!(ErrorChain.classify(Err::<&(), _>(&boxed)), Class::Rejected);
    let deeper: BoxError = Box::new(Loading(refusal().await));
    assert_eq!(ErrorChain.classify(Err::<&(), _>(&deeper)), Class::Rejected);
}

#[tokio::test(start_paused = true)]
async fn no_spelling_of_a_refusal_is_tried_again_or_costs_a_token() {
    let budget = RetryBudget::builder("b").ratio(0.000_001).floor_per_second(1).build().unwrap();
    let retry = plain(5).budget(budget.clone()).build().unwrap();
    let hedge = Hedge::builder("h").after(Duration::ZERO).budget(budget.clone()).build().unwrap();
    let tries = Counter::default();
    let refuse = || {
        tries.add();
        refusal()
    };
    let failed = |error| Err::<(), _>(error);

    (|| async { failed(refuse().await) }).retry_read(&retry).await.unwrap_err();
    (|| async { failed(refuse().await) }).retry_read(&retry).when(|_| true).await.unwrap_err();
    (|| async { failed(refuse().await) }).retry_read(&retry).classify(Guarded(AnyError)).await.unwrap_err();
    (|| async { Err::<(), _>(Loading(refuse().await)) }).retry_read(&retry).await.unwrap_err();
    (|| async { Err::<(), BoxError>(refuse().await.into()) }).retry_read_boxed(&retry).await.unwrap_err();
    hedge.call(Effect::Read, || async { failed(refuse().await) }).await.unwrap_err();
    assert_eq!(tries.get(), 6, "one try each");
    assert!(budget.try_take().is_some(), "the only token is still there");
}

/// A boxed error is no `Error` itself; its classifier is that of the layers.
trait RetryBoxed<F>: FnMut() -> F + Sized {
    fn retry_read_boxed(
        self,
        retry: &healthcare_resilience::Retry,
    ) -> impl Future<Output = Result<(), CallError<BoxError>>>
    where
        F: Future<Output = Result<(), BoxError>>,
    {
        retry.call_with(ErrorChain, Effect::Read, self)
    }
}
impl<O: FnMut() -> F, F> RetryBoxed<F> for O {}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_not_asked_again() {
    let budget = RetryBudget::builder("b").ratio(1.0).floor_per_second(0).build().unwrap();
    let retry = plain(5).budget(budget.clone()).build().unwrap();
    let breaker = CircuitBreaker::builder("b").build().unwrap();
    breaker.force_open();
    let tries = Counter::default();
    let result = (|| {
        tries.add();
        breaker.call(ready(Ok::<(), Fault>(())))
    })
    .retry_read(&retry)
    .await;
    let error = result.unwrap_err().flatten();
    assert_eq!(error.rejection().map(|rejection| rejection.reason()), Some(RejectReason::ForcedOpen));
    assert_eq!((tries.get(), budget.balance()), (1, 1), "deposited, and nothing taken");
}

#[test]
fn guarded_results_keep_their_meaning() {
    let class = |error: &CallError<Fault>| Guarded(AnyError).classify(Err::<&(), _>(error));
    assert_eq!(class(&CallError::Inner(Fault::Down)), Class::Transient);
    assert_eq!(Guarded(AnyError).classify(Ok::<_, &CallError<Fault>>(&1)), Class::Success);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_a_failure_that_may_pass() {
    let elapsed: Elapsed = time_out(Duration::ZERO, pending::<()>()).await.unwrap_err();
    let error: CallError<Fault> = elapsed.into();
    assert_eq!(Guarded(AnyError).classify(Err::<&(), _>(&error)), Class::Transient);
    let zero = Fallback::value("f", 0).replace(Err::<u8, _>(error));
    assert_eq!(zero, Ok(0));
}
