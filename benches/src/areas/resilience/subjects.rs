//! What is called, built and ready: ours and the peers'. Shared with the binaries `counted` and `metered`.
//!
//! Each is a function that makes one call and says whether it went through.

use failsafe::{CircuitBreaker as _, FailurePolicy, StateMachine};
use healthcare_resilience::{
    BreakerBuilder, BreakerConfigError, BreakerLayer, CallError, CircuitBreaker, Class, Effect, Quota,
    RateLimit, Retry, Stack, time_out,
};
use recloser::Recloser;
use std::{
    convert::Infallible,
    error::Error,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer;
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, SlidingWindowType};
use tower_resilience_ratelimiter::RateLimiterLayer;
use tower_resilience_retry::RetryLayer;
use tower_resilience_timelimiter::TimeLimiterLayer;
use tower_service::Service;

pub(crate) type Failure = Box<dyn Error>;

/// 16 samples of 2,000 calls, in both processes.
pub(crate) const METERED: (usize, u32) = (16, 2_000);
const WINDOW: u32 = 100;
const OPEN_FOR: Duration = Duration::from_secs(3600);
const SPAN: Duration = Duration::from_secs(60);

/// Takes a result that nobody needs, so that making it is not optimised away.
#[inline]
pub(crate) fn keep<T>(result: T) {
    let _kept = black_box(result);
}

/// What the guarded function answers.
fn answer(is_good: bool) -> Result<u64, ()> {
    black_box(if is_good { Ok(7) } else { Err(()) })
}

pub(crate) fn consecutive() -> BreakerBuilder {
    CircuitBreaker::builder("bench").consecutive(5).open_for(OPEN_FOR)
}

/// The last hundred calls.
pub(crate) fn counting() -> BreakerBuilder {
    CircuitBreaker::builder("bench").count_window(WINDOW).failure_rate(0.5).min_calls(20).open_for(OPEN_FOR)
}

/// The calls of the last minute.
pub(crate) fn timing() -> BreakerBuilder {
    CircuitBreaker::builder("bench").time_window(SPAN).failure_rate(0.5).min_calls(20).open_for(OPEN_FOR)
}

/// One call through ours.
#[inline]
pub(crate) fn ours(breaker: &CircuitBreaker, is_good: bool) -> bool {
    let Ok(permit) = breaker.try_acquire() else { return false };
    let answer = answer(is_good);
    permit.record(if answer.is_ok() { Class::Success } else { Class::Transient });
    black_box(answer).is_ok() == is_good
}

pub(crate) fn failsafe_consecutive() -> StateMachine<impl FailurePolicy + Send + 'static, ()> {
    let waits = failsafe::backoff::constant(OPEN_FOR);
    failsafe::Config::new().failure_policy(failsafe::failure_policy::consecutive_failures(5, waits)).build()
}

/// Its window: a moving average over a minute.
pub(crate) fn failsafe_window() -> StateMachine<impl FailurePolicy + Send + 'static, ()> {
    let waits = failsafe::backoff::constant(OPEN_FOR);
    let policy = failsafe::failure_policy::success_rate_over_time_window(0.5, 20, SPAN, waits);
    failsafe::Config::new().failure_policy(policy).build()
}

/// One call through failsafe.
#[inline]
pub(crate) fn failsafe_call<P: FailurePolicy>(machine: &StateMachine<P, ()>, is_good: bool) -> bool {
    let result = black_box(machine.call(|| answer(is_good)));
    !matches!(result, Err(failsafe::Error::Rejected)) && result.is_ok() == is_good
}

pub(crate) fn recloser() -> Recloser {
    Recloser::custom().closed_len(WINDOW as usize).error_rate(0.5).open_wait(OPEN_FOR).build()
}

/// One call through recloser.
#[inline]
pub(crate) fn recloser_call(recloser: &Recloser, is_good: bool) -> bool {
    let result = black_box(recloser.call(|| answer(is_good)));
    !matches!(result, Err(recloser::Error::Rejected)) && result.is_ok() == is_good
}

/// A service that answers at once.
#[derive(Debug, Clone)]
pub(crate) struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(black_box(request)))
    }
}

/// One call of a service that answers at once: asked whether it is ready, called, polled once, dropped.
#[inline]
pub(crate) fn once<S: Service<u64, Response = u64>>(service: &mut S) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let is_ready = matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(())));
    is_ready && at_once(service.call(black_box(7)))
}

/// Polls a future that is done at once.
#[inline]
pub(crate) fn at_once<E>(future: impl Future<Output = Result<u64, E>>) -> bool {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    matches!(black_box(polled), Poll::Ready(Ok(_)))
}

pub(crate) fn our_layer() -> Result<impl Service<u64, Response = u64> + Clone, BreakerConfigError> {
    Ok(BreakerLayer::new(counting().build()?).layer(Echo))
}

pub(crate) fn tower_layer() -> Result<impl Service<u64, Response = u64> + Clone, Failure> {
    Ok(tower_breaker(Echo)?)
}

/// The breaker of tower-resilience with a window of calls, round a service.
pub(crate) fn tower_breaker<S>(
    inner: S,
) -> Result<
    tower_resilience_circuitbreaker::CircuitBreaker<S, tower_resilience_circuitbreaker::DefaultClassifier>,
    Failure,
> {
    let layer = CircuitBreakerLayer::builder()
        .sliding_window_type(SlidingWindowType::CountBased)
        .sliding_window_size(WINDOW as usize)
        .failure_rate_threshold(0.5)
        .minimum_number_of_calls(20)
        .wait_duration_in_open(OPEN_FOR)
        .build()
        .map_err(|error| format!("{error:?}"))?;
    Ok(layer.layer(inner))
}

/// The same with a window of time.
pub(crate) fn tower_timing() -> Result<impl Service<u64, Response = u64> + Clone, Failure> {
    let layer = CircuitBreakerLayer::builder()
        .sliding_window_type(SlidingWindowType::TimeBased)
        .sliding_window_duration(SPAN)
        .failure_rate_threshold(0.5)
        .minimum_number_of_calls(20)
        .wait_duration_in_open(OPEN_FOR)
        .build()
        .map_err(|error| format!("{error:?}"))?;
    Ok(layer.layer(Echo))
}

/// Time-outs of the stacks, from the outside inwards.
const WHOLE: Duration = Duration::from_secs(10);
const EACH: Duration = Duration::from_secs(2);
const ENDLESS: u32 = 1_000_000_000;

/// One read through a stack of five policies. Needs tokio's timer.
pub(crate) fn our_stack() -> Result<impl FnMut() -> bool, Failure> {
    let stack = Stack::builder("bench")
        .deadline(WHOLE)
        .rate_limit(endless()?)
        .retry(Retry::builder("bench").max_tries(3).build()?)
        .breaker(counting().build()?)
        .time_out(EACH)
        .build()?;
    Ok(move || at_once(stack.read(|| ready(Ok::<_, Infallible>(black_box(7))))))
}

/// The same five, put round each other by hand.
pub(crate) fn our_nest() -> Result<impl FnMut() -> bool, Failure> {
    let (limit, breaker) = (endless()?, counting().build()?);
    let retry = Retry::builder("bench").max_tries(3).build()?;
    Ok(move || {
        let guarded = time_out(WHOLE, async {
            limit.acquire().await.map_err(|_| ())?;
            let tries = || {
                breaker.around(async {
                    Ok::<_, CallError<Infallible>>(time_out(EACH, ready(black_box(7))).await?)
                })
            };
            retry.call(Effect::Read, tries).await.map_err(|_| ())
        });
        at_once(async { guarded.await.map_err(|_| ())? })
    })
}

fn endless() -> Result<RateLimit, Failure> {
    Ok(RateLimit::builder("bench").quota(Quota::per_second(ENDLESS)).build()?)
}

/// The same through the layers of tower-resilience.
pub(crate) fn tower_stack() -> Result<impl FnMut() -> bool, Failure> {
    let inner = TimeLimiterLayer::builder().timeout_duration(EACH).build().layer(Echo);
    let retried = RetryLayer::builder().max_attempts(3).build().layer(tower_breaker(inner)?);
    let limit = RateLimiterLayer::builder()
        .limit_for_period(ENDLESS as usize)
        .refresh_period(Duration::from_secs(1))
        .build()
        .map_err(|error| format!("{error:?}"))?
        .layer(retried);
    let mut whole = TimeLimiterLayer::builder().timeout_duration(WHOLE).build().layer(limit);
    Ok(move || once(&mut whole))
}
