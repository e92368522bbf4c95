//! Signals.

use super::{client::Client, poll, server::Server, site::Site};
use serde_json::json;

const LOGIN: &str = "/api/v1/auth/login";

fn credentials() -> String {
    json!({"email": "nurse@harbour.example", "password": clinic_server::seed::DEMO_PASSWORD}).to_string()
}

/// Until the server lets nobody in: it has heard the signal.
fn until_it_drains(server: &Server) {
    let closed = || match Client::new(server.address).get("/livez") {
        Err(_) => Some(()),
        Ok(answer) => (answer.status() == 503).then_some(()),
    };
    poll("the server to drain", closed);
}

fn drains(signal: &str) {
    let site = Site::sqlite();
    let server = site.start();
    let body = credentials();
    let mut client = Client::new(server.address);
    client.begin(LOGIN, body.len()).unwrap();
    server.process.signal(signal);
    until_it_drains(&server);
    let tokens = client.finish(&body).unwrap().expect(200);
    assert!(tokens["access_token"].is_string(), "the request in flight was answered");
    let mut process = server.process;
    assert_eq!(process.wait().code(), Some(0), "{}", process.err.text());
    assert!(process.err.whole().contains("clean=true"));
    super::log::assert_sound(&site);
    // Nothing is left locked, and the sign-in that was answered counts.
    let server = site.start();
    let mut nurse = Client::with_token(server.address, tokens["access_token"].as_str().unwrap());
    nurse.get("/api/v1/me").unwrap().expect(200);
    server.stop();
}

#[test]
fn ctrl_c_answers_what_is_in_flight_and_ends_well() {
    drains("INT");
}

#[test]
fn sigterm_answers_what_is_in_flight_and_ends_well() {
    drains("TERM");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let site = Site::sqlite();
    let server = site.start();
    let body = credentials();
    let mut client = Client::new(server.address);
    client.begin(LOGIN, body.len()).unwrap();
    server.process.signal("INT");
    until_it_drains(&server);
    let mut process = server.process;
    assert!(process.is_running(), "it waits for the request");
    process.signal("INT");
    assert_eq!(process.wait().code(), Some(130));
    assert!(client.finish(&body).is_err());
    site.start().stop();
    super::log::assert_sound(&site);
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let site = Site::sqlite();
    let server = site.start();
    let mut second = super::server::Process::spawn(&mut site.command(&site.data()));
    assert_eq!(second.wait().code(), Some(2));
    let said = second.err.whole();
    assert!(said.contains("audit log"), "{said}");
    Client::signed_in(server.address, "nurse").ids("/api/v1/patients");
    server.stop();
}
