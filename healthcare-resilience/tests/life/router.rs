//! The routes of health, asked as a probe would.

use axum::{
    Router,
    body::{Body, to_bytes},
};
use futures_util::FutureExt as _;
use healthcare_resilience::{
    Bulkhead, CircuitBreaker, Condition, Health, Shutdown, Start, State, Step, Unhealthy, time_out,
};
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use std::{
    future::{Ready, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{advance, sleep};
use tower_service::Service as _;

const SECOND: Duration = Duration::from_secs(1);

struct Answer {
    status: StatusCode,
    retry_after: Option<String>,
    cache: String,
    content: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Lets requests with this header see the details.
const KEY: &str = "x-operator";

async fn ask(router: &Router, method: Method, path: &str, is_operator: bool) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if is_operator {
        request = request.header(KEY, "yes");
    }
    let response = router.clone().call(request.body(Body::empty()).unwrap()).await.unwrap();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, cache, content) =
        (header(header::RETRY_AFTER), header(header::CACHE_CONTROL), header(header::CONTENT_TYPE));
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answer {
        status,
        retry_after,
        cache: cache.unwrap_or_default(),
        content: content.unwrap_or_default(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn get(router: &Router, path: &str) -> Answer {
    ask(router, Method::GET, path, true).await
}

fn guarded(health: &Health) -> Router {
    health.guarded_router(|request| request.headers.contains_key(KEY))
}

const ROUTES: [&str; 5] = ["/livez", "/readyz", "/health", "/health/api", "/health/detailed"];

fn healthy() -> Health {
    Health::builder().required("database", SECOND, || ready(Ok(()))).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_healthy_program_says_so_everywhere_and_nothing_is_stored() {
    let router = guarded(&healthy());
    for path in ROUTES {
        let answer = get(&router, path).await;
        assert_eq!((answer.status, &*answer.cache), (StatusCode::OK, "no-store"), "{path}");
        assert_eq!(answer.retry_after, None, "{path}");
        assert!(!answer.body.is_empty(), "{path}");
        let head = ask(&router, Method::HEAD, path, true).await;
        assert_eq!((head.status, &*head.body, head.content), (StatusCode::OK, "", answer.content), "{path}");
        let post = ask(&router, Method::POST, path, true).await;
        assert_eq!((post.status, &*post.cache), (StatusCode::METHOD_NOT_ALLOWED, "no-store"), "{path}");
    }
    assert_eq!(get(&router, "/livez").await.body, "alive");
    assert_eq!(get(&router, "/readyz").await.body, "up");
    assert_eq!(get(&router, "/health").await.json(), json!({"status": "up", "phase": "serving"}));
}

#[tokio::test(start_paused = true)]
async fn liveness_does_not_change_when_every_dependency_is_down_and_asks_none() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let health = Health::builder()
        .required("database", 60 * SECOND, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            pending()
        })
        .required("audit", SECOND, || -> Ready<_> { panic!("a bug") })
        .optional("mail", SECOND, || ready(Err(Unhealthy::because("away"))))
        .watch("breaker", "sms", || panic!("a bug"))
        .build()
        .unwrap();
    let router = guarded(&health);
    // Not even a moment of the paused clock passes.
    let answer = time_out(Duration::ZERO, get(&router, "/livez")).await.unwrap();
    assert_eq!((answer.status, &*answer.body, asked.load(Ordering::SeqCst)), (StatusCode::OK, "alive", 0));
    let (not_ready, alive) = tokio::join!(get(&router, "/readyz"), get(&router, "/livez"));
    assert_eq!((not_ready.status, alive.status), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn liveness_outlives_the_stop() {
    let shutdown = Shutdown::builder().stage("http", SECOND).build().unwrap();
    let router = guarded(&Health::builder().shutdown(&shutdown).build().unwrap());
    shutdown.begin();
    shutdown.drain().await;
    assert_eq!(get(&router, "/livez").await.status, StatusCode::OK);
    let answer = get(&router, "/readyz").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::SERVICE_UNAVAILABLE, "stopping"));
}

#[tokio::test(start_paused = true)]
async fn readiness_goes_before_the_listener_stops_and_requests_are_finished() {
    let shutdown = Shutdown::builder().notice(5 * SECOND).stage("http", 20 * SECOND).build().unwrap();
    let http = shutdown.stage("http").unwrap();
    let health = Health::builder().shutdown(&shutdown).build().unwrap();
    let router = guarded(&health);
    // Two requests come in; one ends in time, one does not.
    let quick = http.spawn("request", sleep(15 * SECOND)).unwrap();
    let endless = http.spawn("request", pending::<()>()).unwrap();
    let listener = tokio::spawn(http.until_stopping());
    shutdown.begin();
    let draining = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.drain().await }
    });
    sleep(4 * SECOND).await;
    assert_eq!(get(&router, "/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!listener.is_finished(), "the listener stopped before the notice was over");
    assert!(http.enter("request").is_ok());
    sleep(2 * SECOND).await;
    assert!(listener.is_finished() && http.enter("request").is_err());
    let report = draining.await.unwrap();
    assert_eq!(quick.await.unwrap(), Ok(()));
    assert!(endless.await.unwrap().is_err());
    assert_eq!((report.stages[0].finished, &*report.stages[0].cut_off), (1, &[("request", 1)][..]));
    assert_eq!(report.took, 25 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_unready_program_says_when_to_ask_again() {
    for (keep, retry_after) in [(100, "1"), (1_000, "1"), (1_001, "2"), (30_000, "30"), (u64::MAX, "3600")] {
        let health = Health::builder()
            .required("database", SECOND, || ready(Err(Unhealthy::because("away"))))
            .keep(Duration::from_millis(keep))
            .build()
            .unwrap();
        let router = guarded(&health);
        for path in ["/readyz", "/health", "/health/api", "/health/detailed"] {
            let answer = get(&router, path).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(
                (answer.retry_after.as_deref(), &*answer.cache),
                (Some(retry_after), "no-store"),
                "{path}"
            );
        }
        assert_eq!(get(&router, "/readyz").await.body, "down");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_degrades_and_serves() {
    let breaker = CircuitBreaker::builder("sms")
        .consecutive(2)
        .probes(1)
        .open_for(10 * SECOND)
        .open_jitter(0.0)
        .build()
        .unwrap();
    let health = Health::builder()
        .required("database", SECOND, || ready(Ok(())))
        .component(breaker.clone())
        .build()
        .unwrap();
    let router = guarded(&health);
    assert_eq!(get(&router, "/readyz").await.body, "up");
    for _ in 0..2 {
        let failed =
            breaker.call(ready(Err::<(), _>(std::io::Error::other("the patient's number is 0123")))).await;
        assert!(failed.is_err());
    }
    advance(4 * SECOND).await;
    let answer = get(&router, "/readyz").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "degraded"));
    let answer = get(&router, "/health/detailed").await;
    assert!(!answer.body.contains("0123"), "an error's text is on the page");
    let page = answer.json();
    let component = &page["components"][0];
    let told = |name: &str| component[name].clone();
    assert_eq!(
        (told("kind"), told("name"), told("status")),
        (json!("breaker"), json!("sms"), json!("degraded"))
    );
    assert_eq!((told("state"), told("last_failure")), (json!("open"), json!("transient")));
    assert_eq!(
        (&component["readings"]["failed"], &component["readings"]["open_seconds"]),
        (&json!(2.0), &json!(6.0))
    );
    // The probe that closes it comes in, because the program stayed ready.
    advance(10 * SECOND).await;
    assert!(breaker.call(ready(Ok::<_, std::io::Error>(()))).await.is_ok());
    assert_eq!(get(&router, "/readyz").await.body, "up");
    breaker.disable();
    assert_eq!(get(&router, "/readyz").await.body, "degraded");
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_is_told_and_does_not_degrade() {
    let bulkhead = Bulkhead::builder("sms").max_calls(1).max_waiting(5).max_wait(SECOND).build().unwrap();
    let health = Health::builder().component(bulkhead.clone()).build().unwrap();
    let word = async || health.readiness().await.components[0].condition.word;
    assert_eq!(word().await, "room");
    let _held = bulkhead.try_acquire().unwrap();
    assert_eq!(word().await, "full");
    let mut waiting = Box::pin(bulkhead.acquire());
    assert!((&mut waiting).now_or_never().is_none());
    let report = health.readiness().await;
    assert_eq!((report.components[0].condition.word, report.state), ("queueing", State::Up));
    assert_eq!(
        report.components[0].condition.readings,
        [("in_flight", 1.0), ("waiting", 1.0), ("max_calls", 1.0)]
    );
}

#[tokio::test(start_paused = true)]
async fn details_are_for_those_whom_the_guard_lets_through() {
    let health = healthy();
    let open: Router = health.router();
    assert_eq!(get(&open, "/health/detailed").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&open, "/health/api").await.json(), json!({"status": "pass"}));
    let router = guarded(&health);
    let stranger = ask(&router, Method::GET, "/health/detailed", false).await;
    assert_eq!((stranger.status, &*stranger.cache), (StatusCode::FORBIDDEN, "no-store"));
    assert!(!stranger.body.contains("database"));
    let stranger = ask(&router, Method::GET, "/health/api", false).await;
    assert_eq!((stranger.status, stranger.json()), (StatusCode::OK, json!({"status": "pass"})));
    for path in ["/livez", "/readyz", "/health"] {
        assert!(!ask(&router, Method::GET, path, false).await.body.contains("database"), "{path}");
    }
    assert!(get(&router, "/health/api").await.body.contains("database"));
}

#[tokio::test(start_paused = true)]
async fn the_detailed_page_holds_what_an_operator_needs() {
    let shutdown = Shutdown::builder().stage("http", SECOND).build().unwrap();
    let start = Start::new(&shutdown);
    let is_up = Arc::new(AtomicBool::new(false));
    let asked = is_up.clone();
    let health = Health::builder()
        .required("database", SECOND, || ready(Ok(())))
        .optional("mail", 2 * SECOND, move || {
            let is_up = asked.load(Ordering::SeqCst);
            async move {
                sleep(SECOND / 4).await;
                if is_up { Ok(()) } else { Err(Unhealthy::because("refuses the \"password\"")) }
            }
        })
        .start(&start)
        .shutdown(&shutdown)
        .build()
        .unwrap();
    let router = guarded(&health);
    start.step(Step::new("database", SECOND), || ready(Ok::<_, Unhealthy>(()))).await.unwrap();
    let page = get(&router, "/health/detailed").await.json();
    assert_eq!((&page["status"], &page["phase"]), (&json!("down"), &json!("starting")));
    assert_eq!(page["start"], json!([{"name": "database", "state": "done", "tries": 1, "took_ms": 0}]));
    start.ready();
    is_up.store(true, Ordering::SeqCst);
    advance(10 * SECOND).await;
    let _request = shutdown.stage("http").unwrap().enter("request").unwrap();
    let page = get(&router, "/health/detailed").await.json();
    assert_eq!(
        page,
        json!({
            "status": "up",
            "phase": "serving",
            "uptime_seconds": 10,
            "checks": [
                {
                    "name": "database", "required": true, "status": "up", "reason": null, "age_ms": 0, "took_ms": 0,
                    "failures_in_row": 0, "last_failure": null
                },
                {
                    "name": "mail", "required": false, "status": "up", "reason": null, "age_ms": 0, "took_ms": 250,
                    "failures_in_row": 0,
                    "last_failure": {"class": "failed", "reason": "refuses the \"password\"", "ago_ms": 10_250}
                }
            ],
            "components": [],
            "start": [{"name": "database", "state": "done", "tries": 1, "took_ms": 0}],
            "in_flight": {"http": 1}
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_programmatic_form_has_the_fields_of_the_draft() {
    let is_up = Arc::new(AtomicBool::new(true));
    let asked = is_up.clone();
    let health = Health::builder()
        .required("database", 2 * SECOND, move || {
            let is_up = asked.load(Ordering::SeqCst);
            async move {
                sleep(SECOND / 4).await;
                if is_up { Ok(()) } else { Err(Unhealthy::because("away")) }
            }
        })
        .watch("breaker", "sms:eu", || Condition::degraded("open").reading("failures", 3.0))
        .keep(SECOND / 10)
        .build()
        .unwrap();
    let router = guarded(&health);
    let answer = get(&router, "/health/api").await;
    assert_eq!((answer.status, &*answer.content), (StatusCode::OK, "application/health+json"));
    let mut page = answer.json();
    assert_eq!((&page["status"], &page["notes"]), (&json!("warn"), &json!(["serving"])));
    for (_, entries) in page["checks"].as_object_mut().unwrap() {
        let time = entries[0].as_object_mut().unwrap().remove("time").unwrap();
        let time = time.as_str().unwrap();
        let shape: String = time.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00Z");
    }
    assert_eq!(
        page["checks"],
        json!({
            "database:responseTime": [
                {"componentType": "component", "observedValue": 250, "observedUnit": "ms", "status": "pass"}
            ],
            "sms_eu:breaker": [
                {"componentType": "component", "observedValue": "open", "status": "warn", "readings": {"failures": 3.0}}
            ],
            "uptime": [{"componentType": "system", "observedValue": 0, "observedUnit": "s", "status": "pass"}]
        })
    );
    is_up.store(false, Ordering::SeqCst);
    advance(SECOND).await;
    let answer = get(&router, "/health/api").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let page = answer.json();
    let database = &page["checks"]["database:responseTime"][0];
    assert_eq!(
        (&page["status"], &database["status"], &database["output"]),
        (&json!("fail"), &json!("fail"), &json!("away"))
    );
}

#[tokio::test]
async fn the_routes_fit_into_a_router_of_any_state() {
    let health = healthy();
    let with_state: Router<u8> = Router::new().merge(health.router());
    let nested: Router = Router::new().nest("/internal", with_state.with_state(7)).merge(guarded(&health));
    assert_eq!(get(&nested, "/internal/livez").await.status, StatusCode::OK);
    assert_eq!(get(&nested, "/internal/readyz").await.status, StatusCode::OK);
    assert_eq!(get(&nested, "/health/detailed").await.status, StatusCode::OK);
}
