//! A stack around a tower service.

use crate::{Laboratory, breaker, bulkhead, hedge, ms, retry};
use healthcare_resilience::{
    BoxError, BreakerState, CloneAs, CloneRequest, Effect, Elapsed, Priority, RejectReason, Rejection,
    Shedder, Stack, StackLayer, StackService,
};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};
use tower_layer::Layer as _;
use tower_service::Service;

/// The laboratory as a service. Panics when it is called without having been ready.
#[derive(Debug)]
struct Desk {
    laboratory: Laboratory,
    is_ready: bool,
}

impl Clone for Desk {
    fn clone(&self) -> Self {
        // A clone is not ready because the original is.
        Self { laboratory: self.laboratory.clone(), is_ready: false }
    }
}

impl Service<&'static str> for Desk {
    type Response = u8;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<u8, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: &'static str) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without being ready");
        let call = self.laboratory.call();
        Box::pin(async { call.await.map_err(Into::into) })
    }
}

fn serve<K: Clone>(stack: Stack, strategy: K, laboratory: &Laboratory) -> StackService<Desk, K> {
    StackLayer::new(stack, strategy).layer(Desk { laboratory: laboratory.clone(), is_ready: false })
}

async fn ask<K>(service: &mut StackService<Desk, K>) -> Result<u8, BoxError>
where
    K: CloneRequest<&'static str> + Clone + Send + 'static,
{
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call("blood").await
}

const CLOSED: crate::Answer = Err(crate::Trouble::Closed);

fn builder() -> healthcare_resilience::StackBuilder {
    Stack::builder("laboratory")
}

#[tokio::test(start_paused = true)]
async fn reads_are_tried_again_by_clones_that_became_ready() {
    let laboratory = Laboratory::answering(&[CLOSED, CLOSED, Ok(1)]);
    let stack = builder().retry(retry(3)).breaker(breaker(9)).build().unwrap();
    let mut service = serve(stack, CloneAs(Effect::Read), &laboratory);
    assert_eq!(ask(&mut service).await.unwrap(), 1);
    assert_eq!(laboratory.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn writes_are_made_once() {
    let laboratory = Laboratory::new(&[(ms(100), CLOSED)]);
    let stack = builder().retry(retry(3)).hedge(hedge(ms(10))).build().unwrap();
    let mut service = serve(stack, CloneAs(Effect::Write), &laboratory);
    assert_eq!(ask(&mut service).await.unwrap_err().to_string(), "the laboratory is closed");
    assert_eq!(laboratory.made(), 1);
}

/// A read whose request cannot be copied.
#[derive(Debug, Clone)]
struct Never;

impl CloneRequest<&'static str> for Never {
    fn effect(&self, _: &&'static str) -> Effect {
        Effect::Read
    }
    fn clone_request(&self, _: &&'static str) -> Option<&'static str> {
        None
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_copied_is_made_once() {
    let laboratory = Laboratory::new(&[(ms(100), CLOSED)]);
    let stack = builder().retry(retry(3)).hedge(hedge(ms(10))).build().unwrap();
    assert!(ask(&mut serve(stack, Never, &laboratory)).await.is_err());
    assert_eq!(laboratory.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn refusals_and_time_outs_are_found_in_the_error() {
    let (breaker, laboratory) = (breaker(1), Laboratory::new(&[(ms(900), Ok(1))]));
    let stack = builder().breaker(breaker.clone()).time_out(ms(50)).build().unwrap();
    let mut service = serve(stack, CloneAs(Effect::Read), &laboratory);
    let late = ask(&mut service).await.unwrap_err();
    assert_eq!(Elapsed::find(late.as_ref()).unwrap().limit(), ms(50));
    let refused = ask(&mut service).await.unwrap_err();
    assert_eq!(Rejection::find(refused.as_ref()).unwrap().reason(), RejectReason::CircuitOpen);
    assert_eq!((breaker.state(), laboratory.made()), (BreakerState::Open, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stack_around_a_stack_takes_its_refusals_for_what_they_are() {
    let (inner, outer, laboratory) = (breaker(1), breaker(1), Laboratory::answering(&[Ok(1)]));
    inner.force_open();
    let inner = StackLayer::new(builder().breaker(inner).build().unwrap(), CloneAs(Effect::Read));
    let stack = Stack::builder("outer").retry(retry(3)).breaker(outer.clone()).build().unwrap();
    let outer_layer = StackLayer::new(stack, CloneAs(Effect::Read));
    let desk = Desk { laboratory: laboratory.clone(), is_ready: false };
    let mut service = outer_layer.layer(inner.layer(desk));
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let refused = service.call("blood").await.unwrap_err();
    assert_eq!(Rejection::find(refused.as_ref()).unwrap().reason(), RejectReason::ForcedOpen);
    assert_eq!((laboratory.made(), outer.snapshot().calls, outer.state()), (0, 0, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn the_stack_is_shared_between_a_service_and_plain_calls() {
    let (bulkhead, laboratory) = (bulkhead(1, 0), Laboratory::answering(&[Ok(1)]));
    let stack = builder().bulkhead(bulkhead.clone()).build().unwrap();
    let mut service = serve(stack.clone(), CloneAs(Effect::Read), &laboratory);
    let _taken = bulkhead.try_acquire().unwrap();
    assert!(ask(&mut service).await.is_err());
    assert!(stack.read(|| laboratory.call()).await.is_err());
}

/// The priority is that of the request, not of the service.
#[tokio::test(start_paused = true)]
async fn each_request_has_its_own_priority() {
    let shedder = Shedder::builder("api").max_calls(20).build().unwrap();
    let _busy: Vec<_> = (0..10).map(|_| shedder.try_acquire(Priority::Emergency).unwrap()).collect();
    let (stack, laboratory) =
        (builder().shed(shedder.clone()).build().unwrap(), Laboratory::answering(&[Ok(1)]));
    let desk = Desk { laboratory: laboratory.clone(), is_ready: false };
    let by_kind = |kind: &&'static str| match *kind {
        "export" => Priority::Background,
        _ => Priority::Emergency,
    };
    let layer = StackLayer::new(stack, CloneAs(Effect::Read));
    let mut service = layer.clone().priority(by_kind).layer(desk.clone());
    for (kind, is_served) in [("blood", true), ("export", false), ("blood", true)] {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        assert_eq!(service.call(kind).await.is_ok(), is_served, "{kind}");
    }
    // One for all of them; and what they are when nobody says it.
    let mut background = layer.clone().priority(Priority::Background).layer(desk.clone());
    poll_fn(|cx| background.poll_ready(cx)).await.unwrap();
    assert!(background.call("blood").await.is_err());
    let mut unsaid = layer.layer(desk);
    poll_fn(|cx| unsaid.poll_ready(cx)).await.unwrap();
    assert!(unsaid.call("blood").await.is_ok(), "more than in the background");
    let _busier: Vec<_> = (0..5).map(|_| shedder.try_acquire(Priority::Emergency).unwrap()).collect();
    poll_fn(|cx| unsaid.poll_ready(cx)).await.unwrap();
    assert!(unsaid.call("blood").await.is_err(), "less than clinical");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_any_number_of_polls_leaves_nothing() {
    for polls in 0..8 {
        let (bulkhead, laboratory) = (bulkhead(2, 2), Laboratory::new(&[(ms(30), CLOSED)]));
        let stack =
            builder().retry(retry(3)).hedge(hedge(ms(20))).bulkhead(bulkhead.clone()).build().unwrap();
        let mut service = serve(stack, CloneAs(Effect::Read), &laboratory);
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let mut call = Box::pin(service.call("blood"));
        for _ in 0..polls {
            assert!(crate::poll_once(call.as_mut()).is_pending());
            tokio::time::advance(ms(10)).await;
        }
        drop(call);
        assert_eq!((laboratory.live(), bulkhead.in_flight(), bulkhead.waiting()), (0, 0, 0), "{polls} polls");
    }
}

#[tokio::test]
async fn polled_again_after_it_resolved_it_stays_pending() {
    let stack = builder().breaker(breaker(9)).build().unwrap();
    let mut service = serve(stack, CloneAs(Effect::Read), &Laboratory::answering(&[Ok(1)]));
    poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let mut call = service.call("blood");
    let _ = (&mut call).await;
    assert!(Pin::new(&mut call).poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
}
