//! The whole server through HTTP, on both databases.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use common::{Client, HARBOUR, HILL, Site, login};
use serde_json::{Value, json};

on_both_databases!(
    sign_in_ends_for_good,
    each_role_signs_in,
    patients_are_written_once_and_found_again,
    another_clinic_is_as_good_as_nothing,
    booking_and_every_step,
    a_doctor_books_somebody_new_and_may_then_read_them,
    one_slot_is_booked_once,
    bad_input_is_never_our_fault,
    a_parameter_that_is_not_described_is_refused_by_name,
    addresses_and_tokens_that_lead_nowhere,
    the_audit_log_answers_those_who_may_ask,
    every_route_but_the_open_ones_wants_a_token,
    nothing_secret_is_written_in_clear,
);

/// A weekday's time, four weeks ahead, on New York's clocks.
fn weekday_at(hour: i8, minute: i8) -> String {
    use jiff::{ToSpan, civil::Weekday, tz::TimeZone};
    let today = jiff::Timestamp::now().to_zoned(TimeZone::get("America/New_York").unwrap()).date();
    let day = today.nth_weekday(1, Weekday::Wednesday).unwrap() + 4.weeks();
    day.at(hour, minute, 0, 0).to_string()
}

/// A practitioner of the clinic who is not the doctor with appointments, with their location.
async fn practitioner(client: &Client, family: &str) -> (String, String) {
    let found = client.get("/api/v1/practitioners").await.expect(200).json();
    let who =
        found["items"].as_array().unwrap().iter().find(|item| item["family"] == family).unwrap().clone();
    (who["id"].as_str().unwrap().to_owned(), who["location_id"].as_str().unwrap().to_owned())
}

async fn new_patient(client: &Client, family: &str) -> Value {
    let body = json!({"family": family, "given": "Test", "birth_date": "1980-02-29", "gender": "female"});
    client.post("/api/v1/patients", &body).await.expect(201).json()
}

async fn sign_in_ends_for_good(site: Site) {
    let running = site.start().await;
    let tokens = login(running.address, "nurse@harbour.example").await;
    assert_eq!(tokens["token_type"], "Bearer");
    let client = Client::new(running.address).with_token(tokens["access_token"].as_str().unwrap());
    assert_eq!(client.get("/api/v1/me").await.expect(200).json()["roles"], json!(["NURSE"]));

    let renewed = Client::new(running.address)
        .post("/api/v1/auth/refresh", &json!({"refresh_token": tokens["refresh_token"]}))
        .await
        .expect(200)
        .json();
    assert_ne!(renewed["refresh_token"], tokens["refresh_token"]);
    let client = client.with_token(renewed["access_token"].as_str().unwrap());
    client.post("/api/v1/auth/logout", &json!({})).await.expect(204);
    assert_eq!(client.get("/api/v1/me").await.expect(401).code(), "AUTH_SESSION_REVOKED");
    let refresh = json!({"refresh_token": renewed["refresh_token"]});
    Client::new(running.address).post("/api/v1/auth/refresh", &refresh).await.expect(401);

    let everyone = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let before = everyone.get("/api/v1/patients").await.expect(200).json()["items"].as_array().unwrap().len();
    assert!(running.stop().await.is_clean());

    let again = site.start().await;
    let client = Client { address: again.address, ..client };
    assert_eq!(client.get("/api/v1/me").await.expect(401).code(), "AUTH_SESSION_REVOKED");
    let everyone = Client { address: again.address, ..everyone };
    let after = everyone.get("/api/v1/patients").await.expect(200).json()["items"].as_array().unwrap().len();
    assert_eq!(before, after, "a demonstration is seeded once");
    again.stop().await;
}

async fn each_role_signs_in(site: Site) {
    let running = site.start().await;
    for clinic in clinic_server::seed::demo_clinics() {
        for address in clinic.addresses() {
            let user = &login(running.address, &address).await["user"];
            assert_eq!(user["clinic_id"], clinic.id.to_string(), "{address}");
            assert_eq!(user["roles"].as_array().unwrap().len(), 1);
        }
    }
    let wrong = json!({"email": "nurse@harbour.example", "password": "not it"});
    let nobody = json!({"email": "nobody@harbour.example", "password": "not it"});
    let client = Client::new(running.address);
    for body in [wrong, nobody] {
        assert_eq!(
            client.post("/api/v1/auth/login", &body).await.expect(401).code(),
            "AUTH_CREDENTIALS_INVALID"
        );
    }
    running.stop().await;
}

async fn patients_are_written_once_and_found_again(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let keyed = desk.with("idempotency-key", "first");
    let body = json!({"family": "O'Brien-Šašić", "given": "Nóra Mae", "birth_date": "1980-02-29", "record_number": "X-1"});
    let made = keyed.post("/api/v1/patients", &body).await.expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("/api/v1/patients/{id}").as_str()));
    let again = keyed.post("/api/v1/patients", &body).await.expect(201);
    assert_eq!((again.json(), again.header("idempotency-replayed")), (made.json(), Some("true")));
    let other = json!({"family": "Other", "given": "Body"});
    assert_eq!(keyed.post("/api/v1/patients", &other).await.expect(422).code(), "IDEMPOTENCY_KEY_REUSED");

    let found = async |criteria: Value| {
        let answer = desk.post("/api/v1/patients/search", &criteria).await.expect(200).json();
        answer["items"].as_array().unwrap().iter().filter(|item| item["id"] == id.as_str()).count()
    };
    assert_eq!(found(json!({"family": "sasic"})).await, 1);
    assert_eq!(found(json!({"family": "OBR", "given": "nora"})).await, 0, "punctuation separates words");
    assert_eq!(found(json!({"given": "mae", "birth_date": "1980-02-29"})).await, 1);
    assert_eq!(found(json!({"record_number": "X-1"})).await, 1);
    assert_eq!(found(json!({"given": "mae", "birth_date": "1980-02-28"})).await, 0);
    assert_eq!(found(json!({})).await, 0, "who asks for nobody finds nobody");

    let path = format!("/api/v1/patients/{id}");
    assert_eq!(desk.patch(&path, &json!({"family": "New"})).await.status, 400, "a change names its version");
    let changed = desk
        .patch(&path, &json!({"version": 1, "family": "Neumann", "record_number": null}))
        .await
        .expect(200)
        .json();
    assert_eq!((&changed["version"], &changed["family"]), (&json!(2), &json!("Neumann")));
    assert_eq!(changed.get("record_number"), None);
    assert_eq!(
        desk.patch(&path, &json!({"version": 1, "family": "Late"})).await.expect(409).code(),
        "VERSION_CONFLICT"
    );
    let read = desk.get(&path).await.expect(200).json();
    assert_eq!((&read["family"], &read["given"]), (&json!("Neumann"), &json!("Nóra Mae")));
    assert_eq!(found(json!({"family": "sasic"})).await, 0, "what was is not found any more");
    assert_eq!(found(json!({"family": "neumann"})).await, 1);

    // Two requests under one key at once: one patient.
    let twin = desk.with("idempotency-key", "twins");
    let body = json!({"family": "Twinkelmann", "given": "A"});
    let (a, b) = tokio::join!(twin.post("/api/v1/patients", &body), twin.post("/api/v1/patients", &body));
    assert_eq!(a.expect(201).json()["id"], b.expect(201).json()["id"]);
    let all =
        desk.post("/api/v1/patients/search", &json!({"family": "twinkelmann"})).await.expect(200).json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    running.stop().await;
}

async fn another_clinic_is_as_good_as_nothing(site: Site) {
    let running = site.start().await;
    let here = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let there = Client::signed_in(running.address, "receptionist@hill.example").await;
    let id = new_patient(&here, "Grenzfall").await["id"].as_str().unwrap().to_owned();
    let missing = "0196d000-0000-7000-8000-00000000ffff";
    let same = |a: &common::Answer, b: &common::Answer| (a.status, a.code()) == (b.status, b.code());
    for path in ["", "/record"] {
        let foreign = there.get(&format!("/api/v1/patients/{id}{path}")).await;
        let nothing = there.get(&format!("/api/v1/patients/{missing}{path}")).await;
        assert!(foreign.status == 404 && same(&foreign, &nothing), "{foreign:?}");
    }
    let patch = json!({"version": 1, "given": "X"});
    let foreign = there.patch(&format!("/api/v1/patients/{id}"), &patch).await;
    assert!(
        same(&foreign, &there.patch(&format!("/api/v1/patients/{missing}"), &patch).await)
            && foreign.status == 404
    );
    let found =
        there.post("/api/v1/patients/search", &json!({"family": "grenzfall"})).await.expect(200).json();
    assert_eq!(found["items"], json!([]));

    let named = here.with("x-clinic-id", HILL).get("/api/v1/me").await;
    assert_eq!(named.expect(403).code(), "CLINIC_MISMATCH");
    here.with("x-clinic-id", HARBOUR).get("/api/v1/me").await.expect(200);
    assert_eq!(here.get(&format!("/api/v1/me?clinic_id={HILL}")).await.expect(403).code(), "CLINIC_MISMATCH");
    let switch = here.post("/api/v1/auth/clinic", &json!({"clinic_id": HILL})).await;
    assert_eq!(switch.expect(403).code(), "CLINIC_ACCESS_DENIED");

    // A practitioner of here cannot be booked there, and neither can a patient.
    let (who, place) = practitioner(&here, "Moreau").await;
    let start = weekday_at(10, 0);
    let body = json!({"patient_id": id, "practitioner_id": who, "location_id": place, "service": "consultation", "start": start});
    there.post("/api/v1/appointments", &body).await.expect(422);
    running.stop().await;
}

async fn booking_and_every_step(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let (who, place) = practitioner(&desk, "Moreau").await;
    let patient = new_patient(&desk, "Terminus").await["id"].clone();
    let book = |start: &str| json!({"patient_id": patient, "practitioner_id": who, "location_id": place, "service": "consultation", "start": start});
    let day = weekday_at(0, 0)[..10].to_owned();
    let range = format!(
        "/api/v1/availability?practitioner_id={who}&service=consultation&from={day}T00:00:00&to={day}T23:59:00"
    );
    let services = desk.get("/api/v1/services").await.expect(200).json();
    assert!(services["items"].as_array().unwrap().iter().any(|service| service["code"] == "consultation"));
    let free = desk.get(&range).await.expect(200).json()["slots"].as_array().unwrap().len();
    assert_eq!(free, 16, "nine to five in half hours");

    let keyed = desk.with("idempotency-key", "booking-1");
    let start = weekday_at(10, 0);
    let made = keyed.post("/api/v1/appointments", &book(&start)).await.expect(201).json();
    assert_eq!((&made["status"], &made["local_start"]), (&json!("booked"), &json!(start)));
    assert_eq!(
        keyed.post("/api/v1/appointments", &book(&start)).await.expect(201).json(),
        made,
        "sent twice, done once"
    );
    let taken = desk.post("/api/v1/appointments", &book(&weekday_at(10, 15))).await;
    assert_eq!(taken.expect(409).code(), "APPOINTMENT_CONFLICT");
    assert_eq!(desk.get(&range).await.expect(200).json()["slots"].as_array().unwrap().len(), 15);

    let id = made["id"].as_str().unwrap().to_owned();
    let step =
        async |name: &str, body: Value| desk.post(&format!("/api/v1/appointments/{id}/{name}"), &body).await;
    assert_eq!(step("start", json!({})).await.expect(409).code(), "APPOINTMENT_INVALID_TRANSITION");
    assert_eq!(step("no-show", json!({})).await.expect(422).code(), "VALIDATION_FAILED");
    assert_eq!(step("dance", json!({})).await.expect(404).code(), "NOT_FOUND");
    assert_eq!(step("confirm", json!({"version": 9})).await.expect(409).code(), "VERSION_CONFLICT");
    assert_eq!(step("confirm", json!({"version": 1})).await.expect(200).json()["confirmed"], true);
    let moved = step("reschedule", json!({"start": weekday_at(11, 0)})).await.expect(200).json();
    assert_eq!((&moved["status"], &moved["confirmed"]), (&json!("booked"), &json!(false)));
    desk.post("/api/v1/appointments", &book(&start)).await.expect(201);
    for (name, status) in [("check-in", "checked-in"), ("start", "in-progress"), ("complete", "fulfilled")] {
        assert_eq!(step(name, json!({})).await.expect(200).json()["status"], status);
    }
    assert_eq!(
        step("cancel", json!({"reason": "over"})).await.expect(409).code(),
        "APPOINTMENT_INVALID_TRANSITION"
    );

    // Rules of the clinic, of the practitioner, of the clocks.
    let refused =
        async |start: &str| desk.post("/api/v1/appointments", &book(start)).await.expect(422).code();
    assert_eq!(refused(&weekday_at(7, 0)).await, "APPOINTMENT_UNAVAILABLE");
    assert_eq!(refused("2027-03-14T02:30:00").await, "VALIDATION_LOCAL_TIME", "the clocks skip it");
    assert_eq!(refused("2020-01-06T10:00:00-05:00").await, "VALIDATION_FAILED", "it lies in the past");
    let far = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 280))
        .to_zoned(jiff::tz::TimeZone::UTC);
    let far = far.date().nth_weekday(1, jiff::civil::Weekday::Tuesday).unwrap().at(10, 0, 0, 0).to_string();
    assert_eq!(refused(&far).await, "APPOINTMENT_REFUSED", "the eligibility plugin");
    let nobody = json!({"patient_id": HARBOUR, "practitioner_id": who, "location_id": place, "service": "consultation", "start": weekday_at(14, 0)});
    assert_eq!(desk.post("/api/v1/appointments", &nobody).await.expect(422).code(), "VALIDATION_FAILED");

    let listed = desk
        .get(&format!("/api/v1/appointments?from={day}T00:00:00Z&to={day}T23:59:00Z&practitioner_id={who}"))
        .await;
    assert_eq!(listed.expect(200).json()["items"].as_array().unwrap().len(), 2);
    running.stop().await;
}

async fn a_doctor_books_somebody_new_and_may_then_read_them(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let doctor = Client::signed_in(running.address, "doctor@harbour.example").await;
    let id = new_patient(&desk, "Erstkontakt").await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/patients/{id}/record");
    doctor.get(&path).await.expect(403);
    let (who, place) = practitioner(&desk, "Okafor").await;
    let book = |patient: &str| json!({"patient_id": patient, "practitioner_id": who, "location_id": place, "service": "consultation", "start": weekday_at(16, 0)});
    doctor.post("/api/v1/appointments", &book("0196d000-0000-7000-8000-00000000ffff")).await.expect(422);
    doctor.post("/api/v1/appointments", &book(&id)).await.expect(201);
    assert_eq!(doctor.get(&path).await.expect(200).json()["patient"]["family"], "Erstkontakt");
    // Nobody books into a colleague's diary by this way.
    let (other, place) = practitioner(&desk, "Moreau").await;
    let stranger = new_patient(&desk, "Fremder").await["id"].clone();
    let body = json!({"patient_id": stranger, "practitioner_id": other, "location_id": place, "service": "consultation", "start": weekday_at(9, 0)});
    let refused = doctor.post("/api/v1/appointments", &body).await.expect(403);
    assert_eq!(refused.code(), "ACCESS_DENIED");
    running.stop().await;
}

async fn one_slot_is_booked_once(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let (who, place) = practitioner(&desk, "Lindqvist").await;
    let start = weekday_at(15, 0);
    let mut tasks = Vec::new();
    for number in 0..12 {
        let patient = new_patient(&desk, &format!("Runner{number}")).await["id"].clone();
        let body = json!({"patient_id": patient, "practitioner_id": who, "location_id": place, "service": "consultation", "start": start});
        let desk = desk.clone();
        tasks.push(tokio::spawn(async move { desk.post("/api/v1/appointments", &body).await.status }));
    }
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![201], vec![409; 11]].concat());
    running.stop().await;
}

/// Each list of the description, with a parameter that is misspelt: it would filter nothing, and nobody would know.
async fn a_parameter_that_is_not_described_is_refused_by_name(site: Site) {
    let running = site.start().await;
    let admin = Client::signed_in(running.address, "clinic-admin@harbour.example").await;
    let described = admin.get("/api-docs/openapi.json").await.expect(200).json();
    let mut lists = vec![("/api/v1/clinics".to_owned(), Vec::new())];
    for (path, route) in described["paths"].as_object().unwrap() {
        let parameters = route["get"]["parameters"].as_array().into_iter().flatten();
        let named: Vec<_> = parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        if !named.is_empty() {
            assert!(route["get"]["responses"]["422"].is_object(), "{path} says that it refuses");
            lists.push((path.clone(), named));
        }
    }
    assert_eq!(lists.len(), 10, "{lists:?}");
    for (path, named) in &lists {
        let refused = admin.get(&format!("{path}?limt=5&{}%20=x", "n".repeat(500))).await.expect(422);
        assert_eq!(refused.code(), "VALIDATION_FAILED", "{path}");
        let details = refused.json()["error"]["details"].clone();
        let fields: Vec<_> = details.as_array().unwrap().iter().map(|detail| &detail["field"]).collect();
        assert_eq!(fields, [&json!("limt"), &json!("n".repeat(64))], "{path}");
        let problem = details[0]["problem"].as_str().unwrap();
        assert!(named.iter().all(|name| problem.contains(name.as_str())), "{path}: {problem}");
        // Those that are described are read; what is wrong with them is another matter.
        for name in named {
            let answer = admin.get(&format!("{path}?{name}=1")).await;
            assert!(
                answer.status < 500 && !answer.body.contains("no such parameter"),
                "{path} {name}: {answer:?}"
            );
        }
    }
    running.stop().await;
}

async fn bad_input_is_never_our_fault(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let long = json!({"family": "x".repeat(5000), "given": "y"}).to_string();
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        br#"{"family": 5}"#,
        br#"{"family": "a", "given": "b", "unknown": 1}"#,
        br#"{"family": "a", "given": "b", "birth_date": "1980-13-01", "email": "x", "gender": "?"}"#,
        br#"{"version": 99999999999999999999999}"#,
        deep.as_bytes(),
        long.as_bytes(),
    ];
    let id = "0196d000-0000-7000-8000-00000000ffff";
    let routes = [
        ("POST", "/api/v1/auth/login".to_owned()),
        ("POST", "/api/v1/auth/refresh".to_owned()),
        ("POST", "/api/v1/auth/clinic".to_owned()),
        ("POST", "/api/v1/patients".to_owned()),
        ("POST", "/api/v1/patients/search".to_owned()),
        ("PATCH", format!("/api/v1/patients/{id}")),
        ("PATCH", "/api/v1/patients/%00".to_owned()),
        ("POST", "/api/v1/appointments".to_owned()),
        ("POST", format!("/api/v1/appointments/{id}/cancel")),
        ("POST", format!("/api/v1/appointments/{id}/%ff")),
        ("POST", "/sign-in".to_owned()),
        ("POST", "/patients".to_owned()),
    ];
    for (method, path) in &routes {
        for body in bodies {
            for media in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
                let answer = desk.send(method, path, media, body).await;
                assert!(
                    answer.status < 500,
                    "{method} {path} {media} {:?}: {answer:?}",
                    String::from_utf8_lossy(body)
                );
            }
        }
        let answer = desk.send(method, path, "application/json", &vec![b' '; 200_000]).await;
        assert!((300..500).contains(&answer.status), "{method} {path}: {answer:?}");
    }
    running.stop().await;
}

async fn addresses_and_tokens_that_lead_nowhere(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let queries = [
        "/api/v1/patients?limit=0",
        "/api/v1/patients?limit=x",
        "/api/v1/patients?after=forged",
        "/api/v1/patients/not-an-id",
        "/api/v1/availability",
        "/api/v1/availability?practitioner_id=x&service=y&from=z&to=w",
        "/api/v1/appointments?from=1",
        "/api/v1/appointments?after=%00%ff",
        "/api/v1/patients/%2e%2e%2f",
        "/api/v1/nothing",
        "/%",
        "/api/v1/locations?after=a",
    ];
    for path in queries {
        let answer = desk.get(path).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
    }
    let long = desk.post("/api/v1/patients", &json!({"family": "a".repeat(100_000), "given": ""})).await;
    assert_eq!(long.expect(413).code(), "REQUEST_TOO_LARGE");
    for token in ["", "x", "a.b.c", &format!("{}x", desk.token.clone().unwrap()), &"a".repeat(20_000)] {
        let answer = desk.with_token(token).get("/api/v1/me").await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    let purpose = desk.with("x-purpose-of-use", "ETREAT").get("/api/v1/patients").await;
    assert_eq!(purpose.expect(403).code(), "ACCESS_PURPOSE_DENIED");
    running.stop().await;
}

async fn the_audit_log_answers_those_who_may_ask(site: Site) {
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let id = new_patient(&desk, "Spurensucher").await["id"].as_str().unwrap().to_owned();
    desk.get(&format!("/api/v1/patients/{id}")).await.expect(200);
    desk.get("/api/v1/audit").await.expect(403);
    let auditor = Client::signed_in(running.address, "auditor@harbour.example").await;
    let entries = auditor.get(&format!("/api/v1/audit?patient_id={id}")).await.expect(200).json();
    let items = entries["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["action"] == "read" && item["purpose"] == "HOPERAT"), "{entries}");
    assert!(items.iter().any(|item| item["action"] == "create"), "{entries}");
    assert!(!entries.to_string().contains("Spurensucher"), "the log holds no names");
    let elsewhere = Client::signed_in(running.address, "auditor@hill.example").await;
    let theirs = elsewhere.get(&format!("/api/v1/audit?patient_id={id}")).await.expect(200).json();
    assert_eq!(theirs["items"], json!([]), "another clinic's log is another log");
    auditor.get("/api/v1/audit/verify").await.expect(200);
    // The second time it begins where the first ended.
    let verdict = auditor.get("/api/v1/audit/verify").await.expect(200).json();
    assert_eq!((&verdict["sound"], &verdict["findings"]), (&json!(true), &json!([])));
    let first = auditor.get("/api/v1/audit?limit=1").await.expect(200).json();
    let next = first["next"].as_str().unwrap();
    let second = auditor.get(&format!("/api/v1/audit?limit=1&after={next}")).await.expect(200).json();
    assert_ne!(first["items"][0]["sequence"], second["items"][0]["sequence"]);
    running.stop().await;
}

async fn every_route_but_the_open_ones_wants_a_token(site: Site) {
    let running = site.start().await;
    let open = ["/health", "/livez", "/readyz", "/ws", "/api/v1/auth/login", "/api/v1/auth/refresh"];
    let document: Value = serde_json::from_str(clinic_server::api::document()).unwrap();
    let nobody = Client::new(running.address);
    let mut routes = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            routes += 1;
            let called = path.replace("{id}", HARBOUR).replace("{step}", "cancel");
            let answer = nobody.send(&method.to_uppercase(), &called, "application/json", b"{}").await;
            let code = if answer.status == 401 { answer.code() } else { String::new() };
            assert_eq!(
                code == "AUTH_REQUIRED",
                !open.contains(&path.as_str()),
                "{method} {path}: {answer:?}"
            );
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        }
    }
    assert_eq!(routes, 37, "a new route is added to this test's count when it was looked at");
    for page in ["/", "/patients", "/logger", &format!("/patients/{HARBOUR}")] {
        let answer = nobody.get(page).await;
        assert_eq!(answer.status, 303, "{page}");
    }
    nobody.get("/sign-in").await.expect(200);
    running.stop().await;
}

async fn nothing_secret_is_written_in_clear(site: Site) {
    const CANARY: &str = "Kanarienvogelsang";
    let log = Log::capture();
    let running = site.start().await;
    let desk = Client::signed_in(running.address, "receptionist@harbour.example")
        .await
        .with("idempotency-key", "canary");
    let patient = desk
        .post("/api/v1/patients", &json!({"family": CANARY, "given": CANARY, "phone": CANARY}))
        .await
        .expect(201)
        .json();
    desk.post("/api/v1/patients/search", &json!({"family": CANARY})).await.expect(200);
    let (who, place) = practitioner(&desk, "Moreau").await;
    let book = json!({
        "patient_id": patient["id"], "practitioner_id": who, "location_id": place, "service": "consultation",
        "start": weekday_at(13, 0), "note": CANARY,
    });
    let desk = desk.with_token(desk.token.as_deref().unwrap());
    let keyed = Client { extra: vec![("idempotency-key".into(), "canary-2".into())], ..desk.clone() };
    let nurse = Client::signed_in(running.address, "nurse@harbour.example").await;
    let nurse = Client { extra: keyed.extra.clone(), ..nurse };
    nurse.post("/api/v1/appointments", &book).await.expect(201);
    // Errors about the canary do not repeat it.
    for body in [
        json!({"family": CANARY}),
        json!({"family": CANARY, "given": CANARY, "gender": CANARY, "email": CANARY}),
    ] {
        let answer = nurse.with("x", "y").post("/api/v1/patients", &body).await;
        assert!(answer.status >= 400 && !answer.body.contains(CANARY), "{}", answer.body);
    }
    let wrong = json!({"email": format!("{CANARY}@example.org"), "password": CANARY});
    let answer = Client::new(running.address).post("/api/v1/auth/login", &wrong).await.expect(401);
    assert!(!answer.body.contains(CANARY));
    nurse.get(&format!("/api/v1/nothing/{CANARY}")).await.expect(404);
    running.stop().await;

    let mut files = 0;
    let mut folders = vec![site.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap().to_ascii_lowercase();
            let canary = CANARY.to_ascii_lowercase().into_bytes();
            assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{}", path.display());
        }
    }
    assert!(files >= 2, "key and audit log at least");
    let logged = log.text().to_ascii_lowercase();
    assert!(!logged.contains(&CANARY.to_ascii_lowercase()), "{logged}");
}

/// Everything this process logs, at every level.
struct Log(&'static std::sync::Mutex<Vec<u8>>);

impl Log {
    fn capture() -> Self {
        static LOG: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());
        struct Writer;
        impl std::io::Write for Writer {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                LOG.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(|| Writer)
            .try_init();
        Self(&LOG)
    }
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}
