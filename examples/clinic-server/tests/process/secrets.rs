//! A name that must be nowhere in clear.

use super::{client::Client, poll, server::Server, site::Site};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Long enough that no chance writes it, and no word of ours.
const CANARY: &str = "Quxwyvernhaldt";
/// In the idempotency key, which is no name but may say as much.
const KEY: &str = "key-of-Quxwyvernhaldt-1";

/// The forms in which it could have been written, in lower case but for base64.
fn forms() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let lower = CANARY.to_lowercase();
    let wide = |bytes: fn(u16) -> [u8; 2]| lower.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let any_case = vec![
        lower.clone().into_bytes(),
        hex(CANARY.as_bytes()),
        hex(lower.as_bytes()),
        hex(&little),
        hex(&big),
        little,
        big,
    ];
    // Of base64 the middle, wherever the name stands in what was encoded.
    let mut exact = Vec::new();
    for name in [CANARY.to_owned(), lower, CANARY.to_uppercase()] {
        for before in 0..3 {
            let coded = STANDARD_NO_PAD.encode([vec![b' '; before], name.as_bytes().to_vec()].concat());
            exact.push(coded.as_bytes()[4..coded.len() - 4].to_vec());
        }
    }
    (any_case, exact)
}

fn holds(bytes: &[u8]) -> bool {
    let (any_case, exact) = forms();
    let lower = bytes.to_ascii_lowercase();
    let within = |all: &[u8], part: &[u8]| all.windows(part.len()).any(|window| window == part);
    any_case.iter().any(|form| within(&lower, form)) || exact.iter().any(|form| within(bytes, form))
}

#[test]
fn the_search_finds_every_form() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    assert!(holds(format!("a {CANARY} b").as_bytes()));
    assert!(holds(CANARY.to_uppercase().as_bytes()));
    assert!(holds(&wide(&CANARY.to_uppercase())));
    for before in ["", "a", "ab", "abc"] {
        assert!(holds(STANDARD_NO_PAD.encode(format!("{before}{CANARY}, after")).as_bytes()), "{before}");
    }
    assert!(!holds(b"Quxwyvern haldt"));
}

fn files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn assert_no_file_holds_it(site: &Site) {
    let mut all = Vec::new();
    files(&site.data(), &mut all);
    assert!(all.len() >= 3, "{all:?}");
    for path in all {
        assert!(!holds(path.to_string_lossy().as_bytes()), "a file is named after it");
        // A file of SQLite's may go while the directory is read.
        let Ok(bytes) = fs::read(&path) else { continue };
        assert!(!holds(&bytes), "{} holds the name", path.display());
    }
}

/// Posts it, searches for it, books for it, changes it. Returns the patient.
fn speak_of_it(client: &mut Client) {
    let email = format!("{CANARY}@{CANARY}.example");
    let patient = json!({
        "family": CANARY, "given": format!("{CANARY} {CANARY}"), "birth_date": "1987-04-30", "gender": "female",
        "phone": "+1 555 0100", "email": email, "record_number": format!("{CANARY}-1").to_uppercase(),
        "address": {"lines": [format!("1 {CANARY} Street")], "city": CANARY},
    });
    let keyed = [("idempotency-key", KEY)];
    let made = client.send("POST", "/api/v1/patients", &keyed, Some(&patient)).unwrap().expect(201);
    let again = client.send("POST", "/api/v1/patients", &keyed, Some(&patient)).unwrap().expect(201);
    assert_eq!(made["id"], again["id"], "the answer was kept");
    let id = made["id"].as_str().unwrap().to_owned();
    for search in [
        json!({"family": CANARY}),
        json!({"given": CANARY}),
        json!({"email": email}),
        json!({"family": "Quxwyv"}),
    ] {
        let found = client.post("/api/v1/patients/search", &search).unwrap().expect(200);
        assert_eq!(found["items"][0]["id"], id.as_str(), "{search}");
    }
    let practitioner = client.ids("/api/v1/practitioners").remove(0);
    let location = client.ids("/api/v1/locations").remove(0);
    let start = jiff::Zoned::now().date().nth_weekday(2, jiff::civil::Weekday::Wednesday).unwrap();
    let booking = json!({"patient_id": id, "practitioner_id": practitioner, "location_id": location, "service": "consultation",
        "start": format!("{start}T11:00:00"), "duration_minutes": 30, "note": format!("{CANARY} is afraid of needles")});
    let booked = client
        .send("POST", "/api/v1/appointments", &[("idempotency-key", "another")], Some(&booking))
        .unwrap();
    let booked = booked.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/appointments/{booked}/cancel");
    client.post(&path, &json!({"reason": format!("{CANARY} moved away")})).unwrap().expect(200);
    let change = json!({"version": made["version"], "given": format!("{CANARY}ina")});
    client.send("PATCH", &format!("/api/v1/patients/{id}"), &keyed[..0], Some(&change)).unwrap().expect(200);
    client.get(&format!("/api/v1/patients/{id}/record")).unwrap().expect(200);
}

/// A request: method, path, headers, body.
type Asked<'a> = (&'a str, String, Vec<(&'a str, String)>, Option<Value>);

/// Sends it where it does not belong: no answer may say it back.
fn say_it_wrongly(client: &mut Client) {
    let patients = "/api/v1/patients";
    let wrong: Vec<Asked<'_>> = vec![
        ("GET", format!("{patients}/{CANARY}"), vec![], None),
        ("GET", format!("/api/v1/{CANARY}"), vec![], None),
        ("GET", format!("/{CANARY}"), vec![], None),
        ("GET", format!("{patients}?limit={CANARY}"), vec![], None),
        ("GET", format!("{patients}?after={CANARY}"), vec![], None),
        ("GET", format!("/api/v1/audit?patient_id={CANARY}"), vec![], None),
        ("GET", patients.into(), vec![("x-clinic-id", CANARY.into())], None),
        ("GET", patients.into(), vec![("x-purpose-of-use", CANARY.into())], None),
        (
            "POST",
            patients.into(),
            vec![],
            Some(json!({"family": CANARY, "given": CANARY, "birth_date": CANARY})),
        ),
        ("POST", patients.into(), vec![], Some(json!({"family": CANARY, "given": CANARY, "email": CANARY}))),
        ("POST", patients.into(), vec![], Some(json!({"family": CANARY, "given": CANARY, "gender": CANARY}))),
        (
            "POST",
            patients.into(),
            vec![],
            Some(json!({"family": CANARY, "given": CANARY, "record_number": format!(" {CANARY}\u{7}")})),
        ),
        ("POST", patients.into(), vec![], Some(json!({"family": CANARY, "given": CANARY, CANARY: 1}))),
        ("POST", patients.into(), vec![], Some(json!({"family": {CANARY: 1}, "given": CANARY}))),
        ("POST", patients.into(), vec![], Some(json!(CANARY))),
        ("POST", patients.into(), vec![], Some(json!({"family": format!("{CANARY}\u{0}"), "given": CANARY}))),
        (
            "POST",
            patients.into(),
            vec![("idempotency-key", KEY.into())],
            Some(json!({"family": CANARY, "given": "Other"})),
        ),
        ("POST", format!("{patients}/search"), vec![], Some(json!({"birth_date": CANARY}))),
        ("POST", format!("{patients}/search"), vec![], Some(json!({"family": CANARY.repeat(50)}))),
        (
            "POST",
            "/api/v1/appointments".into(),
            vec![],
            Some(json!({"patient_id": CANARY, "practitioner_id": CANARY,
            "location_id": CANARY, "service": CANARY, "start": CANARY})),
        ),
        ("POST", format!("/api/v1/appointments/{CANARY}/cancel"), vec![], Some(json!({}))),
        (
            "POST",
            "/api/v1/auth/login".into(),
            vec![],
            Some(json!({"email": format!("{CANARY}@harbour.example"), "password": CANARY})),
        ),
        ("POST", "/api/v1/auth/refresh".into(), vec![], Some(json!({"refresh_token": CANARY}))),
        ("POST", "/api/v1/auth/clinic".into(), vec![], Some(json!({"clinic_id": CANARY}))),
    ];
    for (method, path, headers, body) in wrong {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client.send(method, &path, &headers, body.as_ref()).unwrap();
        let said = answer.text();
        assert!((400..500).contains(&answer.status()), "{method} {path}: {said}");
        assert!(!holds(said.as_bytes()), "{method} {path} {body:?} says it back: {said}");
    }
    // Broken in the middle of it.
    client.raw("POST", patients, &[], &format!("{{\"family\": \"{CANARY}\", \"given\": {CANARY}}}")).unwrap();
    let answer = client.finish("").unwrap();
    assert_eq!(answer.status(), 400);
    assert!(!holds(answer.text().as_bytes()));
    // And from nobody, with a token that is none.
    let mut nobody = Client::with_token("127.0.0.1:1".parse().unwrap(), CANARY);
    nobody.move_to(client);
    let answer = nobody.get(&format!("{patients}/{CANARY}")).unwrap();
    assert_eq!(answer.status(), 401);
    assert!(!holds(answer.text().as_bytes()));
}

fn nowhere_in_clear(site: &Site) {
    // Everything that any crate has to say.
    let server = Server::start(site.command(&site.data()).env("CLINIC_LOG", "trace"));
    let mut client = Client::signed_in(server.address, "nurse");
    speak_of_it(&mut client);
    say_it_wrongly(&mut client);
    let waiting = "SELECT count(*) FROM outbox WHERE delivered_at IS NULL";
    poll("the outbox to drain", || (site.number(waiting) == 0).then_some(()));
    assert_no_file_holds_it(site);
    // Killed, so that the write-ahead log stays as it is.
    let (out, err) = (server.process.out.clone(), server.process.err.clone());
    server.kill();
    assert_no_file_holds_it(site);
    let (out, err) = (out.whole(), err.whole());
    assert!(err.contains("DEBUG sqlx::query"), "the log was as talkative as it can be");
    for line in out.lines().chain(err.lines()) {
        assert!(!holds(line.as_bytes()), "said in the log: {line}");
    }
    // And after what a start and an orderly end do to the files.
    let server = site.start();
    let mut client = Client::signed_in(server.address, "nurse");
    let found = client.post("/api/v1/patients/search", &json!({"family": CANARY})).unwrap().expect(200);
    assert_eq!(found["items"][0]["family"], CANARY, "it was there all the time");
    let ended = server.stop();
    assert_no_file_holds_it(site);
    assert!(!holds(ended.err.whole().as_bytes()));
}

#[test]
fn a_name_is_in_no_file_log_or_error() {
    nowhere_in_clear(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn a_name_is_in_no_file_log_or_error_or_column_on_postgres() {
    let site = Site::postgres();
    nowhere_in_clear(&site);
    let dump = site.dump();
    assert!(dump.contains("Harbour Clinic"), "the dump holds what is there");
    assert!(!holds(dump.as_bytes()), "a column of PostgreSQL holds it");
}
