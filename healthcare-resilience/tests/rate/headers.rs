use crate::{SECOND, limit};
use healthcare_resilience::{
    BoxError, Clock, KeyedRateLimit, Quota, RateHeaders, RateLimit, RateLimitLayer, WhenFull,
};
use http::{HeaderMap, Request, Response, StatusCode};
use std::{
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;

fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn an_admission_tells_policy_and_what_is_left() {
    let (limit, hand) = limit(Quota::per_minute(100));
    let headers = RateHeaders::new(limit.name(), &limit.quota());
    limit.try_acquire_many(49).unwrap();
    hand.advance(Duration::from_millis(100));
    let mut answer = HeaderMap::new();
    headers.write(&limit.try_acquire().unwrap(), &mut answer);
    assert_eq!(all(&answer, "ratelimit-policy"), ["\"test\";q=100;w=60"]);
    // 29.9 s, rounded up.
    assert_eq!(all(&answer, "ratelimit"), ["\"test\";r=50;t=30"]);
}

#[test]
fn several_limits_speak_in_one_answer() {
    let (one, _) = limit(Quota::per_minute(1));
    let two = RateLimit::builder("daily").quota(Quota::per_day(1000)).build().unwrap();
    let mut answer = HeaderMap::new();
    for limit in [&one, &two] {
        RateHeaders::new(limit.name(), &limit.quota()).write(&limit.try_acquire().unwrap(), &mut answer);
    }
    assert_eq!(all(&answer, "ratelimit-policy"), ["\"test\";q=1;w=60", "\"daily\";q=1000;w=86400"]);
    assert_eq!(all(&answer, "ratelimit"), ["\"test\";r=0;t=60", "\"daily\";r=999;t=87"]);
}

#[test]
fn a_name_is_a_valid_string_whatever_it_holds() {
    let mut answer = HeaderMap::new();
    let (limit, _) = limit(Quota::per_second(1));
    RateHeaders::new("a\"b\\c\r\nd\u{e9}", &limit.quota()).write(&limit.try_acquire().unwrap(), &mut answer);
    assert_eq!(all(&answer, "ratelimit-policy"), ["\"a\\\"b\\\\c__d_\";q=1;w=1"]);
}

#[test]
fn a_refusal_is_429_and_tells_one_time_twice() {
    let (limit, hand) = limit(Quota::per_minute(2));
    limit.try_acquire_many(2).unwrap();
    hand.advance(Duration::from_millis(28_500));
    let answer: Response<String> = limit.try_acquire().unwrap_err().response();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(all(answer.headers(), "retry-after"), ["2"]);
    assert_eq!(all(answer.headers(), "ratelimit"), ["\"test\";r=0;t=2"]);
}

#[test]
fn what_can_never_be_admitted_tells_no_time() {
    let (limit, _) = limit(Quota::per_minute(2));
    let answer: Response<String> = limit.try_acquire_many(3).unwrap_err().response();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers().is_empty(), "{:?}", answer.headers());
}

#[test]
fn a_flood_of_keys_is_the_servers_trouble() {
    let (clock, _hand) = Clock::manual();
    let builder = KeyedRateLimit::builder("x").quota(Quota::per_second(1)).max_keys(1).clock(clock);
    let limit = builder.when_full(WhenFull::Refuse).build().unwrap();
    limit.try_acquire(&1).unwrap();
    let answer: Response<String> = limit.try_acquire(&2).unwrap_err().response();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(answer.headers().len(), 1, "the rate is not what it was refused for");
}

#[derive(Clone)]
struct Hello;

impl Service<Request<()>> for Hello {
    type Response = Response<String>;
    type Error = BoxError;
    type Future = Ready<Result<Response<String>, BoxError>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new("hello".to_owned())))
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_answers_refusals_and_marks_every_answer() {
    let limit = KeyedRateLimit::builder("by-user").quota(Quota::per_second(1)).build().unwrap();
    let user =
        |request: &Request<()>| request.headers().get("user").map(|user| user.to_str().unwrap().to_owned());
    let layer = RateLimitLayer::by_key(limit, user).with_headers::<Request<()>>();
    let mut service = layer.layer(Hello);
    let request = || Request::builder().header("user", "7").body(()).unwrap();
    let answer = service.call(request()).await.unwrap();
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "hello"));
    assert_eq!(all(answer.headers(), "ratelimit"), ["\"by-user\";r=0;t=1"]);
    let answer = service.call(request()).await.unwrap();
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::TOO_MANY_REQUESTS, ""));
    assert_eq!(all(answer.headers(), "retry-after"), ["1"]);
    assert_eq!(all(answer.headers(), "ratelimit-policy"), ["\"by-user\";q=1;w=1"]);
    let free = service.call(Request::new(())).await.unwrap();
    assert!(free.headers().is_empty(), "who is not limited is told nothing");
    tokio::time::advance(SECOND).await;
    assert_eq!(service.call(request()).await.unwrap().status(), StatusCode::OK);
}
