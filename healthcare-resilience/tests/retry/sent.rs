//! When a later try is refused, the caller is told what became of the one that was sent.

use crate::{Counter, Fault};
use healthcare_resilience::{
    Backoff, BoxError, BreakerLayer, Bulkhead, BulkheadLayer, CallError, CircuitBreaker, CloneAs, Effect,
    Hedge, HedgeLayer, Jitter, Rejection, Retry, RetryBudget, RetryLayer, Stack,
};
use std::{
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::sleep;
use tower_layer::Layer as _;
use tower_service::Service;

const MILLI: Duration = Duration::from_millis(1);

/// Opens with the first failure.
fn hasty() -> CircuitBreaker {
    CircuitBreaker::builder("hasty").consecutive(1).open_for(Duration::from_secs(900)).build().unwrap()
}

fn retry() -> Retry {
    let backoff = Backoff::constant(MILLI).jitter(Jitter::None);
    Retry::builder("retry").max_tries(3).backoff(backoff).without_budget().build().unwrap()
}

/// Sends a second one after 50 ms.
fn hedge() -> Hedge {
    let budget = RetryBudget::builder("b").ratio(1.0).build().unwrap();
    Hedge::builder("hedge").after(MILLI * 50).budget(budget).build().unwrap()
}

fn one_place() -> Bulkhead {
    let bulkhead = Bulkhead::builder("one").max_calls(1).max_waiting(1).max_wait(Duration::from_secs(9));
    bulkhead.build().unwrap()
}

/// Fails after 100 ms, and counts.
#[derive(Debug, Clone, Default)]
struct Failing(Counter);

impl Failing {
    fn call(&self) -> impl Future<Output = Result<u8, Fault>> + Send + use<> {
        self.0.add();
        async {
            sleep(MILLI * 100).await;
            Err(Fault::Down)
        }
    }
}

impl Service<u8> for Failing {
    type Response = u8;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<u8, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: u8) -> Self::Future {
        Box::pin(Failing::call(self))
    }
}

async fn boxed<S: Service<u8, Response = u8, Error = BoxError>>(mut service: S) -> BoxError {
    service.call(1).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_retry_by_hand_tells_of_the_try_that_was_sent() {
    let (callee, breaker, retry) = (Failing::default(), hasty(), retry());
    let tries = || breaker.call(async { callee.call().await });
    let failed = retry.call(Effect::Read, tries).await.unwrap_err().flatten();
    assert_eq!(failed, CallError::Inner(Fault::Down));
    assert_eq!((callee.0.get(), breaker.snapshot().not_permitted), (1, 1), "the second was refused");
    // Where nothing was sent the refusal is told.
    let refused = retry.call(Effect::Read, || breaker.call(callee.call())).await.unwrap_err().flatten();
    assert!(refused.rejection().is_some());
}

#[tokio::test(start_paused = true)]
async fn so_does_a_retry_as_a_layer() {
    let (callee, breaker) = (Failing::default(), hasty());
    let layer = RetryLayer::new(retry(), CloneAs(Effect::Read));
    let failed = boxed(layer.layer(BreakerLayer::new(breaker.clone()).layer(callee.clone()))).await;
    assert!(Rejection::find(failed.as_ref()).is_none(), "{failed}");
    assert!(failed.downcast_ref::<Fault>().is_some());
    assert_eq!((callee.0.get(), breaker.snapshot().not_permitted), (1, 1));
}

/// The second stands in line until the first has failed, and is then refused by the circuit that the first opened.
#[tokio::test(start_paused = true)]
async fn a_hedge_by_hand_tells_of_the_try_that_was_sent() {
    let (callee, breaker, bulkhead, hedge) = (Failing::default(), hasty(), one_place(), hedge());
    let tries = || bulkhead.around(breaker.call(callee.call()));
    let failed = hedge.call(Effect::Read, tries).await.unwrap_err().flatten();
    assert_eq!(failed, CallError::Inner(Fault::Down));
    assert_eq!(breaker.snapshot().not_permitted, 1, "the second was refused");
    let counts = hedge.counts();
    assert_eq!((counts.first, counts.extra, counts.failed), (1, 1, 2));
    let refused = hedge.call(Effect::Read, || breaker.call(callee.call())).await.unwrap_err().flatten();
    assert!(refused.rejection().is_some());
}

#[tokio::test(start_paused = true)]
async fn so_does_a_hedge_as_a_layer() {
    let breaker = hasty();
    let inner = BreakerLayer::new(breaker.clone()).layer(Failing::default());
    let layer = HedgeLayer::new(hedge(), CloneAs(Effect::Read));
    let failed = boxed(layer.layer(BulkheadLayer::new(one_place()).layer(inner))).await;
    assert!(failed.downcast_ref::<Fault>().is_some(), "{failed}");
    assert_eq!(breaker.snapshot().not_permitted, 1);
}

#[tokio::test(start_paused = true)]
async fn so_does_a_hedge_in_a_stack() {
    let (callee, breaker) = (Failing::default(), hasty());
    let stack = Stack::builder("s").hedge(hedge()).bulkhead(one_place()).breaker(breaker.clone());
    let stack = stack.time_out(Duration::from_secs(5)).build().unwrap();
    assert_eq!(stack.read(|| callee.call()).await, Err(CallError::Inner(Fault::Down)));
    assert_eq!(breaker.snapshot().not_permitted, 1);
}

/// Each try takes so many milliseconds, and has then failed or is refused.
async fn raced(script: &'static [(u32, bool)]) -> CallError<Fault> {
    let (shut, budget) = (hasty(), RetryBudget::builder("b").ratio(2.0).build().unwrap());
    shut.force_open();
    let hedge = Hedge::builder("hedge").after(MILLI * 50).max_extra(2).budget(budget).build().unwrap();
    let mut script = script.iter();
    let tries = || {
        let ((wait, is_sent), shut) = (*script.next().unwrap(), &shut);
        async move {
            sleep(MILLI * wait).await;
            if is_sent { Err(CallError::Inner(Fault::Down)) } else { shut.call(ready(Ok(1_u8))).await }
        }
    };
    hedge.call(Effect::Read, tries).await.unwrap_err().flatten()
}

#[tokio::test(start_paused = true)]
async fn whichever_try_was_sent_and_whenever_the_others_were_refused() {
    let sent = CallError::Inner(Fault::Down);
    assert_eq!(raced(&[(100, true), (100, false)]).await, sent);
    assert_eq!(raced(&[(200, false), (20, true)]).await, sent);
    assert_eq!(raced(&[(120, true), (100, false), (100, false)]).await, sent, "two refusals later");
    assert!(raced(&[(200, false), (20, false)]).await.rejection().is_some());
}

/// A result that is kept for later is not kept for ever.
#[tokio::test(start_paused = true)]
async fn what_a_better_result_replaced_is_gone() {
    let (tries, live) = (Counter::default(), Counter::default());
    let op = || {
        let (tried, live) = (tries.add(), live.live());
        async move { if tried < 3 { Ok((tried, live)) } else { Err(Fault::Down) } }
    };
    let class = |result: Result<&(u32, crate::Live), &Fault>| match result {
        Ok(_) => healthcare_resilience::Class::Transient,
        Err(_) => healthcare_resilience::Class::Permanent,
    };
    let retry = retry();
    let mut call = Box::pin(retry.call_with(class, Effect::Read, op));
    assert!(call.as_mut().await.is_err());
    assert_eq!((tries.get(), live.get()), (3, 0), "the call is still held, and nothing in it");
}
