//! Killed at random moments: every read that was disclosed is in the log.

use super::{client::Client, client::sign_in, deep, log, poll, random, server::Server, site::Site};
use healthcare_audit::Entry;
use healthcare_core::Outcome;
use serde_json::Value;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What a client was shown: by which request, and whose data.
struct Disclosed {
    correlation: String,
    subjects: Vec<String>,
}

#[derive(Default)]
struct Notes {
    all: Mutex<Vec<Disclosed>>,
    count: AtomicUsize,
}

impl Notes {
    fn add(&self, correlation: String, subjects: Vec<String>) {
        self.all.lock().unwrap().push(Disclosed { correlation, subjects });
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reads patients, and now and then the list of them, until the server is gone.
fn read_on(address: SocketAddr, token: &str, patients: &[String], notes: &Notes) {
    let mut client = Client::with_token(address, token);
    for round in random(8).. {
        let list = round % 8 == 0;
        let patient = &patients[usize::try_from(random(patients.len() as u64)).unwrap()];
        let path = if list { "/api/v1/patients".to_owned() } else { format!("/api/v1/patients/{patient}") };
        // The head alone counts as disclosed: the kernel may have the rest of it on its way already.
        let Ok(head) = client.ask(&path) else { return };
        if head.status == 200 && !list {
            notes.add(head.correlation(), vec![patient.clone()]);
        }
        let Ok(body) = client.body(&head) else { return };
        if head.status == 200 && list {
            let page: Value = serde_json::from_slice(&body).unwrap();
            let ids =
                page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
            notes.add(head.correlation(), ids.collect());
        }
        assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&body));
    }
}

/// One life of the server: it is killed after so many further answers.
fn life(server: Server, token: &str, patients: &[String], notes: &Notes, clients: usize, answers: usize) {
    let address = server.address;
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(move || read_on(address, token, patients, notes));
        }
        let end = notes.count.load(Ordering::SeqCst) + answers;
        poll("the answers", || (notes.count.load(Ordering::SeqCst) >= end).then_some(()));
        server.kill();
    });
}

fn assert_recorded(notes: &Notes, entries: &[Entry]) {
    let mut of: HashMap<String, Vec<&Entry>> = HashMap::new();
    entries.iter().for_each(|entry| of.entry(entry.id.correlation.to_string()).or_default().push(entry));
    let notes = notes.all.lock().unwrap();
    for note in notes.iter() {
        let found =
            of.get(&note.correlation).unwrap_or_else(|| panic!("{} is not in the log", note.correlation));
        let events = || found.iter().filter_map(|entry| entry.event.as_ref());
        for subject in &note.subjects {
            let recorded = events().any(|event| match &event.outcome {
                Outcome::Allowed => event.ask.target.is_some_and(|id| id.to_string() == *subject),
                Outcome::Disclosed { subjects, .. } => subjects.iter().any(|id| id.to_string() == *subject),
                _ => false,
            });
            assert!(recorded, "{} disclosed {subject} without a record", note.correlation);
        }
        let taken_back = events()
            .any(|event| matches!(event.outcome, Outcome::NotFound | Outcome::Withheld | Outcome::Abandoned));
        assert!(!taken_back, "{} was disclosed, and the log says that it was not", note.correlation);
    }
    println!("{} answers, {} entries", notes.len(), entries.len());
}

fn killed_again_and_again(site: &Site) {
    let (clients, kills) = if deep() { (64, 200) } else { (16, 8) };
    let first = site.start();
    let patients = Client::signed_in(first.address, "nurse").ids("/api/v1/patients");
    first.stop();
    let notes = Notes::default();
    let mut signed_in = None;
    for _ in 0..kills {
        let server = site.start();
        // Tokens outlive a process; they do not outlive ten minutes.
        let token = match &signed_in {
            Some((at, token)) if Instant::now().duration_since(*at) < Duration::from_secs(300) => {
                String::clone(token)
            }
            _ => sign_in(server.address, "nurse")["access_token"].as_str().unwrap().to_owned(),
        };
        if signed_in.as_ref().is_none_or(|(_, known)| *known != token) {
            signed_in = Some((Instant::now(), token.clone()));
        }
        life(server, &token, &patients, &notes, clients, usize::try_from(random(300)).unwrap());
    }
    // What the last kill left behind is repaired by the next start, and nothing else.
    site.start().stop();
    log::assert_sound(site);
    assert_recorded(&notes, &log::entries(site, &site.data()));
}

#[test]
fn every_disclosed_read_survives_the_kill() {
    killed_again_and_again(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn every_disclosed_read_survives_the_kill_on_postgres() {
    killed_again_and_again(&Site::postgres());
}

#[test]
fn a_changed_entry_is_named_by_the_command() {
    let site = Site::sqlite();
    let server = site.start();
    Client::signed_in(server.address, "nurse").ids("/api/v1/patients");
    server.stop();
    log::assert_sound(&site);
    let segment =
        std::fs::read_dir(site.data().join("audit/serve")).unwrap().map(|file| file.unwrap().path());
    let segment =
        segment.into_iter().find(|path| path.extension().is_some_and(|end| end == "audit")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let mut process = site.run(&["audit", "verify"]);
    assert_eq!(process.wait().code(), Some(1));
    let said = process.out.whole();
    assert!(said.contains("entry ") && said.contains("changed"), "{said}");
}
