//! What a restart does not forget, and what a second start does not do again.

use super::{
    client::{Client, sign_in},
    site::Site,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr, os::unix::fs::PermissionsExt};

fn me(address: SocketAddr, tokens: &Value) -> u16 {
    Client::with_token(address, tokens["access_token"].as_str().unwrap()).get("/api/v1/me").unwrap().status()
}

fn refresh(address: SocketAddr, tokens: &Value) -> (u16, Value) {
    let answer = Client::new(address)
        .post("/api/v1/auth/refresh", &json!({"refresh_token": tokens["refresh_token"]}))
        .unwrap();
    (answer.status(), answer.json())
}

fn tokens_over_a_restart(site: &Site) {
    let server = site.start();
    let at = server.address;
    let (ended, kept, used) = (sign_in(at, "doctor"), sign_in(at, "doctor"), sign_in(at, "nurse"));
    assert_eq!(me(at, &ended), 200);
    let mut client = Client::with_token(at, ended["access_token"].as_str().unwrap());
    client.post("/api/v1/auth/logout", &json!({})).unwrap().expect(204);
    assert_eq!(me(at, &ended), 401, "signed out");
    let (status, next) = refresh(at, &used);
    assert_eq!(status, 200);
    let (status, repeated) = refresh(at, &used);
    assert_eq!(
        (status, &repeated["refresh_token"]),
        (200, &next["refresh_token"]),
        "a lost answer is given again, and no second one"
    );
    server.kill();

    let server = site.start();
    let at = server.address;
    assert_eq!(me(at, &ended), 401, "signed out before the restart");
    assert_eq!(refresh(at, &ended).0, 401, "its refresh token as well");
    assert_eq!(me(at, &kept), 200, "another sign-in of the same user goes on");
    let (status, renewed) = refresh(at, &next);
    assert_eq!(status, 200);
    assert_eq!(me(at, &renewed), 200);
    assert_eq!(refresh(at, &used).0, 401, "a refresh token is used once");
    assert_eq!(refresh(at, &renewed).0, 401, "used twice, it ends the sign-in");
    server.stop();

    let server = site.start();
    assert_eq!(me(server.address, &renewed), 401, "ended before the restart");
    assert_eq!(me(server.address, &kept), 200);
    server.stop();
}

#[test]
fn a_signed_out_token_stays_refused_after_a_restart() {
    tokens_over_a_restart(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn a_signed_out_token_stays_refused_after_a_restart_on_postgres() {
    tokens_over_a_restart(&Site::postgres());
}

fn rows(site: &Site) -> BTreeMap<&'static str, i64> {
    [
        "clinic",
        "location",
        "service",
        "practitioner",
        "patient",
        "appointment",
        "claim",
        "subject_key",
        "scope_key",
        "blind_index",
    ]
    .map(|table| (table, site.number(&format!("SELECT count(*) FROM {table}"))))
    .into()
}

fn seeded_once(site: &Site) {
    let server = site.start();
    assert!(server.process.err.text().contains("fresh=true"), "{}", server.process.err.text());
    let first = rows(site);
    assert_eq!((first["clinic"], first["patient"], first["practitioner"]), (2, 8, 6));
    let mut doctor = Client::signed_in(server.address, "doctor");
    let me = doctor.get("/api/v1/me").unwrap().expect(200);
    server.stop();

    let server = site.start();
    assert!(server.process.err.text().contains("fresh=false"), "it says that it seeded nothing");
    assert_eq!(rows(site), first);
    let again = Client::signed_in(server.address, "doctor").get("/api/v1/me").unwrap().expect(200);
    assert_eq!((&me["id"], &me["profile"]), (&again["id"], &again["profile"]), "the same user");
    let (out, err) = (server.process.out.text(), server.process.err.text());
    assert!(out.contains("doctor@harbour.example") && out.contains(clinic_server::seed::DEMO_PASSWORD));
    let key = std::fs::read_to_string(site.key_file()).unwrap();
    let secret = key.trim().split(':').next_back().unwrap();
    assert!(!out.contains(secret) && !err.contains(secret));
    server.stop();
}

#[test]
fn a_second_start_seeds_nothing() {
    seeded_once(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn a_second_start_seeds_nothing_on_postgres() {
    seeded_once(&Site::postgres());
}

#[test]
fn the_data_directory_and_the_keys_are_their_owners_alone() {
    let site = Site::sqlite();
    site.start().stop();
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(site.data()), 0o700);
    assert_eq!(mode(site.key_file()), 0o600);
}
