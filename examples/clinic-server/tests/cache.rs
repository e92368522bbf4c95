//! What one process remembers by itself, and what operators see of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    commands::{Running, start_as},
    config::OpsConfig,
    wiring::Process,
};
use common::{Client, HARBOUR, Site};
use serde_json::json;
use std::time::{Duration, Instant};

const PATIENTS: &str = "/api/v1/patients";

fn hits(running: &Running, cache: &str) -> u64 {
    let counted = running.server.app.caches.statistics();
    counted.iter().find(|counted| counted.name == cache).map_or(0, |counted| counted.hits)
}

async fn first_patient(client: &Client) -> String {
    client.get(PATIENTS).await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_alone_gives_what_was_written_last() {
    let site = Site::sqlite();
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let path = format!("{PATIENTS}/{}", first_patient(&desk).await);
    for round in 1..=20 {
        let known = desk.get(&path).await.expect(200).json();
        let before = hits(&running, "patient");
        let end = Instant::now() + Duration::from_secs(60);
        // The outbox purges once more, a moment after each write.
        while hits(&running, "patient") == before {
            assert_eq!(desk.get(&path).await.expect(200).json(), known);
            assert!(Instant::now() < end, "round {round}: nothing is remembered");
        }
        let given = format!("Ada the {round}.");
        desk.patch(&path, &json!({"version": known["version"], "given": given})).await.expect(200);
        assert_eq!(desk.get(&path).await.expect(200).json()["given"], given);
    }
    running.stop().await;
}

/// A row that is remembered is decided about, and recorded, like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_is_shown_to_those_alone_who_may_see_it() {
    let site = Site::sqlite();
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let path = format!("{PATIENTS}/{}", first_patient(&nurse).await);
    nurse.get(&path).await.expect(200);
    nurse.get(&path).await.expect(200);
    assert!(hits(&running, "patient") > 0);
    let elsewhere = Client::signed_in(running.address, "nurse@hill.example").await;
    elsewhere.get(&path).await.expect(404);
    let auditor = Client::signed_in(running.address, "auditor@harbour.example").await;
    auditor.get(&path).await.expect(403);
    let entries = auditor.get("/api/v1/audit?limit=200").await.expect(200).json();
    let reads = entries["items"].as_array().unwrap().iter();
    let reads = reads.filter(|entry| entry["action"] == "read" && entry["kind"] == "patient");
    assert!(reads.count() >= 3, "{entries}");
    running.stop().await;
}

on_both_databases!(one_of_several_processes_without_a_redis_remembers_nothing);

async fn one_of_several_processes_without_a_redis_remembers_nothing(site: Site) {
    let running = start_as(&site.config, Process::Serve).await.unwrap_or_else(|error| panic!("{error}"));
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    nurse.get(&format!("{PATIENTS}/{}", first_patient(&nurse).await)).await.expect(200);
    assert!(running.server.app.caches.statistics().is_empty());
    let told = format!("{:?}", running.server.app.health.details().await);
    assert!(told.contains("\"off\"") && !told.contains("\"alone\""), "{told}");
    running.stop().await;
}

/// A second one on the same database is nowhere announced, and would be told of nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn on_postgres_nobody_remembers_anything_without_a_redis() {
    let running = Site::postgres().await.start().await;
    assert!(running.server.app.caches.statistics().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_how_good_it_is_and_make_it_forget() {
    let mut site = Site::sqlite();
    let token = "0123456789abcdef0123456789abcdef".to_owned();
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: Some(token.clone()) });
    let running = site.start().await;
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let patient = first_patient(&nurse).await;
    let path = format!("{PATIENTS}/{patient}");
    for _ in 0..4 {
        nurse.get(&path).await.expect(200);
    }
    let stranger = Client::new(running.ops.unwrap());
    let operator = stranger.with_token(&token);
    let purge = json!({"subject": {"clinic": HARBOUR, "subject": patient}});
    stranger.get("/cache/caches").await.expect(401);
    stranger.post("/cache/purge", &purge).await.expect(401);

    let shown = operator.get("/cache/caches").await.expect(200).json();
    let of_patients = shown["caches"].as_array().unwrap().iter().find(|cache| cache["name"] == "patient");
    let hit_ratio = of_patients.unwrap()["memory"]["hit_ratio"].as_f64().unwrap();
    assert!((0.5..1.0).contains(&hit_ratio), "{shown}");
    let metrics = operator.get("/metrics").await.expect(200).body;
    assert!(metrics.contains("cache_hit_ratio{cache=\"patient\"} 0."), "{metrics}");
    assert!(metrics.contains("cache_reads_total{cache=\"patient\",class=\"patient\",result=\"hit\"}"));
    let detailed = operator.get("/health/detailed").await.expect(200).body;
    assert!(detailed.contains("\"alone\"") && detailed.contains("hit_ratio"), "{detailed}");

    let before = hits(&running, "patient");
    assert!(before > 0);
    assert_eq!(operator.post("/cache/purge", &purge).await.expect(200).json(), json!({"reach": "everyone"}));
    nurse.get(&path).await.expect(200);
    assert_eq!(hits(&running, "patient"), before, "it was forgotten");
    let auditor = Client::signed_in(running.address, "auditor@harbour.example").await;
    let entries = auditor.get(&format!("/api/v1/audit?patient_id={patient}")).await.expect(200);
    assert!(entries.body.contains("cache-purged-subject"), "{}", entries.body);
    running.stop().await;
}

/// A page of somebody else's, in the browser of who sits at the server: by a name that points here, or blindly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_somebody_elses_is_no_operator() {
    let mut site = Site::sqlite();
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: None });
    let running = site.start().await;
    let operator = Client::new(running.ops.unwrap());
    let purge = json!({"clinic": {"clinic": HARBOUR}});
    for (name, value) in
        [("host", "rebound.example"), ("origin", "https://rebound.example"), ("origin", "null")]
    {
        let page = operator.with(name, value);
        page.post("/cache/purge", &purge).await.expect(421);
        page.get("/metrics").await.expect(421);
    }
    let port = running.ops.unwrap().port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
        operator.with("host", &host).get("/cache/caches").await.expect(200);
    }
    operator
        .post("/cache/purge", &json!({"subject": {"clinic": HARBOUR, "subject": HARBOUR}}))
        .await
        .expect(200);
    // A token shows that it is meant, whatever the server is called.
    running.stop().await;
    let token = "0123456789abcdef0123456789abcdef".to_owned();
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: Some(token.clone()) });
    let running = site.start().await;
    let operator = Client::new(running.ops.unwrap()).with_token(&token);
    operator.with("host", "clinic.example").get("/metrics").await.expect(200);
    running.stop().await;
}
