//! What a page's script asks by itself keeps no sign-in alive, by a clock that is moved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "pages/browser.rs"]
mod browser;
mod common;

use browser::Browser;
use clinic_server::{
    api, http, pages,
    seed::seed,
    wiring::{Process, Server, wire_with},
};
use common::{Answer, Site};
use healthcare_core::ManualClock;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

async fn served(site: &Site) -> (Server, SocketAddr, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at("2026-03-02T08:00:00Z".parse().unwrap()));
    let server = wire_with(&site.config, Process::All, Arc::clone(&clock) as _).await.unwrap();
    seed(&server.app).await.unwrap();
    let router = http::wrap(api::routes(&server.app).merge(pages::routes()), Arc::clone(&server.app));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    (server, address, clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_nobody_sits_at_is_signed_out() {
    let site = Site::sqlite();
    let (server, address, clock) = served(&site).await;
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

/// A refresh token is good once: what came of it must reach the browser also where the page it was spent for did not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_sign_in_is_kept_whatever_the_answer() {
    let site = Site::sqlite();
    let (server, address, clock) = served(&site).await;
    let mut nurse = Browser::at(address);
    nurse.sign_in("nurse@harbour.example").await;
    let csrf = browser::token(&nurse.get("/board").await.expect(200));
    let set = |answer: &Answer| {
        let cookies = answer.headers.iter().filter(|(name, _)| name == "set-cookie");
        let mut pairs: Vec<_> = cookies
            .map(|(_, cookie)| cookie.split(';').next().unwrap().split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), !value.is_empty()))
            .collect();
        pairs.sort();
        pairs
    };
    let renewed = [("clinic".to_owned(), true), ("clinic-refresh".to_owned(), true)];
    for (path, status) in
        [("/board/nobody", 404), ("/logger", 403), ("/board?day=yesterday", 422), ("/board", 200)]
    {
        clock.advance(Duration::from_secs(660));
        assert_eq!(set(&nurse.get(path).await.expect(status)), renewed, "{path}");
    }
    clock.advance(Duration::from_secs(660));
    let forged = nurse.form("/board/x/start", &[("csrf", "x"), ("version", "1")]).await.expect(403);
    assert_eq!(set(&forged), renewed);
    // Who signs out with the last of a sign-in is signed out, and not given another.
    clock.advance(Duration::from_secs(660));
    let out = nurse.form("/sign-out", &[("csrf", csrf.as_str())]).await.expect(303);
    let over = ["clinic", "clinic-refresh", "clinic-seed"].map(|name| (name.to_owned(), false));
    assert_eq!(set(&out), over);
    server.database.close().await;
}
