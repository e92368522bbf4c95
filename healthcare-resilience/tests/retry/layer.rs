//! What tower asks of a middleware, and the cases of retry and hedge as layers.

use crate::{Counter, Fault, SECOND, plain, poll_once};
use healthcare_resilience::{
    BoxError, Class, CloneAs, CloneRequest, Deadline, DeadlineLayer, Effect, Elapsed, Hedge, HedgeLayer,
    Rejection, RetryBudget, RetryLayer,
};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;

/// A try: how long it takes and what it answers.
type Scripted = (u64, Result<u32, Fault>);

/// Plays a script, and panics when it is called without having been ready.
struct Callee {
    script: Arc<Mutex<VecDeque<Scripted>>>,
    asked: Arc<Mutex<Vec<u32>>>,
    live: Counter,
    readied: Counter,
    is_ready: bool,
}

impl Callee {
    fn new(script: impl IntoIterator<Item = Scripted>) -> Self {
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (live, readied) = Default::default();
        Self { script, asked: Arc::default(), live, readied, is_ready: false }
    }
    fn asked(&self) -> Vec<u32> {
        self.asked.lock().unwrap().clone()
    }
}

impl Clone for Callee {
    fn clone(&self) -> Self {
        let (script, asked) = (self.script.clone(), self.asked.clone());
        // A clone is not ready because the original is.
        Self { script, asked, live: self.live.clone(), readied: self.readied.clone(), is_ready: false }
    }
}

impl Service<u32> for Callee {
    type Response = u32;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<u32, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if !self.is_ready {
            self.readied.add();
            self.is_ready = true;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u32) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without being ready");
        self.asked.lock().unwrap().push(request);
        let (seconds, answer) = self.script.lock().unwrap().pop_front().expect("a try too many");
        let live = self.live.live();
        Box::pin(async move {
            let _live = live;
            tokio::time::sleep(SECOND * seconds as u32).await;
            answer
        })
    }
}

const READS: CloneAs = CloneAs(Effect::Read);

/// Copies a request so many times.
#[derive(Clone)]
struct Copies(Counter, u32);
impl CloneRequest<u32> for Copies {
    fn effect(&self, _: &u32) -> Effect {
        Effect::Read
    }
    fn clone_request(&self, request: &u32) -> Option<u32> {
        (self.0.add() <= self.1).then_some(*request)
    }
}

async fn ask<S: Service<u32, Error = BoxError>>(
    service: &mut S,
    request: u32,
) -> Result<S::Response, BoxError> {
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

fn fault(error: &BoxError) -> Option<&Fault> {
    error.downcast_ref()
}

#[tokio::test(start_paused = true)]
async fn errors_are_tried_again_with_the_same_request() {
    let callee = Callee::new([(0, Err(Fault::Down)), (0, Err(Fault::Down)), (0, Ok(1))]);
    let mut service = RetryLayer::new(plain(3).build().unwrap(), READS).layer(callee.clone());
    assert_eq!(ask(&mut service, 7).await.unwrap(), 1);
    assert_eq!(callee.asked(), [7, 7, 7]);
    assert_eq!(callee.readied.get(), 3, "each try waited until its service was ready");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tries_is_kept_and_the_error_is_the_services_own() {
    let callee = Callee::new([(0, Err(Fault::Down)), (0, Err(Fault::Forbidden))]);
    let mut service = RetryLayer::new(plain(2).build().unwrap(), READS).layer(callee.clone());
    let error = ask(&mut service, 7).await.unwrap_err();
    assert_eq!((fault(&error), callee.asked().len()), (Some(&Fault::Forbidden), 2));
}

#[tokio::test(start_paused = true)]
async fn the_classifier_sees_the_error() {
    let callee = Callee::new([(0, Err(Fault::Down)), (0, Err(Fault::Forbidden))]);
    let by_fault = |result: Result<&u32, &BoxError>| match result {
        Ok(_) => Class::Success,
        Err(error) if fault(error) == Some(&Fault::Down) => Class::Transient,
        Err(_) => Class::Ignored,
    };
    let layer = RetryLayer::new(plain(9).build().unwrap(), READS).classify(by_fault);
    let error = ask(&mut layer.layer(callee.clone()), 7).await.unwrap_err();
    assert_eq!((fault(&error), callee.asked().len()), (Some(&Fault::Forbidden), 2));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_copied_is_tried_once() {
    for answer in [Ok(1), Err(Fault::Down)] {
        let callee = Callee::new([(0, answer)]);
        let strategy = Copies(Counter::default(), 0);
        let mut service = RetryLayer::new(plain(5).build().unwrap(), strategy.clone()).layer(callee.clone());
        assert_eq!(ask(&mut service, 7).await.map_err(|error| *fault(&error).unwrap()), answer);
        assert_eq!(callee.asked().len(), 1);
        let callee = Callee::new([(30, answer)]);
        let hedge = Hedge::builder("h").after(SECOND).build().unwrap();
        let mut service = HedgeLayer::new(hedge, strategy).layer(callee.clone());
        assert_eq!(ask(&mut service, 7).await.map_err(|error| *fault(&error).unwrap()), answer);
        assert_eq!(callee.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_be_copied_twice_is_tried_three_times_at_most() {
    for copies in 1..4 {
        let callee = Callee::new(vec![(0, Err(Fault::Down)); 9]);
        let strategy = Copies(Counter::default(), copies);
        let mut service = RetryLayer::new(plain(9).build().unwrap(), strategy).layer(callee.clone());
        ask(&mut service, 7).await.unwrap_err();
        assert_eq!(callee.asked().len(), copies as usize + 1);
        let callee = Callee::new(vec![(60, Ok(1)); 9]);
        let hedge = Hedge::builder("h").after(SECOND).max_extra(9).build().unwrap();
        let strategy = Copies(Counter::default(), copies);
        ask(&mut HedgeLayer::new(hedge, strategy).layer(callee.clone()), 7).await.unwrap();
        assert_eq!(callee.asked().len(), copies as usize + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn plain_writes_are_not_copied_nor_the_last_try() {
    let callee = Callee::new([(0, Err(Fault::Down))]);
    let mut service =
        RetryLayer::new(plain(5).build().unwrap(), CloneAs(Effect::Write)).layer(callee.clone());
    ask(&mut service, 7).await.unwrap_err();
    assert_eq!(callee.asked().len(), 1);
    let copied = Counter::default();
    let callee = Callee::new(vec![(0, Err(Fault::Down)); 3]);
    let mut service = RetryLayer::new(plain(3).build().unwrap(), Copies(copied.clone(), 9)).layer(callee);
    ask(&mut service, 7).await.unwrap_err();
    assert_eq!(copied.get(), 2, "three tries, two copies");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_layers_call() {
    let callee = Callee::new([(1, Err(Fault::Down)), (60, Ok(1))]);
    let retry = plain(5).total(SECOND * 4).build().unwrap();
    let mut service = RetryLayer::new(retry, READS).layer(callee.clone());
    let error = ask(&mut service, 7).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Elapsed>().map(|elapsed| elapsed.limit()), Some(SECOND * 4));
    assert_eq!((callee.asked().len(), callee.live.get()), (2, 0));
    let over = Deadline::within(Duration::ZERO).scope(async { ask(&mut service, 7).await }).await;
    assert!(over.unwrap_err().downcast_ref::<Rejection>().is_some());
    assert_eq!(callee.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_layers_call_dropped_after_any_number_of_polls_leaks_nothing() {
    for polls in 0..12 {
        let callee = Callee::new([(1, Err(Fault::Down)), (1, Err(Fault::Down)), (1, Ok(1))]);
        let budget = RetryBudget::builder("b").ratio(1.0).floor_per_second(0).build().unwrap();
        (0..5).for_each(|_| budget.record_call());
        let retry = plain(3).budget(budget.clone()).build().unwrap();
        let mut service = RetryLayer::new(retry, READS).layer(callee.clone());
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let mut call = Box::pin(service.call(7));
        for _ in 0..polls {
            let _ = poll_once(call.as_mut());
            tokio::time::advance(SECOND / 2).await;
        }
        drop(call);
        let tries = callee.asked().len() as u64;
        assert_eq!((callee.live.get(), budget.balance()), (0, 5 + 1 - (tries - 1)), "after {polls} polls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedged_layer_takes_the_first_answer_and_drops_the_rest() {
    for (script, answer) in [([(9, Ok(1)), (1, Ok(2))], 2), ([(3, Ok(1)), (9, Ok(2))], 1)] {
        let callee = Callee::new(script);
        let hedge = Hedge::builder("h").after(SECOND).build().unwrap();
        let mut service = HedgeLayer::new(hedge.clone(), READS).layer(callee.clone());
        assert_eq!(ask(&mut service, 7).await.unwrap(), answer);
        assert_eq!((callee.asked(), callee.live.get()), (vec![7, 7], 0));
        assert_eq!(hedge.counts().lost, 1);
    }
    let callee = Callee::new([(1, Ok(1))]);
    let hedge = Hedge::builder("h").after(SECOND * 2).build().unwrap();
    assert_eq!(ask(&mut HedgeLayer::new(hedge, READS).layer(callee.clone()), 7).await.unwrap(), 1);
    assert_eq!(callee.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn layers_nest_and_the_inner_retry_leaves_it_to_the_outer_one() {
    let callee = Callee::new(vec![(0, Err(Fault::Down)); 9]);
    let layer = RetryLayer::new(plain(3).build().unwrap(), READS);
    ask(&mut layer.layer(layer.layer(callee.clone())), 7).await.unwrap_err();
    assert_eq!(callee.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_layer_tells_the_deadline_and_drops_what_is_late() {
    let callee = Callee::new([(1, Ok(1)), (9, Ok(2))]);
    let mut service = DeadlineLayer::new(SECOND * 3).layer(callee.clone());
    assert_eq!(ask(&mut service, 7).await.unwrap(), 1);
    let error = ask(&mut service, 7).await.unwrap_err();
    assert_eq!(error.downcast_ref::<Elapsed>().map(|elapsed| elapsed.limit()), Some(SECOND * 3));
    assert_eq!(callee.live.get(), 0);
    // The retry further in sees it: it does not begin a wait that would reach it.
    let callee = Callee::new(vec![(0, Err(Fault::Down)); 9]);
    let retry = RetryLayer::new(plain(9).build().unwrap(), READS);
    let mut service = DeadlineLayer::new(SECOND * 3).layer(retry.layer(callee.clone()));
    let error = ask(&mut service, 7).await.unwrap_err();
    assert_eq!((fault(&error), callee.asked().len()), (Some(&Fault::Down), 3));
    // An earlier one of the task holds, and refuses when it is over.
    let refused = Deadline::within(Duration::ZERO).scope(async { ask(&mut service, 7).await }).await;
    assert!(refused.unwrap_err().downcast_ref::<Rejection>().is_some());
    assert_eq!(callee.asked().len(), 3);
}

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug>(_: &T) {}
    let layer = RetryLayer::new(plain(3).build().unwrap(), READS);
    all(&layer);
    all(&layer.layer(5_u8));
    fn send<T: Send + std::fmt::Debug>(_: T) {}
    let mut callee = Callee::new([(0, Ok(1))]);
    callee.is_ready = true;
    send(layer.layer(callee).call(7));
}
