//! What the edge keeps out, what it says then, and what it tells operators and nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::config::{EdgeLimits, OpsConfig, Rate, RatePeriod, Requests};
use common::{Answer, Client, Site, send_bytes};
use healthcare_resilience::{BreakerState, Priority};

const PATIENTS: &str = "/api/v1/patients";

fn hourly(requests: u32) -> Rate {
    Rate { requests, per: RatePeriod::Hour }
}

fn site(change: impl FnOnce(&mut EdgeLimits)) -> Site {
    let mut site = Site::sqlite();
    change(&mut site.config.limits);
    site
}

/// The seconds after which it may be tried again.
#[track_caller]
fn wait(answer: &Answer) -> u64 {
    answer.header("retry-after").expect("it is said when to come again").parse().unwrap()
}

fn all<'a>(answer: &'a Answer, name: &str) -> Vec<&'a str> {
    answer.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_has_had_their_share_waits_and_nobody_else() {
    let site = site(|limits| limits.user = hourly(3));
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let first = nurse.get(PATIENTS).await.expect(200);
    assert_eq!(
        all(&first, "ratelimit-policy"),
        ["\"user\";q=3;w=3600", "\"clinic\";q=30000;w=60", "\"address\";q=12000;w=60"]
    );
    assert!(all(&first, "ratelimit")[0].starts_with("\"user\";r=2;t="), "{first:?}");
    nurse.get(PATIENTS).await.expect(200);
    nurse.get(PATIENTS).await.expect(200);
    let over = nurse.get(PATIENTS).await.expect(429);
    assert_eq!(over.code(), "RATE_LIMIT_EXCEEDED");
    assert!((1..=1200).contains(&wait(&over)), "{over:?}");
    assert!(all(&over, "ratelimit").iter().any(|told| told.starts_with("\"user\";r=0;t=")), "{over:?}");
    // On a page as on the API: it is one share.
    let cookie = format!("clinic={}", nurse.token.as_deref().unwrap());
    let page = Client::new(running.address).with("cookie", &cookie).get("/patients").await.expect(429);
    assert!(wait(&page) > 0 && page.body.contains("<html"));
    let doctor = Client::signed_in(running.address, "doctor@harbour.example").await;
    doctor.get("/api/v1/me").await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clinic_that_has_had_its_share_waits_and_no_other_clinic() {
    let site = site(|limits| limits.clinic = hourly(2));
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let doctor = Client::signed_in(running.address, "doctor@harbour.example").await;
    nurse.get("/api/v1/me").await.expect(200);
    doctor.get("/api/v1/me").await.expect(200);
    assert!(wait(&nurse.get("/api/v1/me").await.expect(429)) > 0);
    let hill = Client::signed_in(running.address, "nurse@hill.example").await;
    hill.get("/api/v1/me").await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_has_had_its_share_waits_and_probes_do_not() {
    let site = site(|limits| limits.address = hourly(2));
    let running = site.start().await;
    let nobody = Client::new(running.address);
    nobody.get(PATIENTS).await.expect(401);
    nobody.get("/sign-in").await.expect(200);
    let over = nobody.get(PATIENTS).await.expect(429);
    assert_eq!((over.code().as_str(), wait(&over) > 0), ("RATE_LIMIT_EXCEEDED", true));
    nobody.get("/sign-in").await.expect(429);
    for probe in ["/livez", "/readyz", "/health"] {
        nobody.get(probe).await.expect(200);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_matters_least_is_shed_first_and_emergencies_last() {
    let site = site(|limits| limits.requests = Requests(8));
    let running = site.start().await;
    let doctor = Client::signed_in(running.address, "doctor@harbour.example").await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let auditor = Client::signed_in(running.address, "auditor@harbour.example").await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let shedder = running.server.app.limits.shedder();
    let fill = |priority| std::iter::from_fn(move || shedder.try_acquire(priority).ok());
    let mut held: Vec<_> = fill(Priority::Background).collect();
    let shed = auditor.get("/api/v1/audit").await.expect(503);
    assert_eq!((shed.code().as_str(), wait(&shed) > 0), ("OVERLOADED", true));
    desk.get(PATIENTS).await.expect(200);
    held.extend(fill(Priority::Normal));
    assert_eq!(desk.get(PATIENTS).await.expect(503).code(), "OVERLOADED");
    doctor.get(PATIENTS).await.expect(200);
    held.extend(fill(Priority::Clinical));
    assert_eq!(doctor.get(PATIENTS).await.expect(503).code(), "OVERLOADED");
    // It is let in, and the policy decides: the glass is broken for nobody.
    let emergency = |client: &Client| client.with("x-purpose-of-use", "ETREAT");
    assert_eq!(emergency(&doctor).get(PATIENTS).await.expect(403).code(), "ACCESS_PURPOSE_DENIED");
    // Who may not break the glass has no emergencies, and neither has who only says so.
    assert_eq!(emergency(&nurse).get(PATIENTS).await.expect(503).code(), "OVERLOADED");
    assert_eq!(emergency(&desk).get(PATIENTS).await.expect(503).code(), "OVERLOADED");
    assert_eq!(emergency(&Client::new(running.address)).get(PATIENTS).await.expect(503).code(), "OVERLOADED");
    Client::new(running.address).get("/readyz").await.expect(200);
    drop(held);
    desk.get(PATIENTS).await.expect(200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_requests_are_told_at_once_when_to_come_again() {
    let mut site = Site::sqlite();
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: None });
    let running = site.start().await;
    let operator = Client::new(running.ops.unwrap());
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let database = running.server.app.limits.database().clone();
    running.server.database.close().await;
    let mut sent = 0;
    while database.try_acquire().is_ok() {
        let answer = nurse.get(PATIENTS).await.expect(503);
        assert!(wait(&answer) > 0);
        sent += 1;
        assert!(sent < 100, "the circuit does not open");
    }
    let refused = nurse.get(PATIENTS).await.expect(503);
    assert_eq!(refused.code(), "DATABASE_UNAVAILABLE");
    assert!((1..=6).contains(&wait(&refused)), "{refused:?}");
    // What needs no database goes on, and operators see why.
    nurse.get("/assets/clinic.css").await.expect(200);
    nurse.get("/livez").await.expect(200);
    let seen = operator.get("/health/detailed").await.expect(503).json();
    let text = seen.to_string();
    assert!(
        text.contains("\"breaker\"") && text.contains("\"open\"") && text.contains("\"database\""),
        "{text}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_else_is_away_says_nothing_of_the_database() {
    let site = Site::sqlite();
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    running.server.app.audit.close().unwrap();
    for _ in 0..40 {
        assert_eq!(nurse.get(PATIENTS).await.expect(503).code(), "AUDIT_UNAVAILABLE");
    }
    assert_eq!(running.server.app.limits.database().state(), BreakerState::Closed);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let site = Site::sqlite();
    let running = site.start().await;
    let said = "POST /api/v1/patients HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n";
    let answer = send_bytes(running.address, said.as_bytes()).await.expect(413);
    assert_eq!(answer.code(), "REQUEST_TOO_LARGE");
    let head = format!("GET /livez HTTP/1.1\r\nhost: t\r\nx-long: {}\r\n\r\n", "x".repeat(40 << 10));
    send_bytes(running.address, head.as_bytes()).await.expect(431);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_from_elsewhere_call_only_where_their_origin_is_named() {
    let mut site = Site::sqlite();
    let plain = site.start().await;
    let portal = |client: &Client| client.with("origin", "https://portal.example");
    let preflight = |client: &Client| client.with("access-control-request-method", "GET");
    let answer = portal(&Client::new(plain.address)).get("/livez").await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    plain.stop().await;
    site.config.allowed_origins = vec!["https://portal.example".parse().unwrap()];
    let running = site.start().await;
    let client = Client::new(running.address);
    let asked = preflight(&portal(&client)).send("OPTIONS", PATIENTS, "", b"").await.expect(200);
    assert_eq!(asked.header("access-control-allow-origin"), Some("https://portal.example"));
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    let allowed = asked.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("idempotency-key"), "{allowed}");
    let other = preflight(&client.with("origin", "https://other.example"));
    let asked = other.send("OPTIONS", PATIENTS, "", b"").await;
    assert_eq!(asked.header("access-control-allow-origin"), None);
    let refused = portal(&client).get(PATIENTS).await.expect(401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some("https://portal.example"),
        "its script reads the error"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_routes_and_no_ids_on_a_listener_of_their_own() {
    let mut site = Site::sqlite();
    let token = "0123456789abcdef0123456789abcdef".to_owned();
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: Some(token.clone()) });
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let patient = nurse.get(PATIENTS).await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned();
    nurse.get(&format!("{PATIENTS}/{patient}")).await.expect(200);
    nurse.get("/nowhere/Ashdown").await.expect(404);
    for path in ["/metrics", "/health/detailed", "/health/api"] {
        nurse.get(path).await.expect(404);
        let stranger = Client::new(running.ops.unwrap());
        stranger.get(path).await.expect(401);
        stranger.with_token(&format!("{token}x")).get(path).await.expect(401);
    }
    let operator = Client::new(running.ops.unwrap()).with_token(&token);
    let metrics = operator.get("/metrics").await.expect(200).body;
    for line in [
        "http_requests_total{route=\"/api/v1/patients/{id}\",method=\"GET\",status=\"200\"}",
        "http_requests_total{route=\"none\",method=\"GET\",status=\"404\"}",
        "http_request_seconds_bucket{route=\"/api/v1/patients\",method=\"GET\",le=\"30\"}",
        "resilience_calls_total{",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    assert!(!metrics.contains(&patient) && !metrics.contains("Ashdown"));
    let detailed = operator.get("/health/detailed").await.expect(200).body;
    assert!(detailed.contains("\"shedder\"") && detailed.contains("\"breaker\""), "{detailed}");
    assert!(operator.get("/health/api").await.expect(200).body.contains("\"pass\""));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_apis_page_shows_every_route_and_loads_nothing() {
    let site = Site::sqlite();
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    Client::new(running.address).get("/api-docs").await.expect(303);
    let cookie = format!("clinic={}", nurse.token.as_deref().unwrap());
    let page = Client::new(running.address).with("cookie", &cookie).get("/api-docs").await.expect(200);
    let document = nurse.get("/api-docs/openapi.json").await.expect(200).json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let title = format!("{} {path}</span>", method.to_uppercase());
            assert!(page.body.contains(&title), "{title}");
        }
    }
    assert!(
        !page.body.contains("<script") && !page.body.contains("style=") && !page.body.contains("//"),
        "{}",
        page.body
    );
    running.stop().await;
}
