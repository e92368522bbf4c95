//! Several processes of one program on one database: which does what.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{commands::start_as, wiring::Process};
use common::{Client, Site};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

on_both_databases!(one_answers_and_the_other_works);

async fn one_answers_and_the_other_works(site: Site) {
    let serve = start_as(&site.config, Process::Serve).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(serve.server.relay.is_some(), "it is wired, and does not run");
    let desk = Client::signed_in(serve.address, "receptionist@harbour.example").await;
    let first = |path: &'static str| {
        let desk = desk.clone();
        async move { desk.get(path).await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned() }
    };
    let start = jiff::Zoned::now().date().nth_weekday(2, jiff::civil::Weekday::Wednesday).unwrap();
    let booking = json!({"patient_id": first("/api/v1/patients").await, "practitioner_id": first("/api/v1/practitioners").await,
        "location_id": first("/api/v1/locations").await, "service": "consultation",
        "start": format!("{start}T11:00:00"), "duration_minutes": 30});
    desk.post("/api/v1/appointments", &booking).await.expect(201);
    let relay = serve.server.relay.as_ref().unwrap();
    assert_eq!(relay.status().looked_at(), None);

    let worker = start_as(&site.config, Process::Worker).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(worker.server.relay.is_none(), "it runs");
    let nobody = Client::new(worker.address);
    nobody.get("/readyz").await.expect(200);
    for path in ["/api/v1/patients", "/sign-in", "/assets/clinic.css"] {
        nobody.get(path).await.expect(404);
    }
    let end = Instant::now() + Duration::from_secs(60);
    // Nothing is left for a second relay once the worker's has carried all of it.
    while !site_is_quiet(&site).await {
        assert!(Instant::now() < end, "the worker does not carry what the server wrote");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.stop().await;
    serve.stop().await;
}

async fn site_is_quiet(site: &Site) -> bool {
    use clinic_server::config::DatabaseConfig;
    use sqlx::{Connection, Row};
    let sql = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL";
    let waiting: i64 = match &site.config.database {
        DatabaseConfig::Sqlite(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
        }
        DatabaseConfig::Postgres { relay, .. } => {
            let mut connection = sqlx::PgConnection::connect(relay.expose()).await.unwrap();
            sqlx::query("SET search_path = main").execute(&mut connection).await.unwrap();
            sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
        }
    };
    waiting == 0
}
