use crate::{MS, SECOND};
use healthcare_resilience::{
    Admission, BoxError, KeyedRateLimit, Quota, RateGate, RateLimit, RateLimitLayer, RejectReason, Rejection,
};
use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tower_layer::Layer as _;
use tower_service::Service;

#[derive(Clone, Default)]
struct Echo(Arc<AtomicUsize>);

impl Service<u32> for Echo {
    type Response = u32;
    type Error = BoxError;
    type Future = Ready<Result<u32, BoxError>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: u32) -> Self::Future {
        self.0.fetch_add(1, Ordering::SeqCst);
        ready(Ok(request))
    }
}

fn reason(result: Result<u32, BoxError>) -> RejectReason {
    Rejection::find(result.unwrap_err().as_ref()).expect("a refusal").reason()
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_does_not_reach_the_service() {
    let (echo, limit) =
        (Echo::default(), RateLimit::builder("x").quota(Quota::per_second(2)).build().unwrap());
    let mut service = RateLimitLayer::new(limit.clone()).layer(echo.clone());
    assert_eq!(service.call(1).await.unwrap(), 1);
    // The same limit guards a call elsewhere.
    limit.try_acquire().unwrap();
    assert_eq!(reason(service.call(2).await), RejectReason::RateLimited);
    assert_eq!(echo.0.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_wait_if_the_limit_lets_them() {
    let builder = RateLimit::builder("x").quota(Quota::per_second(10).burst(1));
    let limit = builder.max_waiting(1).max_wait(SECOND).build().unwrap();
    let mut service = RateLimitLayer::new(limit.clone()).layer(Echo::default());
    service.call(1).await.unwrap();
    let begun = tokio::time::Instant::now();
    let (second, third) = tokio::join!(service.call(2), async {
        tokio::task::yield_now().await;
        service.clone().call(3).await
    });
    assert_eq!(second.unwrap(), 2);
    assert_eq!(reason(third), RejectReason::RateLimited, "the line holds one");
    assert_eq!(begun.elapsed(), MS * 100);
    let waiting = service.call(4);
    drop(waiting);
    tokio::time::advance(MS * 100).await;
    limit.try_acquire().unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_key_is_limited_and_no_key_is_not() {
    let limit = KeyedRateLimit::builder("x").quota(Quota::per_second(1)).build().unwrap();
    let layer = RateLimitLayer::by_key(limit, |request: &u32| (*request > 0).then_some(*request % 2));
    let mut service = layer.layer(Echo::default());
    service.call(1).await.unwrap();
    service.call(2).await.unwrap();
    assert_eq!(reason(service.call(3).await), RejectReason::RateLimited);
    for _ in 0..5 {
        service.call(0).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_gate_of_ones_own_decides() {
    #[derive(Clone)]
    struct Small(RateLimit);
    impl RateGate<u32> for Small {
        fn admit(&self, request: &u32) -> Admission {
            if *request < 10 {
                Admission::Free
            } else {
                Admission::Decided(self.0.try_acquire_many(*request))
            }
        }
        fn name(&self) -> &'static str {
            self.0.name()
        }
        fn quota(&self) -> Quota {
            self.0.quota()
        }
    }
    let limit = RateLimit::builder("x").quota(Quota::per_second(50)).build().unwrap();
    let mut service = RateLimitLayer::with_gate(Small(limit)).layer(Echo::default());
    for request in [9, 9, 40, 10] {
        service.call(request).await.unwrap();
    }
    assert_eq!(reason(service.call(10).await), RejectReason::RateLimited);
}
