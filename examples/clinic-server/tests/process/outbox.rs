//! Killed between the commit and the relay: what was committed arrives in the audit log, once.

use super::{client::Client, deep, log, poll, site::Site};
use healthcare_core::{Action, Outcome};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    thread,
};

const WAITING: &str = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL";

/// Registers patients from eight clients, and kills the server at the first answer: the relay has had no time, and seven more writes
/// are somewhere on their way. Returns the requests that were answered.
fn register_and_kill(site: &Site, round: usize) -> Vec<String> {
    let server = site.start();
    let token = Client::signed_in(server.address, "nurse").token();
    let (tell, told) = mpsc::channel();
    for client in 0..8 {
        let (tell, token, address) = (tell.clone(), token.clone(), server.address);
        thread::spawn(move || {
            let patient = json!({"family": "Ofthekill", "given": format!("Round{round}Client{client}")});
            if let Ok(answer) = Client::with_token(address, &token).post("/api/v1/patients", &patient) {
                assert_eq!(answer.status(), 201);
                // Nobody listens any more when the server was killed by an earlier answer.
                let _ = tell.send(answer.head.correlation());
            }
        });
    }
    drop(tell);
    let first = told.recv().expect("an answer");
    server.kill();
    std::iter::once(first).chain(told).collect()
}

fn killed_before_the_relay(site: &Site) {
    let rounds = if deep() { 40 } else { 4 };
    let mut acknowledged = BTreeSet::new();
    let mut cut_off = 0;
    for round in 0..rounds {
        acknowledged.extend(register_and_kill(site, round));
        cut_off += site.number(WAITING);
    }
    assert!(cut_off > 0, "no round killed the server before the relay");
    if !deep() {
        // A relay that died holds what it had leased for a minute. Say that the minute is over.
        let past = "UPDATE outbox SET due_at = created_at WHERE delivered_at IS NULL";
        site.execute(past);
    }
    let server = site.start();
    poll("the outbox to drain", || (site.number(WAITING) == 0).then_some(()));
    server.stop();
    log::assert_sound(site);

    let mut written: BTreeMap<String, u32> = BTreeMap::new();
    let mut requests = BTreeSet::new();
    for entry in log::entries(site, &site.data()) {
        let event = entry.event.unwrap();
        if event.ask.action == Action::Create
            && event.ask.kind == "patient"
            && matches!(event.outcome, Outcome::Written { .. })
        {
            *written.entry(event.ask.target.unwrap().simple().to_string()).or_default() += 1;
            requests.insert(event.id.correlation.to_string());
        }
    }
    assert!(written.values().all(|times| *times == 1), "each outcome is in the log once: {written:?}");
    let id = if site.is_postgres() { "replace(id::text, '-', '')" } else { "lower(hex(id))" };
    let stored: BTreeSet<_> = site.column(&format!("SELECT {id} FROM patient")).into_iter().collect();
    assert_eq!(
        written.keys().cloned().collect::<BTreeSet<_>>(),
        stored,
        "the log and the database name the same patients"
    );
    assert!(acknowledged.is_subset(&requests), "what was acknowledged is there");
    println!(
        "{} acknowledged, {} stored, {cut_off} outbox entries waited for a restart",
        acknowledged.len(),
        stored.len()
    );
}

#[test]
fn what_was_committed_before_a_kill_is_delivered_once() {
    killed_before_the_relay(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn what_was_committed_before_a_kill_is_delivered_once_on_postgres() {
    killed_before_the_relay(&Site::postgres());
}
