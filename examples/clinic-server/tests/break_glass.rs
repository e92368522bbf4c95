//! Emergency access to one patient: opened for a reason and a quarter of an hour, to read, recorded, ended and reviewed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    api,
    config::{OpsConfig, Requests},
    http, pages,
    seed::seed,
    wiring::{Process, Server, wire_with},
};
use common::{Client, HARBOUR, Site};
use healthcare_audit::Query;
use healthcare_core::{ClinicId, ManualClock};
use healthcare_resilience::Priority;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

on_both_databases!(
    it_opens_one_chart_to_one_user_for_a_quarter_of_an_hour,
    nothing_is_opened_without_a_reason_a_role_and_a_patient_of_the_clinic,
    it_is_reviewed_by_somebody_else_once_it_is_over,
    a_repeated_beginning_begins_once,
    a_report_tells_of_one_opening_alone,
    nobody_has_more_than_eight_open_whatever_begins_at_once,
);

const REASON: &str = "Unconscious after a fall, nobody with her";

/// A server by a clock that the test moves.
struct Ward {
    address: SocketAddr,
    clock: Arc<ManualClock>,
    server: Server,
}

async fn ward(site: &Site) -> Ward {
    let clock = Arc::new(ManualClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
    let server = wire_with(&site.config, Process::All, Arc::clone(&clock) as _).await.unwrap();
    seed(&server.app).await.unwrap();
    let routes = api::routes(&server.app).merge(pages::routes());
    let router = http::wrap(routes, Arc::clone(&server.app));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    Ward { address, clock, server }
}

impl Ward {
    async fn signed_in(&self, role: &str) -> Client {
        Client::signed_in(self.address, &format!("{role}@harbour.example")).await
    }

    /// A patient whom no doctor treats.
    async fn patient(&self) -> String {
        let desk = self.signed_in("receptionist").await;
        let body = json!({"family": "Quillon", "given": "Test", "phone": "+1 202 555 0143"});
        let made = desk.post("/api/v1/patients", &body).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    async fn stop(self) {
        self.server.database.close().await;
    }
}

fn emergency(client: &Client) -> Client {
    client.with("x-purpose-of-use", "ETREAT")
}

async fn broken(client: &Client, patient: &str) -> Value {
    let path = format!("/api/v1/patients/{patient}/break-glass");
    client.post(&path, &json!({"reason": REASON})).await.expect(201).json()
}

async fn it_opens_one_chart_to_one_user_for_a_quarter_of_an_hour(site: Site) {
    let ward = ward(&site).await;
    let (patient, other) = (ward.patient().await, ward.patient().await);
    let path = format!("/api/v1/patients/{patient}");
    let doctor = ward.signed_in("doctor").await;
    doctor.get(&path).await.expect(403);
    assert_eq!(emergency(&doctor).get(&path).await.expect(403).code(), "ACCESS_PURPOSE_DENIED");
    let glass = broken(&doctor, &patient).await;
    assert_eq!((&glass["state"], &glass["reason"]), (&json!("open"), &json!(REASON)));
    assert_eq!(
        (&glass["starts"], &glass["ends"]),
        (&json!("2026-03-02T12:00:00Z"), &json!("2026-03-02T12:15:00Z"))
    );
    doctor.get(&path).await.expect(403);
    assert_eq!(emergency(&doctor).get(&path).await.expect(200).json()["family"], "Quillon");
    let record = emergency(&doctor).get(&format!("{path}/record")).await.expect(200).json();
    assert_eq!(record["hidden"], json!([]));
    // To read, and nobody else.
    let version = record["patient"]["version"].clone();
    let change = json!({"version": version, "given": "Other"});
    emergency(&doctor).patch(&path, &change).await.expect(403);
    emergency(&doctor).get(&format!("/api/v1/patients/{other}")).await.expect(403);
    emergency(&doctor).get("/api/v1/patients").await.expect(403);
    emergency(&doctor).post("/api/v1/patients/search", &json!({"family": "Quillon"})).await.expect(403);
    let chained = format!("/api/v1/patients/{other}/break-glass");
    emergency(&doctor).post(&chained, &json!({"reason": REASON})).await.expect(403);
    let radiologist = ward.signed_in("radiologist").await;
    emergency(&radiologist).get(&path).await.expect(403);
    let hill = Client::signed_in(ward.address, "doctor@hill.example").await;
    emergency(&hill).get(&path).await.expect(403);

    ward.clock.advance(Duration::from_secs(15 * 60 - 1));
    let doctor = ward.signed_in("doctor").await;
    emergency(&doctor).get(&path).await.expect(200);
    ward.clock.advance(Duration::from_secs(1));
    assert_eq!(emergency(&doctor).get(&path).await.expect(403).code(), "ACCESS_PURPOSE_DENIED");
    // Nor is its page let in before others any more.
    let cookie = format!("clinic={}", doctor.token.as_deref().unwrap());
    let page = Client::new(ward.address).with("cookie", &cookie);
    page.get(&format!("/patients/{patient}")).await.expect(403);
    let shedder = ward.server.app.limits.shedder();
    let held: Vec<_> = std::iter::from_fn(|| shedder.try_acquire(Priority::Clinical).ok()).collect();
    page.get(&format!("/patients/{patient}")).await.expect(503);
    drop(held);
    ward.stop().await;
}

async fn nothing_is_opened_without_a_reason_a_role_and_a_patient_of_the_clinic(site: Site) {
    let ward = ward(&site).await;
    let patient = ward.patient().await;
    let path = format!("/api/v1/patients/{patient}/break-glass");
    let good = json!({"reason": REASON});
    let doctor = ward.signed_in("doctor").await;
    for reason in ["", "asap", "..............", "because\u{7} of that", &"x".repeat(501)] {
        let refused = doctor.post(&path, &json!({"reason": reason})).await.expect(422);
        assert_eq!(refused.code(), "VALIDATION_FAILED", "{reason:?}");
        assert!(reason.len() < 5 || !refused.body.contains(reason));
    }
    doctor.post(&path, &json!({})).await.expect(400);
    for role in ["nurse", "receptionist", "compliance-officer", "super-admin", "patient", "lab-technician"] {
        ward.signed_in(role).await.post(&path, &good).await.expect(403);
    }
    let missing = format!("/api/v1/patients/{HARBOUR}/break-glass");
    assert_eq!(doctor.post(&missing, &good).await.expect(404).code(), "PATIENT_NOT_FOUND");
    let hill = Client::signed_in(ward.address, "doctor@hill.example").await;
    assert_eq!(hill.post(&path, &good).await.expect(404).code(), "PATIENT_NOT_FOUND", "as a missing one");
    emergency(&doctor).get(&format!("/api/v1/patients/{patient}")).await.expect(403);
    // Eight at once, and no more until one is over.
    for _ in 0..8 {
        broken(&doctor, &patient).await;
    }
    let over = doctor.post(&path, &good).await.expect(429);
    assert_eq!((over.code().as_str(), over.header("retry-after")), ("BREAK_GLASS_LIMIT", Some("60")));
    ward.stop().await;
}

async fn nobody_has_more_than_eight_open_whatever_begins_at_once(site: Site) {
    let ward = ward(&site).await;
    let patient = ward.patient().await;
    let doctor = ward.signed_in("doctor").await;
    let path = format!("/api/v1/patients/{patient}/break-glass");
    for _ in 0..7 {
        broken(&doctor, &patient).await;
    }
    // One place is left.
    for _ in 0..3 {
        let begun = (0..12).map(|_| {
            let (doctor, path) = (doctor.clone(), path.clone());
            tokio::spawn(async move { doctor.post(&path, &json!({"reason": REASON})).await })
        });
        let begun: Vec<_> = begun.collect();
        let mut made = Vec::new();
        for answer in begun {
            let answer = answer.await.unwrap();
            match answer.status {
                201 => made.push(answer.json()["id"].as_str().unwrap().to_owned()),
                _ => assert_eq!(answer.expect(429).code(), "BREAK_GLASS_LIMIT"),
            }
        }
        assert_eq!(made.len(), 1, "of twelve at once");
        // An end frees the place.
        let end = format!("/api/v1/break-glass/{}/end", made[0]);
        doctor.post(&end, &json!({})).await.expect(200);
    }
    ward.clock.advance(Duration::from_secs(15 * 60));
    let doctor = ward.signed_in("doctor").await;
    for _ in 0..8 {
        broken(&doctor, &patient).await;
    }
    ward.stop().await;
}

async fn it_is_reviewed_by_somebody_else_once_it_is_over(site: Site) {
    let ward = ward(&site).await;
    let patient = ward.patient().await;
    let doctor = ward.signed_in("doctor").await;
    let officer = ward.signed_in("compliance-officer").await;
    let glass = broken(&doctor, &patient).await;
    let id = glass["id"].as_str().unwrap();
    let (one, review) = (format!("/api/v1/break-glass/{id}"), format!("/api/v1/break-glass/{id}/review"));
    emergency(&doctor).get(&format!("/api/v1/patients/{patient}/record")).await.expect(200);

    ward.signed_in("nurse").await.get("/api/v1/break-glass").await.expect(403);
    ward.signed_in("radiologist").await.get(&one).await.expect(404);
    let waiting = officer.get("/api/v1/break-glass?unreviewed=true").await.expect(200).json();
    assert_eq!(waiting["items"][0]["reason"], REASON);
    let report = officer.get(&one).await.expect(200).json();
    let read: Vec<_> = report["accesses"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert!(read.contains(&&json!("read-chart")) && read.contains(&&json!("read")), "{report}");
    assert!(report["accesses"].as_array().unwrap().iter().all(|entry| entry["purpose"] == "ETREAT"));
    let audited = ward.signed_in("auditor").await.get(&one).await.expect(200).json();
    assert_eq!((audited.get("reason"), &audited["hidden"]), (None, &json!(["reason"])));
    let own = doctor.get(&one).await.expect(200).json();
    assert_eq!((own.get("accesses"), &own["reason"]), (None, &json!(REASON)));

    assert_eq!(officer.post(&review, &json!({})).await.expect(409).code(), "BREAK_GLASS_STATE", "it is open");
    // An officer ends it before its time, and at once.
    officer.post(&format!("{one}/end"), &json!({})).await.expect(200);
    emergency(&doctor).get(&format!("/api/v1/patients/{patient}")).await.expect(403);
    assert_eq!(doctor.post(&review, &json!({})).await.expect(403).code(), "BREAK_GLASS_OWN_REVIEW");
    ward.signed_in("auditor").await.post(&review, &json!({})).await.expect(403);
    let reviewed = officer.post(&review, &json!({})).await.expect(200).json();
    assert_eq!(reviewed["reviewed_at"], "2026-03-02T12:00:00Z");
    officer.post(&review, &json!({})).await.expect(409);
    let waiting = officer.get("/api/v1/break-glass?unreviewed=true").await.expect(200).json();
    assert_eq!(waiting["items"], json!([]));
    let all = officer.get("/api/v1/break-glass").await.expect(200).json();
    assert_eq!((&all["items"][0]["id"], &all["items"][0]["state"]), (&json!(id), &json!("ended")));

    // The log: that it was begun, as an emergency and why. The reason is in no answer about the log.
    let clinic: ClinicId = HARBOUR.parse().unwrap();
    let entries = ward.server.app.audit.read(&Query::new(clinic).limit(1_000)).unwrap().entries;
    let events: Vec<_> = entries.into_iter().filter_map(|entry| entry.event).collect();
    let begun =
        events.iter().find(|event| event.ask.kind == "break_glass" && event.ask.action.as_str() == "create");
    let begun = begun.unwrap();
    assert!(begun.emergency && begun.ask.subject.unwrap().to_string() == patient);
    assert_eq!(begun.justification.as_ref().unwrap().as_str(), REASON);
    let log = ward.signed_in("auditor").await.get("/api/v1/audit?limit=200").await.expect(200);
    assert!(log.body.contains("break_glass") && !log.body.contains(REASON));
    ward.stop().await;
}

async fn a_repeated_beginning_begins_once(site: Site) {
    let ward = ward(&site).await;
    let patient = ward.patient().await;
    let path = format!("/api/v1/patients/{patient}/break-glass");
    let doctor = ward.signed_in("doctor").await;
    let keyed = doctor.with("idempotency-key", "first");
    let (first, again) = (
        keyed.post(&path, &json!({"reason": REASON})).await.expect(201),
        keyed.post(&path, &json!({"reason": REASON})).await.expect(201),
    );
    assert_eq!((first.json(), again.header("idempotency-replayed")), (again.json(), Some("true")));
    let other = keyed.post(&path, &json!({"reason": "Something else altogether"})).await.expect(422);
    assert_eq!(other.code(), "IDEMPOTENCY_KEY_REUSED");
    let own = doctor.get("/api/v1/break-glass").await.expect(200).json();
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    let at = first.header("location").unwrap();
    assert_eq!(doctor.get(at).await.expect(200).json()["id"], first.json()["id"]);
    ward.stop().await;
}

async fn a_report_tells_of_one_opening_alone(site: Site) {
    let ward = ward(&site).await;
    let patient = ward.patient().await;
    let path = format!("/api/v1/patients/{patient}");
    let other = ward.patient().await;
    let (doctor, radiologist) = (ward.signed_in("doctor").await, ward.signed_in("radiologist").await);
    let mine = broken(&doctor, &patient).await;
    let theirs = broken(&radiologist, &patient).await;
    emergency(&doctor).get(&path).await.expect(200);
    // Another's reading, one of somebody else, and one that is no emergency, are no part of it.
    emergency(&radiologist).get(&format!("{path}/record")).await.expect(200);
    broken(&doctor, &other).await;
    emergency(&doctor).get(&format!("/api/v1/patients/{other}/record")).await.expect(200);
    doctor.get(&format!("{path}/record")).await.expect(403);
    ward.clock.advance(Duration::from_secs(20 * 60));
    let doctor = ward.signed_in("doctor").await;
    let later = broken(&doctor, &patient).await;
    let officer = ward.signed_in("compliance-officer").await;
    let read = async |glass: &Value| {
        let one = format!("/api/v1/break-glass/{}", glass["id"].as_str().unwrap());
        let report = officer.get(&one).await.expect(200).json();
        let accesses = report["accesses"].as_array().unwrap().iter();
        assert!(accesses.clone().all(|entry| entry["purpose"] == "ETREAT"), "{report}");
        let mut read: Vec<_> = accesses.map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
        read.dedup();
        read
    };
    assert_eq!(read(&mine).await, ["read"]);
    assert!(read(&theirs).await.contains(&"read-chart".to_owned()));
    assert_eq!(read(&later).await, [""; 0], "nothing was read through the second");
    // Who looks at the log is in it.
    let entries =
        ward.server.app.audit.read(&Query::new(HARBOUR.parse().unwrap()).limit(1_000)).unwrap().entries;
    let looks = entries.iter().filter_map(|entry| entry.event.as_ref()).filter(|event| {
        event.ask.kind == "audit" && matches!(event.outcome, healthcare_core::Outcome::Allowed)
    });
    assert_eq!(looks.count(), 3);
    ward.stop().await;
}

/// Whoever breaks the glass is let in when others are not, and so is the chart that it opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_is_let_in_before_everything_else_and_counted() {
    let mut site = Site::sqlite();
    site.config.limits.requests = Requests(8);
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: None });
    let running = site.start().await;
    let signed_in =
        async |role: &str| Client::signed_in(running.address, &format!("{role}@harbour.example")).await;
    let (doctor, desk) = (signed_in("doctor").await, signed_in("receptionist").await);
    let made =
        desk.post("/api/v1/patients", &json!({"family": "Quillon", "given": "Test"})).await.expect(201);
    let patient = made.json()["id"].as_str().unwrap().to_owned();
    let cookie = |client: &Client| {
        let cookie = format!("clinic={}", client.token.as_deref().unwrap());
        Client::new(running.address).with("cookie", &cookie)
    };
    let chart = format!("/patients/{patient}");
    let shedder = running.server.app.limits.shedder();
    let held: Vec<_> = std::iter::from_fn(|| shedder.try_acquire(Priority::Clinical).ok()).collect();
    cookie(&doctor).get(&chart).await.expect(503);
    let path = format!("/api/v1/patients/{patient}/break-glass");
    desk.post(&path, &json!({"reason": REASON})).await.expect(503);
    let glass = broken(&doctor, &patient).await;
    cookie(&doctor).get(&chart).await.expect(200);
    cookie(&doctor).get("/patients").await.expect(503);
    drop(held);
    let one = format!("/api/v1/break-glass/{}", glass["id"].as_str().unwrap());
    doctor.post(&format!("{one}/end"), &json!({})).await.expect(200);
    let held: Vec<_> = std::iter::from_fn(|| shedder.try_acquire(Priority::Clinical).ok()).collect();
    cookie(&doctor).get(&chart).await.expect(503);
    drop(held);
    signed_in("compliance-officer").await.post(&format!("{one}/review"), &json!({})).await.expect(200);
    desk.post(&path, &json!({"reason": REASON})).await.expect(403);
    let metrics = Client::new(running.ops.unwrap()).get("/metrics").await.expect(200).body;
    for step in ["begun", "refused", "ended", "reviewed"] {
        assert!(metrics.contains(&format!("break_glass_total{{step=\"{step}\"}}")), "{step} in {metrics}");
    }
    assert!(!metrics.contains(&patient));
    running.stop().await;
}
