//! What is kept, and for whom.

use super::rig::{ONE, Rig, asked, clinic_of, hours, policy, request, viewer};
use bytes::Bytes;
use healthcare_cache::{CacheConfigError, ResponseCacheError, ResponseCacheLayer, Viewer};
use http::{Response, StatusCode, header};
use http_body_util::Full;
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn a_marked_response_is_given_again_and_one_that_is_not_marked_never() {
    let rig = Rig::plain();
    assert_eq!(rig.get().await.body, "0");
    let again = rig.get().await;
    assert_eq!((again.body.as_str(), again.status, rig.calls()), ("0", StatusCode::OK, 1));

    let unmarked = Rig::new(
        policy(),
        |builder| builder,
        Arc::new(|_, call| Ok(Response::new(Full::new(Bytes::from(call.to_string()))))),
    );
    assert_eq!(unmarked.get().await.body, "0");
    assert_eq!(unmarked.get().await.body, "1");
    assert_eq!(unmarked.layer.cache().usage().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_given_what_was_kept_for_another() {
    let rig = Rig::plain();
    assert_eq!(rig.get().await.body, "0");
    let others = [
        asked(viewer(2, 1), &[]),
        asked(viewer(1, 2), &[]),
        asked(Viewer::clinic(clinic_of(1)), &[]),
        request("GET", "/hours?day=2", Some(ONE), &[]),
        request("GET", "/hours", Some(ONE), &[]),
        request("GET", "/hours?", Some(ONE), &[]),
        request("GET", "/hours/?day=1", Some(ONE), &[]),
        request("GET", "http://other.example/hours?day=1", Some(ONE), &[]),
        asked(ONE, &[("accept-language", "de")]),
        asked(ONE, &[("accept", "de")]),
        asked(ONE, &[("accept", "text/html")]),
        asked(ONE, &[("accept", "text/html"), ("accept", "text/plain")]),
        asked(ONE, &[("accept", "text/html, text/plain")]),
    ];
    let count = others.len();
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(rig.send(other).await.unwrap().body, (number + 1).to_string());
    }
    assert_eq!(rig.calls(), count + 1);
    // What it does not vary by is not looked at; without a viewer nothing is.
    assert_eq!(rig.get_with(&[("user-agent", "other")]).await.body, "0");
    for _ in 0..2 {
        let nobody = rig.send(request("GET", "/hours?day=1", None, &[])).await.unwrap();
        assert_eq!(nobody.header("etag"), None);
    }
    assert_eq!(rig.calls(), count + 3);
}

#[tokio::test(start_paused = true)]
async fn headers_that_the_host_chose_make_the_difference() {
    let vary = |builder: healthcare_cache::ResponseCacheBuilder| {
        builder.vary([header::HeaderName::from_static("x-site")])
    };
    let rig = Rig::new(policy(), vary, Arc::new(|_, call| Ok(hours(&[("vary", "X-Site")], call))));
    let first = rig.get_with(&[("x-site", "north"), ("accept", "a")]).await;
    assert_eq!(first.header("vary"), Some("x-site, authorization, cookie"));
    assert_eq!(rig.get_with(&[("x-site", "south")]).await.body, "1");
    assert_eq!(rig.get_with(&[("x-site", "north"), ("accept", "b")]).await.body, "0");
}

#[tokio::test(start_paused = true)]
async fn what_forbids_to_keep_it_is_obeyed() {
    const FORBIDDING: &[&[(&str, &str)]] = &[
        &[("cache-control", "no-store")],
        &[("cache-control", "public, NO-CACHE")],
        &[("cache-control", "private")],
        &[("cache-control", "private=\"x-name\"")],
        &[("cache-control", "max-age=0")],
        &[("cache-control", "max-age=60, s-maxage=0")],
        &[("cache-control", "max-age=nonsense")],
        &[("cache-control", "max-age=60"), ("age", "60")],
        &[("cache-control", "max-age=60"), ("age", "old")],
        &[("expires", "Sat, 21 Nov 2037 18:00:00 GMT")],
        &[("set-cookie", "session=1")],
        &[("vary", "*")],
        &[("vary", "accept"), ("vary", "accept-language, x-other")],
        &[("content-range", "bytes 0-1/2")],
    ];
    for headers in FORBIDDING {
        let rig = Rig::answering(headers);
        assert_eq!(rig.get().await.body, "0", "{headers:?}");
        assert_eq!(rig.get().await.body, "1", "{headers:?}");
    }
    for status in [201, 204, 206, 301, 404, 500] {
        let status = StatusCode::from_u16(status).unwrap();
        let script = move |_: &_, call| {
            let mut response = hours(&[], call);
            *response.status_mut() = status;
            Ok(response)
        };
        let rig = Rig::new(policy(), |builder| builder, Arc::new(script));
        assert_eq!(rig.get().await.status, status);
        assert_eq!(rig.get().await.body, "1", "{status}");
    }
    for allowed in [&[("cache-control", "max-age=60")][..], &[("vary", "Accept")], &[]] {
        let rig = Rig::answering(allowed);
        rig.get().await;
        assert_eq!(rig.get().await.body, "0", "{allowed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_credentials_is_kept_for_the_actor_or_when_it_is_public() {
    let anyone = Viewer::clinic(clinic_of(1));
    for credential in ["authorization", "cookie"] {
        let secret = [(credential, "secret")];
        let rig = Rig::plain();
        assert_eq!(rig.send(asked(anyone, &secret)).await.unwrap().body, "0");
        assert_eq!(rig.send(asked(anyone, &secret)).await.unwrap().body, "1", "not kept for all");
        assert_eq!(rig.send(asked(ONE, &secret)).await.unwrap().body, "2");
        assert_eq!(rig.send(asked(ONE, &secret)).await.unwrap().body, "2", "kept for the actor");
        let rig = Rig::answering(&[("cache-control", "public, max-age=60")]);
        assert_eq!(rig.send(asked(anyone, &secret)).await.unwrap().body, "0");
        assert_eq!(rig.send(asked(anyone, &[])).await.unwrap().body, "0", "kept for all");
    }
    let rig = Rig::plain();
    assert_eq!(rig.send(asked(anyone, &[])).await.unwrap().body, "0");
    assert_eq!(rig.send(asked(anyone, &[])).await.unwrap().body, "0");
}

#[tokio::test(start_paused = true)]
async fn requests_that_want_something_of_their_own_pass_through() {
    let rig = Rig::plain();
    assert_eq!(rig.get().await.body, "0");
    let own: [&[(&str, &str)]; 6] = [
        &[("cache-control", "no-store")],
        &[("range", "bytes=0-1")],
        &[("if-match", "\"a\"")],
        &[("if-unmodified-since", "Sat, 21 Nov 2026 18:00:00 GMT")],
        &[("content-length", "3")],
        &[("transfer-encoding", "chunked")],
    ];
    for (number, headers) in own.into_iter().enumerate() {
        let got = rig.get_with(headers).await;
        assert_eq!((got.body, got.headers.get("etag")), ((number + 1).to_string(), None), "{headers:?}");
        assert!(rig.handler.seen.lock().unwrap().contains_key(headers[0].0));
    }
    let long = format!("/hours?{}", "x".repeat(9_000));
    for count in [7, 8] {
        assert_eq!(rig.send(request("GET", &long, Some(ONE), &[])).await.unwrap().body, count.to_string());
    }
    // A wish for something fresher is not heard: purges make it fresh.
    for wish in ["no-cache", "max-age=0"] {
        assert_eq!(rig.get_with(&[("cache-control", wish)]).await.body, "0");
    }
}

#[test]
fn nothing_is_built_that_makes_no_sense() {
    let builder = || ResponseCacheLayer::builder(policy(), |_| None);
    assert_eq!(builder().body_max(0).build().unwrap_err(), ResponseCacheError::BodyMax);
    let names = (0..17).map(|number| format!("x-{number}").parse().unwrap());
    assert_eq!(builder().vary(names).build().unwrap_err(), ResponseCacheError::Vary);
    let error = builder().cache(|cache| cache.capacity(1)).build().unwrap_err();
    assert!(matches!(error, ResponseCacheError::Cache(CacheConfigError::NoRoom { .. })));
    let shown = format!("{:?}", builder().build().unwrap());
    assert!(shown.contains("http_response") || shown.contains("Cache"), "{shown}");
}
