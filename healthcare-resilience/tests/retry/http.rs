use crate::{Counter, plain};
use healthcare_resilience::{
    BoxError, Causes, Class, Classify as _, ClientTime, CloneHttp, CloneRequest as _, Deadline, Effect,
    HttpStatus, Retry, RetryLayer, TimeAllowed as _,
};
use http::{HeaderMap, Method, Request, Response};
use std::{
    future::{Ready, poll_fn, ready},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tower_layer::Layer as _;
use tower_service::Service;

const DATE: &str = "Sun, 06 Nov 1994 08:49:07 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn answer(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(()).unwrap()
}

fn class(status: u16, headers: &[(&str, &str)]) -> Class {
    HttpStatus::new().classify(Ok::<_, &BoxError>(&answer(status, headers)))
}

fn busy(seconds: u64) -> Class {
    Class::Busy { retry_after: Some(Duration::from_secs(seconds)) }
}

#[test]
fn every_status_has_its_class() {
    for (status, expected) in [
        (200, Class::Success),
        (204, Class::Success),
        (304, Class::Success),
        (400, Class::Ignored),
        (401, Class::Ignored),
        (404, Class::Ignored),
        (408, Class::Transient),
        (409, Class::Ignored),
        (425, Class::Transient),
        (429, Class::Busy { retry_after: None }),
        (500, Class::Transient),
        (501, Class::Permanent),
        (502, Class::Transient),
        (503, Class::Busy { retry_after: None }),
        (504, Class::Transient),
        (505, Class::Permanent),
        (599, Class::Transient),
    ] {
        assert_eq!(class(status, &[]), expected, "{status}");
    }
}

#[test]
fn retry_after_is_read_in_both_forms() {
    assert_eq!(class(429, &[("retry-after", "7")]), busy(7));
    assert_eq!(class(503, &[("retry-after", LATER), ("date", DATE)]), busy(30));
    assert_eq!(class(503, &[("retry-after", DATE)]), busy(0), "long over");
    for wrong in ["soon", "-1", "1e3", "Sun, 99 Nov 1994 08:49:37 GMT"] {
        assert_eq!(class(429, &[("retry-after", wrong)]), Class::Busy { retry_after: None }, "{wrong}");
    }
    assert_eq!(class(500, &[("retry-after", "7")]), Class::Transient, "only where it has a meaning here");
}

#[test]
fn errors_are_left_to_the_other_classifier() {
    let failed = std::io::Error::other("reset");
    let status = HttpStatus::errors(Causes);
    assert_eq!(status.classify(Err::<&Response<()>, _>(&failed)), Class::Transient);
    let boxed: BoxError = failed.into();
    assert_eq!(HttpStatus::new().classify(Err::<&Response<()>, _>(&boxed)), Class::Transient);
}

#[test]
fn the_method_and_the_key_say_the_effect() {
    let effect = |method: Method, key: Option<&str>| {
        let mut request = Request::builder().method(method);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        Effect::of_request(&request.body(()).unwrap())
    };
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
        assert_eq!(effect(method, None), Effect::Read);
    }
    for method in [Method::PUT, Method::DELETE] {
        assert_eq!(effect(method, None), Effect::Idempotent);
    }
    for method in [Method::POST, Method::PATCH, Method::CONNECT] {
        assert_eq!(effect(method.clone(), None), Effect::Write);
        assert_eq!(effect(method.clone(), Some("\"8e03978e\"")), Effect::Idempotent);
        for wrong in ["", "a b", &"k".repeat(256)] {
            assert_eq!(effect(method.clone(), Some(wrong)), Effect::Write, "{wrong:?}");
        }
    }
}

#[test]
fn a_copied_request_is_whole() {
    let request = Request::builder().method("PUT").uri("/beds/7").header("x", "y").body(vec![1, 2]).unwrap();
    let copy = CloneHttp.clone_request(&request).unwrap();
    assert_eq!(
        (copy.method(), copy.uri(), copy.headers()),
        (request.method(), request.uri(), request.headers())
    );
    assert_eq!(copy.body(), request.body());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_goes_through_a_header() {
    let mut headers = HeaderMap::new();
    Deadline::within(Duration::from_millis(1_500)).write_header(&mut headers);
    assert_eq!(headers["grpc-timeout"], "1500m");
    let limit = Duration::from_secs(10);
    assert_eq!(Deadline::from_headers(&headers, limit).left(), Duration::from_millis(1_500));
    // A client cannot ask for more than the server allows, nor with words.
    for asked in ["9H", "soon", "123456789S", ""] {
        headers.insert("grpc-timeout", asked.parse().unwrap());
        assert_eq!(Deadline::from_headers(&headers, limit).left(), limit, "{asked:?}");
    }
    assert_eq!(Deadline::from_headers(&HeaderMap::new(), limit).left(), limit);
    Deadline::within(Duration::ZERO).write_header(&mut headers);
    assert_eq!(headers["grpc-timeout"], "0m");
}

#[test]
fn a_server_allows_what_the_client_asks_for_and_no_more() {
    let allowed = |asked: Option<&str>| {
        let mut request = Request::builder();
        if let Some(asked) = asked {
            request = request.header("grpc-timeout", asked);
        }
        ClientTime(Duration::from_secs(10)).time_allowed(&request.body(()).unwrap()).as_millis()
    };
    for (asked, time) in [(None, 10_000), (Some("1500m"), 1_500), (Some("9H"), 10_000), (Some("x"), 10_000)] {
        assert_eq!(allowed(asked), time, "{asked:?}");
    }
}

#[derive(Clone, Default)]
struct Server(Counter);

impl Service<Request<()>> for Server {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = Ready<Result<Response<()>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let tried = self.0.add();
        ready(Ok(if tried.is_multiple_of(3) {
            answer(200, &[])
        } else {
            answer(503, &[("retry-after", "5")])
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_as_long_as_the_server_asked_and_posts_once() {
    let server = Server::default();
    let retry: Retry = plain(3).build().unwrap();
    let mut client = RetryLayer::new(retry, CloneHttp).classify(HttpStatus::new()).layer(server.clone());
    for (method, status, tries, seconds) in [("GET", 200, 3, 10), ("POST", 503, 1, 0)] {
        let (begun, before) = (Instant::now(), server.0.get());
        poll_fn(|cx| client.poll_ready(cx)).await.unwrap();
        let request = Request::builder().method(method).body(()).unwrap();
        let answer = client.call(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), server.0.get() - before), (status, tries), "{method}");
        assert_eq!(begun.elapsed(), Duration::from_secs(seconds));
    }
}
