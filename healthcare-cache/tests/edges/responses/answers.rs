//! How kept responses are given, and how the handler is called for what is not there.

use super::rig::{Broken, ONE, Rig, asked, hours, policy, request};
use bytes::Bytes;
use healthcare_cache::{CacheLevel, CachePolicy, Cacheable, TtlClass};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;

#[tokio::test(start_paused = true)]
async fn who_has_it_already_is_told_so() {
    let rig = Rig::answering(&[("content-type", "text/plain"), ("x-other", "1")]);
    let first = rig.get().await;
    let tag: &'static str = first.header("etag").unwrap().to_owned().leak();
    assert!(tag.starts_with('"') && tag.len() == 34, "a strong one: {tag}");
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    assert_eq!(first.header("content-length"), Some("1"));
    assert_eq!(first.header("vary"), Some("accept, accept-encoding, accept-language, authorization, cookie"));
    for asked in [[("if-none-match", tag)], [("if-none-match", "*")]] {
        let got = rig.get_with(&asked).await;
        assert_eq!((got.status, got.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
        assert_eq!(got.header("etag"), Some(tag));
        assert!(got.header("vary").is_some() && got.header("cache-control").is_some());
        assert!(got.header("content-type").is_none() && got.header("x-other").is_none());
        assert!(got.header("content-length").is_none());
    }
    assert_eq!(rig.get_with(&[("if-none-match", "\"other\"")]).await.status, StatusCode::OK);
    assert_eq!(rig.calls(), 1);
    // The same bytes have the same tag elsewhere; another type of the same bytes has not.
    let elsewhere = Rig::answering(&[("content-type", "text/plain")]);
    assert_eq!(elsewhere.get().await.header("etag"), Some(tag));
    let other = Rig::answering(&[("content-type", "text/html")]);
    assert_ne!(other.get().await.header("etag"), Some(tag));
}

#[tokio::test(start_paused = true)]
async fn the_whole_is_asked_for_also_by_who_has_a_part_of_the_past() {
    let script = |headers: &http::HeaderMap, call| {
        // A handler that answers conditions itself must not be asked on one: the 304 would be nobody's.
        let is_whole = !headers.contains_key("if-none-match") && !headers.contains_key("if-modified-since");
        Ok(if is_whole { hours(&[("etag", "\"v1\"")], call) } else { panic!("asked on a condition") })
    };
    let rig = Rig::new(policy(), |builder| builder, Arc::new(script));
    let both = [("if-none-match", "W/\"v1\""), ("if-modified-since", "Sat, 21 Nov 2026 18:00:00 GMT")];
    assert_eq!(rig.get_with(&both).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(rig.get().await.header("etag"), Some("\"v1\""));
    assert_eq!(rig.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn conditions_reach_a_handler_that_answers_itself() {
    let rig = Rig::plain();
    let condition = [("if-none-match", "\"a\""), ("if-none-match", "\"b\"")];
    rig.send(request("HEAD", "/hours?day=1", Some(ONE), &condition)).await.unwrap();
    let seen = rig.handler.seen.lock().unwrap().clone();
    assert_eq!(seen.get_all("if-none-match").iter().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn head_is_answered_with_what_get_left() {
    let rig = Rig::plain();
    let head = || request("HEAD", "/hours?day=1", Some(ONE), &[]);
    rig.send(head()).await.unwrap();
    rig.send(head()).await.unwrap();
    assert_eq!(rig.calls(), 2, "what HEAD brings is not kept");
    rig.get().await;
    let got = rig.send(head()).await.unwrap();
    assert_eq!((got.status, got.body.as_str(), rig.calls()), (StatusCode::OK, "", 3));
    assert_eq!(got.header("content-length"), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn it_says_how_old_it_is_and_ends_when_the_response_says() {
    let rig = Rig::answering(&[
        ("cache-control", "max-age=100"),
        ("age", "40"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ]);
    let first = rig.get().await;
    assert_eq!((first.header("age"), first.header("cache-control")), (Some("40"), Some("max-age=100")));
    assert!(first.header("connection").is_none() && first.header("x-hop").is_none());
    rig.pass_time(20);
    assert_eq!(rig.get().await.header("age"), Some("60"));
    rig.settle().await;
    rig.pass_time(41);
    assert_eq!(rig.get().await.body, "1", "61 seconds after it came, 101 after it was made");
}

#[tokio::test(start_paused = true)]
async fn the_shortest_of_three_lives_counts() {
    let short = |_: &_, call: usize| {
        let hours = Cacheable::new(super::rig::Hours(call.to_string())).life(Duration::from_secs(10));
        let mut response = hours.mark(|hours| Response::new(Full::new(Bytes::from(hours.0))));
        response.headers_mut().insert("cache-control", "max-age=86400".parse().unwrap());
        Ok(response)
    };
    let rig = Rig::new(policy(), |builder| builder, Arc::new(short));
    rig.get().await;
    rig.pass_time(11);
    assert_eq!(rig.get().await.body, "1");
    let rig = Rig::answering(&[("cache-control", "max-age=86400")]);
    rig.get().await;
    rig.pass_time(3_601);
    assert_eq!(rig.get().await.body, "1", "the policy's");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_are_one_call() {
    let rig = Arc::new(Rig::plain());
    let closed = rig.handler.gate.acquire_many(100_000).await.unwrap();
    let all: Vec<_> = (0..1_000)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.get().await.body })
        })
        .collect();
    rig.has_begun(1).await;
    drop(closed);
    for one in all {
        assert_eq!(one.await.unwrap(), "0");
    }
    assert_eq!(rig.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_turns_out_to_be_for_one_is_given_to_that_one_alone() {
    let script = |_: &_, call: usize| Ok(Response::new(Full::new(Bytes::from(format!("secret {call}")))));
    let rig = Arc::new(Rig::new(policy(), |builder| builder, Arc::new(script)));
    let closed = rig.handler.gate.acquire_many(100_000).await.unwrap();
    let all: Vec<_> = (0..100)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.get().await.body })
        })
        .collect();
    rig.has_begun(1).await;
    drop(closed);
    let mut bodies = Vec::new();
    for one in all {
        bodies.push(one.await.unwrap());
    }
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 100, "each has its own");
    assert_eq!(rig.calls(), 100);
}

#[tokio::test(start_paused = true)]
async fn that_an_answer_is_not_kept_is_remembered_when_the_policy_says_so() {
    let remembering =
        CachePolicy::of(TtlClass::Clinic).negative_life(Duration::from_secs(60)).build().unwrap();
    let script = |_: &_, call: usize| Ok(Response::new(Full::new(Bytes::from(call.to_string()))));
    let rig = Arc::new(Rig::new(remembering, |builder| builder, Arc::new(script)));
    rig.get().await;
    rig.settle().await;
    // Two at once now, neither waiting for the other.
    let closed = rig.handler.gate.acquire_many(99_999).await.unwrap();
    let both = [rig.clone(), rig.clone()].map(|rig| tokio::spawn(async move { rig.get().await.body }));
    rig.has_begun(3).await;
    drop(closed);
    for one in both {
        one.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_takes_nothing_with_it() {
    let rig = Arc::new(Rig::plain());
    let closed = rig.handler.gate.acquire_many(100_000).await.unwrap();
    let leader = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.get().await }
    });
    rig.has_begun(1).await;
    let other = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.get().await }
    });
    tokio::task::yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    drop(closed);
    assert_eq!(other.await.unwrap().body, "0");
    assert_eq!(rig.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_is_better_than_a_failure_unless_it_says_otherwise() {
    let safe = CachePolicy::of(TtlClass::Clinic)
        .level(CacheLevel::Standard)
        .jitter(0.0)
        .fail_safe(Duration::from_secs(3_600))
        .build()
        .unwrap();
    for (control, wanted) in [("max-age=60", "0"), ("max-age=60, must-revalidate", "failed")] {
        for by_error in [false, true] {
            let script = move |_: &_, call: usize| match (call, by_error) {
                (0, _) => Ok(hours(&[("cache-control", control)], call)),
                (_, true) => Err(Broken),
                (_, false) => {
                    let failed = Full::new(Bytes::from("failed"));
                    Ok(Response::builder().status(503).body(failed).unwrap())
                }
            };
            let rig = Rig::new(safe, |builder| builder, Arc::new(script));
            rig.get().await;
            rig.pass_time(61);
            for _ in 0..2 {
                match rig.send(asked(ONE, &[])).await {
                    Ok(got) => assert_eq!(got.body, wanted, "{control}"),
                    Err(Broken) => assert_eq!("failed", wanted, "{control}"),
                }
            }
            assert!(rig.calls() > 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_the_answer_of_who_asked() {
    let rig = Rig::new(policy(), |builder| builder, Arc::new(|_, _| Err(Broken)));
    assert_eq!(rig.send(asked(ONE, &[])).await.unwrap_err(), Broken);
    let panics = Rig::new(policy(), |builder| builder, Arc::new(|_, _| panic!("for the test")));
    assert_eq!(panics.get().await.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(panics.layer.cache().usage().flights, 0);
}

#[tokio::test(start_paused = true)]
async fn who_waits_longer_than_the_policy_says_still_gets_the_answer_and_a_lost_one_is_said_to_be_lost() {
    let rig = Arc::new(Rig::plain());
    let closed = rig.handler.gate.acquire_many(100_000).await.unwrap();
    let slow = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.get().await }
    });
    rig.has_begun(1).await;
    tokio::time::advance(Duration::from_secs(6)).await;
    drop(closed);
    assert_eq!(slow.await.unwrap().body, "0", "after the hard time-out");
    rig.layer.cache().purge_all().await;
    rig.handler.gate.acquire_many(99_999).await.unwrap().forget();
    // Beyond `finish_within` the handler's call is dropped.
    assert_eq!(rig.get().await.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(rig.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_if_cached_calls_nobody() {
    let rig = Rig::plain();
    let only = [("cache-control", "only-if-cached")];
    assert_eq!(rig.get_with(&only).await.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(rig.calls(), 0);
    rig.get().await;
    assert_eq!(rig.get_with(&only).await.body, "0");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_is_handed_on_whole() {
    let script = |_: &_, call| {
        let mut response = hours(&[], call);
        *response.body_mut() = Full::new(Bytes::from("x".repeat(1_001)));
        Ok(response)
    };
    let rig = Rig::new(policy(), |builder| builder.body_max(1_000), Arc::new(script));
    for _ in 0..2 {
        assert_eq!(rig.get().await.body.len(), 1_001);
    }
    assert_eq!(rig.calls(), 2);
    let rig = Rig::new(policy(), |builder| builder.body_max(1_001), Arc::new(script));
    for _ in 0..2 {
        assert_eq!(rig.get().await.body.len(), 1_001);
    }
    assert_eq!(rig.calls(), 1);
}

type Frames = Vec<Result<Frame<Bytes>, &'static str>>;
type Made = fn() -> Frames;
type Streamed = StreamBody<Pieces>;

struct Pieces(std::vec::IntoIter<Result<Frame<Bytes>, &'static str>>);
impl futures_core::Stream for Pieces {
    type Item = Result<Frame<Bytes>, &'static str>;
    fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

/// Answers in pieces.
#[derive(Clone)]
struct Streaming(Made);
impl Service<Request<()>> for Streaming {
    type Response = Response<Streamed>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Streamed>, Infallible>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, _: Request<()>) -> Self::Future {
        let body = StreamBody::new(Pieces((self.0)().into_iter()));
        let marked = Cacheable::new(super::rig::Hours(String::new())).mark(|_| Response::new(body));
        std::future::ready(Ok(marked))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_pieces_is_kept_whole_and_one_that_breaks_off_or_goes_on_is_handed_on() {
    let cases: [(Made, usize, &str); 4] = [
        (|| vec![Ok(Frame::data("ab".into())), Ok(Frame::data("cd".into()))], 1, "abcd"),
        (|| vec![Ok(Frame::data("ab".into())), Err("broken")], 0, "ab!"),
        (|| vec![Ok(Frame::data("ab".into())), Ok(Frame::trailers(http::HeaderMap::new()))], 0, "ab"),
        (
            || {
                vec![
                    Ok(Frame::data("abcd".into())),
                    Ok(Frame::data("efgh".into())),
                    Ok(Frame::data("i".into())),
                ]
            },
            0,
            "abcdefghi",
        ),
    ];
    for (frames, kept, wanted) in cases {
        let layer = healthcare_cache::ResponseCacheLayer::builder(policy(), |_| Some(ONE))
            .body_max(6)
            .build()
            .unwrap();
        let mut service = layer.layer(Streaming(frames));
        for _ in 0..2 {
            let response = service.call(Request::new(())).await.unwrap();
            let mut body = Box::pin(response.into_body());
            let mut text = String::new();
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => {
                        text.push_str(std::str::from_utf8(&frame.into_data().unwrap_or_default()).unwrap())
                    }
                    Err(_) => text.push('!'),
                }
            }
            assert_eq!(text, wanted);
        }
        assert_eq!(layer.cache().usage().entries, kept as u64, "{wanted}");
    }
}
