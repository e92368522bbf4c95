//! An HTTP client guarded end to end, against a server that fails: what is tried again, what is not, and when it stops.
//!
//! `cargo run -p healthcare-resilience --example guarded_client --features axum`

use axum::{
    Router,
    http::{HeaderMap, Request, StatusCode, Uri},
    routing::{get, post},
};
use healthcare_resilience::{
    Backoff, BoxError, Bulkhead, CallError, Causes, CircuitBreaker, HttpStatus, IdempotencyKey, Retry,
    RetryBudget, Stack,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::{
    collections::HashSet,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let server = Laboratory::default();
    tokio::spawn(axum::serve(listener, server.router()).into_future());

    let laboratory = stack()?;
    println!("{}\n", laboratory.explain());
    let client: Client<HttpConnector, String> = Client::builder(TokioExecutor::new()).build_http();
    // One answer for every step of what a result means: 503 is busy, 404 the caller's mistake, a refusal neither.
    let guarded = laboratory.with(HttpStatus::errors(Causes));
    let uri = |path: &str| format!("{base}{path}").parse::<Uri>();

    // A read may be made as often as the stack likes.
    let results = uri("/results")?;
    let mut answered = 0;
    for _ in 0..20 {
        let answer = guarded.read(|| client.get(results.clone())).await?;
        answered += usize::from(answer.status().is_success());
    }
    println!("20 reads, every 4th try busy, every 10th hangs: {answered} answered, {} sent", server.sent());

    // The answer to the first try is lost, after the server has booked.
    let booking = Request::post(uri("/bookings")?).body(String::from("blood count, Monday"))?;
    let key = IdempotencyKey::new("0192f2a4-6d0a-7cc0-9f5e-1f8f4b6c9a10")?;
    let mut keyed = booking.clone();
    keyed.headers_mut().insert("idempotency-key", key.as_str().parse()?);
    let answer = guarded.idempotent(&key, || client.request(keyed.clone())).await?;
    println!("a write with a key: {}, {} sent, {} booked", answer.status(), server.sent(), server.booked());
    let answer = guarded.write(client.request(booking)).await?;
    println!("a write without:    {}, {} sent: nobody can know", answer.status(), server.sent());

    // An outage. Tries are repeated until the budget is used up; then the circuit opens and nothing is sent.
    let broken = uri("/broken")?;
    let mut refused = 0;
    for _ in 0..60 {
        if let Err(CallError::Rejected(rejection)) = guarded.read(|| client.get(broken.clone())).await {
            if refused == 0 {
                println!("the first refusal: {rejection}");
            }
            refused += 1;
        }
    }
    println!("60 calls in an outage: {} sent, {refused} ended by a refusal", server.sent());

    // Two good probes after the open time close it.
    tokio::time::sleep(Duration::from_millis(600)).await;
    for _ in 0..2 {
        guarded.read(|| client.get(results.clone())).await?;
    }
    let states: Vec<_> = laboratory.breakers().map(|breaker| breaker.state()).collect();
    println!("after the outage: {states:?}");
    Ok(())
}

fn stack() -> Result<Stack, BoxError> {
    let budget = RetryBudget::builder("laboratory").ratio(0.2).floor_per_second(10).build()?;
    let backoff = Backoff::exponential(Duration::from_millis(10)).cap(Duration::from_millis(50));
    let breaker = CircuitBreaker::builder("laboratory").count_window(20).min_calls(10);
    let bulkhead = Bulkhead::builder("laboratory");
    Ok(Stack::builder("laboratory")
        .deadline(Duration::from_secs(2))
        .retry(Retry::builder("laboratory").max_tries(3).backoff(backoff).budget(budget).build()?)
        .bulkhead(bulkhead.max_calls(8).max_waiting(16).max_wait(Duration::from_millis(500)).build()?)
        .breaker(breaker.open_for(Duration::from_millis(500)).probes(2).build()?)
        .time_out(Duration::from_millis(100))
        .build()?)
}

/// Somebody else's server.
#[derive(Clone, Default)]
struct Laboratory(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    sent: u32,
    keys: HashSet<String>,
}

impl Laboratory {
    fn router(&self) -> Router {
        let [results, bookings, broken] = [self.clone(), self.clone(), self.clone()];
        let results = async move || match results.count() {
            n if n % 10 == 0 => pending().await,
            n if n % 4 == 0 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]),
            _ => (StatusCode::OK, [("cache-control", "no-store")]),
        };
        let bookings = async move |headers: HeaderMap| bookings.book(&headers);
        let broken = async move || {
            broken.count();
            StatusCode::INTERNAL_SERVER_ERROR
        };
        let router = Router::new().route("/results", get(results));
        router.route("/bookings", post(bookings)).route("/broken", get(broken))
    }

    /// Books once for each key, and loses the first answer.
    fn book(&self, headers: &HeaderMap) -> StatusCode {
        self.count();
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
        let is_known = key.is_some_and(|key| !self.counts().keys.insert(key.to_owned()));
        if is_known { StatusCode::CREATED } else { StatusCode::BAD_GATEWAY }
    }

    fn count(&self) -> u32 {
        let mut counts = self.counts();
        counts.sent += 1;
        counts.sent
    }

    /// Requests since it was last asked.
    fn sent(&self) -> u32 {
        std::mem::take(&mut self.counts().sent)
    }

    fn booked(&self) -> usize {
        self.counts().keys.len()
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
