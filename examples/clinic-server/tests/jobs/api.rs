//! The queues over the API, as those see them who may.

use super::common::{Client, HARBOUR, HILL, Site};
use clinic_server::commands::Running;
use healthcare_core::ClinicId;
use healthcare_messaging::{NewJob, Wanted};
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// A queue that no worker serves, so that what is put in it stays as it is.
const QUEUE: &str = "test-queue";

/// Words that stand in what a job works on, and nowhere else.
const CANARY: &str = "canary-in-a-payload";

fn clinic(id: &str) -> ClinicId {
    id.parse().unwrap()
}

async fn enqueued(running: &Running, of: &str) -> Uuid {
    let payload = format!("{{\"words\":\"{CANARY}\"}}");
    let job = NewJob::raw(clinic(of), QUEUE, "test.kind", payload).tries(1).build().unwrap();
    let id = job.id();
    running.server.app.jobs.enqueue(job).await.unwrap();
    id
}

/// Jobs that were started and failed for good.
async fn dead(running: &Running, of: &str, number: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for _ in 0..number {
        ids.push(enqueued(running, of).await);
    }
    fail_all(running, "test.class").await;
    ids
}

async fn fail_all(running: &Running, class: &'static str) {
    let store = running.server.app.jobs.store();
    let wanted = [Wanted { queue: QUEUE, limit: 1_000 }];
    for job in store.claim(&wanted, Duration::from_secs(60)).await.unwrap().jobs {
        store.fail(job.lease, class, None).await.unwrap();
    }
}

async fn admin(running: &Running) -> Client {
    Client::signed_in(running.address, "clinic-admin@harbour.example").await
}

fn ids(listing: &Value) -> Vec<String> {
    listing["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

fn queue(listing: &Value) -> Value {
    let queues = listing["items"].as_array().unwrap();
    queues.iter().find(|queue| queue["queue"] == QUEUE).cloned().unwrap_or_default()
}

pub(super) async fn jobs_are_listed_page_by_page(site: Site) {
    let running = site.start().await;
    let admin = admin(&running).await;
    let failed = dead(&running, HARBOUR, 1).await[0].to_string();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(enqueued(&running, HARBOUR).await.to_string());
    }
    let other = NewJob::raw(clinic(HARBOUR), "other-queue", "test.kind", "{}").build().unwrap();
    running.server.app.jobs.enqueue(other).await.unwrap();
    let path = format!("/api/v1/jobs?queue={QUEUE}");
    let first = admin.get(&format!("{path}&limit=3")).await.expect(200).json();
    waiting.reverse();
    assert_eq!(ids(&first), waiting, "newest first");
    let next = first["next"].as_str().unwrap();
    let rest = admin.get(&format!("{path}&limit=3&after={next}")).await.expect(200).json();
    assert_eq!(ids(&rest)[..], *std::slice::from_ref(&failed));
    assert_eq!(rest["next"], Value::Null);
    let of_state = admin.get(&format!("{path}&state=dead")).await.expect(200);
    assert!(!of_state.body.contains(CANARY), "what a job works on is nobody's to see");
    let job = &of_state.json()["items"][0];
    assert_eq!(
        (&job["id"], &job["state"], &job["kind"]),
        (&json!(failed), &json!("dead"), &json!("test.kind"))
    );
    assert_eq!(
        (&job["tries"], &job["error_class"], &job["due_at"]),
        (&json!(1), &json!("test.class"), &Value::Null)
    );
    assert!(job["ended_at"].is_string() && job["created_at"].is_string());
    let one = admin.get(&format!("/api/v1/jobs/{}", waiting[0])).await.expect(200).json();
    assert_eq!((&one["state"], &one["tries"]), (&json!("waiting"), &json!(0)));
    assert!(one["due_at"].is_string() && one["ended_at"].is_null());
    let queues = queue(&admin.get("/api/v1/queues").await.expect(200).json());
    assert_eq!((&queues["due"], &queues["dead"], &queues["done"]), (&json!(3), &json!(1), &json!(0)));
    for wrong in ["state=gone", "limit=0", "after=nothing", "color=red"] {
        admin.get(&format!("/api/v1/jobs?{wrong}")).await.expect(422);
    }
    admin.get(&format!("/api/v1/jobs/{}", Uuid::now_v7())).await.expect(404);
    running.stop().await;
}

pub(super) async fn dead_letters_are_tried_again(site: Site) {
    let running = site.start().await;
    let admin = admin(&running).await;
    let failed = dead(&running, HARBOUR, 102).await;
    let one = format!("/api/v1/jobs/{}/retry", failed[0]);
    for _ in 0..2 {
        // As often as it is sent: what is not dead is left as it is.
        let job = admin.post(&one, &json!({})).await.expect(200).json();
        assert_eq!((&job["state"], &job["tries"]), (&json!("waiting"), &json!(0)));
    }
    let counted = async || queue(&admin.get("/api/v1/queues").await.expect(200).json());
    assert_eq!(counted().await["dead"], 101);
    let other = admin.post("/api/v1/jobs/retry", &json!({"queue": "another"})).await.expect(200).json();
    assert_eq!(other, json!({"retried": 0, "in_doubt": 0, "more": false}));
    admin.post("/api/v1/jobs/retry", &json!({"queues": QUEUE})).await.expect(400);
    let first = admin.post("/api/v1/jobs/retry", &json!({"queue": QUEUE})).await.expect(200).json();
    assert_eq!(first, json!({"retried": 100, "in_doubt": 0, "more": true}), "in bounded steps");
    let rest = admin.post("/api/v1/jobs/retry", &json!({})).await.expect(200).json();
    assert_eq!(rest, json!({"retried": 1, "in_doubt": 0, "more": false}));
    let count = counted().await;
    assert_eq!((&count["dead"], &count["due"]), (&json!(0), &json!(102)));
    admin.post(&format!("/api/v1/jobs/{}/retry", Uuid::now_v7()), &json!({})).await.expect(404);
    running.stop().await;
}

pub(super) async fn what_may_have_been_done_is_tried_again_by_its_id_alone(site: Site) {
    let running = site.start().await;
    let admin = admin(&running).await;
    let mut sent = Uuid::nil();
    for class in ["smtp.unknown", "smtp.time-over", "email.in-doubt"] {
        sent = enqueued(&running, HARBOUR).await;
        fail_all(&running, class).await;
    }
    dead(&running, HARBOUR, 2).await;
    let all = admin.post("/api/v1/jobs/retry", &json!({})).await.expect(200).json();
    assert_eq!(all, json!({"retried": 2, "in_doubt": 3, "more": false}));
    // A page that is in doubt as a whole does not hide what is behind it.
    dead(&running, HARBOUR, 1).await;
    for _ in 0..100 {
        enqueued(&running, HARBOUR).await;
    }
    fail_all(&running, "smtp.unknown").await;
    let all = admin.post("/api/v1/jobs/retry", &json!({})).await.expect(200).json();
    assert_eq!(all, json!({"retried": 3, "in_doubt": 103, "more": false}), "with those that failed anew");
    let one = admin.post(&format!("/api/v1/jobs/{sent}/retry"), &json!({})).await.expect(200).json();
    assert_eq!(one["state"], "waiting");
    running.stop().await;
}

pub(super) async fn another_clinic_and_other_roles_are_kept_out(site: Site) {
    let running = site.start().await;
    let theirs = dead(&running, HILL, 1).await[0];
    let admin = admin(&running).await;
    let listed = admin.get("/api/v1/jobs?limit=200").await.expect(200).json();
    assert!(!ids(&listed).contains(&theirs.to_string()));
    assert_eq!(queue(&admin.get("/api/v1/queues").await.expect(200).json()), Value::Null);
    admin.get(&format!("/api/v1/jobs/{theirs}")).await.expect(404);
    admin.post(&format!("/api/v1/jobs/{theirs}/retry"), &json!({})).await.expect(404);
    let all = admin.post("/api/v1/jobs/retry", &json!({})).await.expect(200).json();
    assert_eq!(all["retried"], 0);
    for role in ["doctor", "nurse", "receptionist", "auditor", "patient"] {
        let client = Client::signed_in(running.address, &format!("{role}@harbour.example")).await;
        client.get("/api/v1/jobs").await.expect(403);
        client.get("/api/v1/queues").await.expect(403);
        client.get(&format!("/api/v1/jobs/{theirs}")).await.expect(403);
        client.post(&format!("/api/v1/jobs/{theirs}/retry"), &json!({})).await.expect(403);
        client.post("/api/v1/jobs/retry", &json!({})).await.expect(403);
    }
    Client::new(running.address).get("/api/v1/jobs").await.expect(401);
    let hill = Client::signed_in(running.address, "clinic-admin@hill.example").await;
    let job = hill.get(&format!("/api/v1/jobs/{theirs}")).await.expect(200).json();
    assert_eq!(job["state"], "dead", "nobody else has touched it");
    running.stop().await;
}

pub(super) async fn what_is_looked_at_and_changed_is_in_the_audit_log(site: Site) {
    let running = site.start().await;
    let admin = admin(&running).await;
    let failed = dead(&running, HARBOUR, 1).await[0].to_string();
    admin.get("/api/v1/jobs").await.expect(200);
    admin.post(&format!("/api/v1/jobs/{failed}/retry"), &json!({})).await.expect(200);
    let log = admin.get("/api/v1/audit?limit=200").await.expect(200).json();
    let said = |action: &str, outcome: &str| {
        log["items"].as_array().unwrap().iter().any(|entry| {
            entry["kind"] == "job"
                && entry["action"] == action
                && entry["outcome"].as_str().unwrap().starts_with(outcome)
        })
    };
    assert!(said("list", "disclosed") && said("update", "allowed"), "{log}");
    assert!(said("update", "written: 1 job"), "{log}");
    let written = log["items"].as_array().unwrap().iter().find(|entry| entry["action"] == "update").unwrap();
    assert_eq!(written["target"], failed.as_str());
    let verdict = admin.get("/api/v1/audit/verify").await.expect(200).json();
    assert_eq!(verdict["sound"], true);
    running.stop().await;
}
