//! A server that sheds what matters least, and limits each address: who is answered in a burst it cannot serve.
//!
//! `cargo run -p healthcare-resilience --example shedding_server --features axum`

use axum::{
    Router,
    error_handling::HandleErrorLayer,
    extract::{ConnectInfo, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use healthcare_resilience::{
    AddressKey, AdmitLayer, BoxError, KeyedRateLimit, Priority, Quota, RateLimitLayer, Rejection, Shedder,
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

const PRIORITIES: [Priority; 4] =
    [Priority::Emergency, Priority::Clinical, Priority::Normal, Priority::Background];

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let uri = format!("http://{}/", listener.local_addr()?);
    let app = router()?.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, app).into_future());

    println!(
        "80 calls at once, 40 places; served while in use: background up to 20, normal 30, clinical 36\n"
    );
    let mut burst = Vec::new();
    for (priority, calls) in PRIORITIES.into_iter().zip([4, 12, 24, 40]) {
        burst.extend(std::iter::repeat_n(priority, calls));
    }
    fastrand::Rng::with_seed(3).shuffle(&mut burst);
    let answers = send(&uri, burst).await?;
    println!("{:<12}{:>8}{:>8}", "", "200", "503");
    for priority in PRIORITIES {
        let count = |status| answers.get(&(priority, status)).copied().unwrap_or(0);
        println!("{:<12}{:>8}{:>8}", priority.as_str(), count(200), count(503));
    }

    println!("\n30 more from the same address, which may send 100 at once and six a minute");
    let answers = send(&uri, vec![Priority::Clinical; 30]).await?;
    for ((_, status), count) in answers {
        println!("{status}: {count}");
    }
    let last = Client::builder(TokioExecutor::new()).build_http::<String>().get(uri.parse()?).await?;
    println!("\n{}", last.status());
    for name in ["retry-after", "ratelimit", "ratelimit-policy"] {
        let value = last.headers().get(name).and_then(|value| value.to_str().ok());
        println!("{name}: {}", value.unwrap_or("absent"));
    }
    Ok(())
}

/// Two layers; what they refuse never reaches the handler.
fn router() -> Result<Router, BoxError> {
    let by_address =
        KeyedRateLimit::<AddressKey>::builder("by-address").quota(Quota::per_minute(6).burst(100)).build()?;
    let shedder = Shedder::builder("api").max_calls(40).shares(0.5, 0.75, 0.9).build()?;
    let limits = (
        HandleErrorLayer::new(explain),
        RateLimitLayer::by_key(by_address, address).with_headers::<Request>(),
        AdmitLayer::new(shedder.by(priority)),
    );
    // Stands for work that is slower than the burst.
    let work = async || tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(Router::new().route("/", get(work)).layer(limits))
}

/// The peer's address. Behind a proxy: what your own proxy says, never a header that anybody can write.
fn address(request: &Request) -> Option<AddressKey> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(AddressKey::from(peer.0.ip()))
}

/// Believes the caller, which only an example may: take it from the route and the verified session.
fn priority(request: &Request) -> Priority {
    let said = request.headers().get("x-priority").and_then(|value| value.to_str().ok());
    PRIORITIES.into_iter().find(|priority| said == Some(priority.as_str())).unwrap_or_default()
}

/// A refusal is an answer with `Retry-After` where it is known.
async fn explain(error: BoxError) -> Response {
    match Rejection::find(error.as_ref()) {
        Some(rejection) => rejection.response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Sends one request for each priority, all at once, and counts the answers.
async fn send(uri: &str, burst: Vec<Priority>) -> Result<BTreeMap<(Priority, u16), usize>, BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<String>();
    let mut calls = tokio::task::JoinSet::new();
    for priority in burst {
        let request = Request::get(uri).header("x-priority", priority.as_str()).body(String::new())?;
        let answer = client.request(request);
        calls.spawn(async move { answer.await.map(|answer| (priority, answer.status().as_u16())) });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = calls.join_next().await {
        *answers.entry(answer??).or_insert(0) += 1;
    }
    Ok(answers)
}
