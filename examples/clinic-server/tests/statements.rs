//! How many statements a request makes, with what is remembered and without. Alone in its program: it counts what the whole program says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use clinic_server::{
    commands::{Running, start_as},
    wiring::Process,
};
use common::{Client, Site};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tracing::{Event, Subscriber};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _, registry::LookupSpan};

static COUNTED: AtomicUsize = AtomicUsize::new(0);

/// Counts the driver's statements within requests: what runs on its own beside them is not theirs.
struct Statements;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let is_within =
            || context.event_scope(event).is_some_and(|mut spans| spans.any(|span| span.name() == "request"));
        if event.metadata().target() == "sqlx::query" && is_within() {
            COUNTED.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// How many statements a look at a patient, at free times, and a booking make when they are not the first.
#[derive(Debug)]
struct Cost {
    doctor: usize,
    nurse: usize,
    free_times: usize,
    booking: usize,
}

async fn counted(work: impl Future<Output = common::Answer>, status: u16) -> usize {
    let before = COUNTED.load(Ordering::SeqCst);
    work.await.expect(status);
    COUNTED.load(Ordering::SeqCst) - before
}

async fn cost(running: &Running) -> Cost {
    let signed_in = async |email: &str| Client::signed_in(running.address, email).await;
    let doctor = signed_in("doctor@harbour.example").await;
    let nurse = signed_in("nurse@harbour.example").await;
    let desk = signed_in("receptionist@harbour.example").await;
    let first = async |client: &Client, path: &str| {
        client.get(path).await.expect(200).json()["items"][0]["id"].as_str().unwrap().to_owned()
    };
    let patient = first(&doctor, "/api/v1/patients").await;
    let path = format!("/api/v1/patients/{patient}");
    let practitioner = first(&desk, "/api/v1/practitioners").await;
    let day = jiff::Zoned::now().date().nth_weekday(2, jiff::civil::Weekday::Wednesday).unwrap();
    let free = format!(
        "/api/v1/availability?practitioner_id={practitioner}&service=consultation&from={day}T08:00:00&to={day}T18:00:00"
    );
    let booking = |hour: u8| {
        json!({"patient_id": patient, "practitioner_id": practitioner, "service": "consultation",
            "location_id": "", "start": format!("{day}T{hour:02}:00:00"), "duration_minutes": 30})
    };
    let location = first(&desk, "/api/v1/locations").await;
    // The least of several: a new connection makes statements of its own, and the outbox purges once more, a moment after each write.
    let mut cost =
        Cost { doctor: usize::MAX, nurse: usize::MAX, free_times: usize::MAX, booking: usize::MAX };
    for hour in 10..15 {
        let mut body = booking(hour);
        body["location_id"] = json!(location);
        cost.booking = cost.booking.min(counted(desk.post("/api/v1/appointments", &body), 201).await);
        cost.free_times = cost.free_times.min(counted(desk.get(&free), 200).await);
    }
    for _ in 0..20 {
        cost.doctor = cost.doctor.min(counted(doctor.get(&path), 200).await);
        cost.nurse = cost.nurse.min(counted(nurse.get(&path), 200).await);
    }
    cost
}

/// The second time, nothing that is remembered is asked for again: a look at a patient is a decision, an entry in the log, and no statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_is_not_asked_for_again() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Statements)).unwrap();
    let mut costs = Vec::new();
    for process in [Process::Serve, Process::All] {
        let site = Site::sqlite();
        let running = start_as(&site.config, process).await.unwrap_or_else(|error| panic!("{error}"));
        costs.push(cost(&running).await);
        running.stop().await;
    }
    println!("without: {:?}\nwith:    {:?}", costs[0], costs[1]);
    let [without, with] = [&costs[0], &costs[1]];
    let of_reads = |cost: &Cost| [cost.doctor, cost.nurse, cost.free_times];
    assert_eq!((of_reads(without), without.booking), ([4, 2, 10], 14));
    // A booking forgets its patient, and the outbox once more: the next finds them again or not.
    assert!(of_reads(with) == [0, 0, 4] && (8..=10).contains(&with.booking), "{with:?}");
}
