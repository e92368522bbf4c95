//! What readiness says of the relay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::wiring::{Process, Server, wire_with};
use common::Site;
use healthcare_core::ManualClock;
use healthcare_resilience::{CheckReport, HealthReport, State};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

on_both_databases!(a_relay_that_has_stalled_is_degraded_and_no_more);

async fn wired(site: &Site) -> (Server, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(jiff::Timestamp::now()));
    let server = wire_with(&site.config, Process::All, Arc::clone(&clock) as _).await;
    (server.unwrap_or_else(|error| panic!("{error}")), clock)
}

fn relay_of(report: &HealthReport) -> &CheckReport {
    report.checks.iter().find(|check| check.name == "relay").expect("the relay is looked at")
}

/// The report once the relay is so: a result is used again for a second.
async fn until(server: &Server, state: State) -> HealthReport {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let report = server.app.health.readiness().await;
        if relay_of(&report).state == state {
            return report;
        }
        assert!(Instant::now() < end, "not {state}: {report:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_relay_that_has_stalled_is_degraded_and_no_more(site: Site) {
    let (server, clock) = wired(&site).await;
    let relay = server.relay.as_ref().unwrap();
    assert_eq!(until(&server, State::Up).await.state, State::Up, "one that has not begun yet");
    relay.pass().await.unwrap();
    clock.advance(Duration::from_secs(90));
    assert_eq!(relay_of(&until(&server, State::Up).await).reason, None);
    clock.advance(Duration::from_secs(1));
    let report = until(&server, State::Degraded).await;
    assert!(report.is_ready(), "requests are served without it");
    assert_eq!((report.state, relay_of(&report).reason), (State::Degraded, Some("has stalled")));
    relay.pass().await.unwrap();
    assert_eq!(until(&server, State::Up).await.state, State::Up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_that_cannot_be_read_is_said() {
    let (server, _) = wired(&Site::sqlite()).await;
    server.database.close().await;
    server.relay.as_ref().unwrap().pass().await.unwrap_err();
    let report = until(&server, State::Degraded).await;
    assert_eq!(relay_of(&report).reason, Some("cannot read the outbox"));
}
