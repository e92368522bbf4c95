//! What a page's script asks by itself keeps no sign-in alive, by a clock that is moved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "pages/browser.rs"]
mod browser;
mod common;

use browser::Browser;
use clinic_server::{
    api, http, pages,
    seed::seed,
    wiring::{Process, wire_with},
};
use common::Site;
use healthcare_core::ManualClock;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_nobody_sits_at_is_signed_out() {
    let site = Site::sqlite();
    let clock = Arc::new(ManualClock::at("2026-03-02T08:00:00Z".parse().unwrap()));
    let server = wire_with(&site.config, Process::All, Arc::clone(&clock) as _).await.unwrap();
    seed(&server.app).await.unwrap();
    let router = http::wrap(api::routes(&server.app).merge(pages::routes()), Arc::clone(&server.app));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    let (mut alone, mut attended) = (Browser::at(address), Browser::at(address));
    alone.sign_in("nurse@harbour.example").await;
    attended.sign_in("nurse@harbour.example").await;
    // Each look finds its access token over, and renews it.
    for _ in 0..5 {
        clock.advance(Duration::from_secs(660));
        alone.get_unattended("/board").await.expect(200);
        attended.get("/board").await.expect(200);
    }
    clock.advance(Duration::from_secs(660));
    attended.get("/board").await.expect(200);
    let over = alone.get_unattended("/board").await;
    assert_eq!((over.status, over.header("location")), (303, Some("/sign-in")), "nobody was there");
    server.database.close().await;
}
