//! Two servers, 64 clients, one slot.

use super::{client::Client, poll, site::Site};
use serde_json::{Value, json};
use std::{collections::BTreeMap, net::SocketAddr, sync::Barrier, thread};

const TASKS: usize = 64;

/// Free starts of the practitioner, from three days ahead.
fn slots(client: &mut Client, practitioner: &str) -> Vec<String> {
    let now = jiff::Timestamp::now();
    let day = |days: i64| now + jiff::SignedDuration::from_hours(24 * days);
    let (from, to) = (day(3), day(13));
    let path = format!(
        "/api/v1/availability?practitioner_id={practitioner}&service=consultation&from={from}&to={to}"
    );
    let found = client.get(&path).unwrap().expect(200);
    found["slots"].as_array().unwrap().iter().map(|slot| slot["start"].as_str().unwrap().to_owned()).collect()
}

/// All at once, half of them at each server; how often each answer came.
fn race(addresses: [SocketAddr; 2], token: &str, bodies: &[Value]) -> BTreeMap<(u16, String), usize> {
    let barrier = Barrier::new(bodies.len());
    let answers: Vec<_> = thread::scope(|scope| {
        let tasks = bodies.iter().enumerate().map(|(number, body)| {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut client = Client::with_token(addresses[number % 2], token);
                // Connected before the race begins.
                client.get("/livez").unwrap();
                barrier.wait();
                let answer = client.post("/api/v1/appointments", body).unwrap();
                (answer.status(), if answer.status() == 201 { String::new() } else { answer.code() })
            })
        });
        let tasks: Vec<_> = tasks.collect();
        tasks.into_iter().map(|task| task.join().unwrap()).collect()
    });
    let mut counted = BTreeMap::new();
    answers.into_iter().for_each(|answer| *counted.entry(answer).or_default() += 1);
    counted
}

fn exactly_one_wins(site: &Site) {
    let (one, two) = (site.start(), site.start_second());
    let mut client = Client::signed_in(one.address, "receptionist");
    let token = client.token();
    let patients: Vec<String> = (0..TASKS)
        .map(|number| {
            let patient = json!({"family": "Race", "given": format!("Number{number}")});
            client.post("/api/v1/patients", &patient).unwrap().expect(201)["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let practitioner = client.ids("/api/v1/practitioners").remove(0);
    let location = client.ids("/api/v1/locations").remove(0);
    let free = slots(&mut client, &practitioner);
    // Every third, so that the rounds do not touch each other.
    for start in free.iter().step_by(3).take(3) {
        let bodies: Vec<Value> = patients
            .iter()
            .map(|patient| {
                json!({"patient_id": patient, "practitioner_id": practitioner, "location_id": location,
                       "service": "consultation", "start": start, "duration_minutes": 30})
            })
            .collect();
        let answers = race([one.address, two.address], &token, &bodies);
        let expected = BTreeMap::from([
            ((201, String::new()), 1),
            ((409, "APPOINTMENT_CONFLICT".to_owned()), TASKS - 1),
        ]);
        assert_eq!(answers, expected);
        assert!(!slots(&mut client, &practitioner).contains(start), "the slot is no longer offered");
    }
    // One patient cannot be in two places either.
    let others = client.ids("/api/v1/practitioners");
    let start = slots(&mut client, &others[1]).into_iter().nth(40).unwrap();
    let bodies: Vec<Value> = (0..TASKS)
        .map(|number| {
            json!({"patient_id": patients[0], "practitioner_id": others[1 + number % 2], "location_id": location,
                   "service": "consultation", "start": start, "duration_minutes": 30})
        })
        .collect();
    let answers = race([one.address, two.address], &token, &bodies);
    assert_eq!(answers.get(&(201, String::new())), Some(&1), "{answers:?}");
    assert_eq!(answers.len(), 2, "{answers:?}");
    poll("the outbox to drain", || {
        (site.number("SELECT count(*) FROM outbox WHERE delivered_at IS NULL") == 0).then_some(())
    });
    two.stop();
    one.stop();
}

#[test]
fn of_64_clients_at_two_servers_one_gets_the_slot() {
    exactly_one_wins(&Site::sqlite());
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test"]
fn of_64_clients_at_two_servers_one_gets_the_slot_on_postgres() {
    exactly_one_wins(&Site::postgres());
}
