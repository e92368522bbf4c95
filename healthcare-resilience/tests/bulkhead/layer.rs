//! What tower asks of a middleware, checked on the bulkhead's.

use crate::{Live, Never, PATIENCE, bulkhead, poll_once};
use healthcare_resilience::{BoxError, Bulkhead, BulkheadLayer, BulkheadService, RejectReason, Rejection};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;

/// Panics when it is called without having been ready, and does its work in `call`, as a service may.
struct Laboratory {
    live: Live,
    is_ready: bool,
    is_closed: bool,
}

impl Clone for Laboratory {
    fn clone(&self) -> Self {
        Self { live: self.live.clone(), is_ready: false, is_closed: self.is_closed }
    }
}

impl Service<Duration> for Laboratory {
    type Response = &'static str;
    type Error = Never;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, Never>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Never>> {
        self.is_ready = true;
        Poll::Ready(if self.is_closed { Err(Never) } else { Ok(()) })
    }

    fn call(&mut self, takes: Duration) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without being ready");
        let work = self.live.begin();
        Box::pin(async move {
            let _work = work;
            tokio::time::sleep(takes).await;
            if takes.is_zero() { Err(Never) } else { Ok("negative") }
        })
    }
}

fn service(bulkhead: &Bulkhead) -> (BulkheadService<Laboratory>, Live) {
    let live = Live::default();
    let laboratory = Laboratory { live: live.clone(), is_ready: false, is_closed: false };
    (BulkheadLayer::new(bulkhead.clone()).layer(laboratory), live)
}

async fn ready<S: Service<Duration>>(service: &mut S) -> Result<(), S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await
}

fn why(error: &BoxError) -> RejectReason {
    Rejection::find(error.as_ref()).expect("a refusal").reason()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn answers_and_errors_pass() {
    let bulkhead = bulkhead(1, 0);
    let (mut service, _) = service(&bulkhead);
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
    ready(&mut service).await.unwrap();
    assert!(service.call(Duration::ZERO).await.unwrap_err().is::<Never>());
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn being_ready_holds_no_place() {
    let bulkhead = bulkhead(1, 0);
    let (mut service, _) = service(&bulkhead);
    let mut clones: Vec<_> = (0..10).map(|_| service.clone()).collect();
    for clone in &mut clones {
        ready(clone).await.unwrap();
    }
    ready(&mut service).await.unwrap();
    assert_eq!(bulkhead.in_flight(), 0);
    assert!(service.call(SECOND).await.is_ok(), "an idle clone kept the place");
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_services_own() {
    let bulkhead = bulkhead(1, 0);
    let _held = bulkhead.try_acquire().unwrap();
    let (mut open, _) = service(&bulkhead);
    ready(&mut open).await.expect("full, yet ready: the refusal is an answer");
    let closed = Laboratory { live: Live::default(), is_ready: false, is_closed: true };
    let mut closed = BulkheadLayer::new(bulkhead.clone()).layer(closed);
    assert!(ready(&mut closed).await.unwrap_err().is::<Never>());
}

#[tokio::test(start_paused = true)]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let bulkhead = bulkhead(1, 2);
    let (mut service, live) = service(&bulkhead);
    let mut answers = Vec::new();
    for _ in 0..3 {
        ready(&mut service).await.unwrap();
        answers.push(tokio::spawn(service.call(SECOND)));
    }
    tokio::task::yield_now().await;
    assert_eq!((live.now(), bulkhead.waiting()), (1, 2), "those that wait have not been called");
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap(), "negative");
    }
    assert_eq!((live.begun(), live.peak(), bulkhead.in_flight()), (3, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_an_answer() {
    let bulkhead = bulkhead(1, 1);
    let (mut service, live) = service(&bulkhead);
    let held = bulkhead.try_acquire().unwrap();
    ready(&mut service).await.unwrap();
    let mut waiting = Box::pin(service.call(SECOND));
    assert!(poll_once(waiting.as_mut()).is_pending());
    ready(&mut service).await.unwrap();
    assert_eq!(why(&service.call(SECOND).await.unwrap_err()), RejectReason::BulkheadFull);
    assert_eq!(why(&waiting.await.unwrap_err()), RejectReason::WaitedTooLong);
    assert_eq!(live.begun(), 0);
    drop(held);
    ready(&mut service).await.unwrap();
    assert!(timeout(PATIENCE, service.call(SECOND)).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_answer_frees_its_place_or_leaves_the_line() {
    let bulkhead = bulkhead(1, 1);
    let (mut service, live) = service(&bulkhead);
    for polls in 0..3 {
        ready(&mut service).await.unwrap();
        let mut running = Box::pin(service.call(SECOND));
        ready(&mut service).await.unwrap();
        let mut waiting = Box::pin(service.call(SECOND));
        for _ in 0..polls {
            assert!(poll_once(running.as_mut()).is_pending() && poll_once(waiting.as_mut()).is_pending());
        }
        assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (1, usize::from(polls > 0)));
        drop(running);
        drop(waiting);
        assert_eq!((bulkhead.in_flight(), bulkhead.waiting(), live.now()), (0, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_answer_that_is_kept_holds_no_place() {
    let bulkhead = bulkhead(1, 0);
    let (mut service, live) = service(&bulkhead);
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap();
    assert_eq!((bulkhead.in_flight(), live.now()), (0, 0));
    assert!(poll_once(call.as_mut()).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_call_here_and_a_service_there_share_one_bulkhead() {
    let bulkhead = bulkhead(1, 0);
    let (mut service, _) = service(&bulkhead);
    ready(&mut service).await.unwrap();
    let answer = service.call(SECOND);
    assert!(bulkhead.call(async { Ok::<_, Never>(()) }).await.is_err());
    drop(answer);
    assert!(bulkhead.call(async { Ok::<_, Never>(()) }).await.is_ok());
}

/// Whoever keeps the answer of a refused call keeps nothing else of it: neither the service nor the request.
#[tokio::test(start_paused = true)]
async fn a_refused_answer_keeps_nothing() {
    #[derive(Clone)]
    struct Held {
        _kept: std::sync::Arc<()>,
    }
    impl Service<std::sync::Arc<()>> for Held {
        type Response = ();
        type Error = Never;
        type Future = std::future::Ready<Result<(), Never>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Never>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: std::sync::Arc<()>) -> Self::Future {
            std::future::ready(Ok(()))
        }
    }
    let (bulkhead, held, request) = (bulkhead(1, 0), std::sync::Arc::new(()), std::sync::Arc::new(()));
    let _full = bulkhead.try_acquire().unwrap();
    let mut service = BulkheadLayer::new(bulkhead.clone()).layer(Held { _kept: held.clone() });
    let mut call = Box::pin(service.call(request.clone()));
    drop(service);
    assert!(call.as_mut().await.is_err());
    assert_eq!((std::sync::Arc::strong_count(&held), std::sync::Arc::strong_count(&request)), (1, 1));
    assert!(poll_once(call.as_mut()).is_pending());
}
