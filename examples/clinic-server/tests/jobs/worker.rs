//! Jobs: enqueued by one process, done by another, kept until they are done.
use super::common::{Client, HARBOUR, Site};
use async_trait::async_trait;
use clinic_server::{
    commands::{Running, start_as, start_with},
    config::{DatabaseConfig, OpsConfig},
    wiring::{Process, Server},
};
use healthcare_core::ClinicId;
use healthcare_messaging::{
    Attempt, Done, Enqueued, JobFailure, JobFilter, JobHandler, JobKind, NewJob, QueueCount, UniqueKey,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

/// A kind that only this test knows.
#[derive(Serialize, Deserialize)]
struct Told {
    id: Uuid,
}

impl JobKind for Told {
    const QUEUE: &'static str = "notification";
    const KIND: &'static str = "test.told";
}

struct Tells(mpsc::UnboundedSender<(Uuid, ClinicId)>);

#[async_trait]
impl JobHandler for Tells {
    type Job = Told;
    async fn run(&self, job: Told, attempt: &Attempt) -> Result<Done, JobFailure> {
        self.0.send((job.id, attempt.clinic())).map_err(|_| JobFailure::retry("test.gone"))?;
        Ok(Done::Complete)
    }
}

pub(super) fn harbour() -> ClinicId {
    HARBOUR.parse().unwrap()
}

fn told(id: Uuid) -> NewJob {
    NewJob::builder(harbour(), &Told { id }).once(UniqueKey::new("test.told", id, 1)).build().unwrap()
}

async fn worker(site: &Site, process: Process) -> (Running, mpsc::UnboundedReceiver<(Uuid, ClinicId)>) {
    let (tells, told) = mpsc::unbounded_channel();
    let running = start_with(&site.config, process, |worker, _| worker.handler(Tells(tells))).await;
    (running.unwrap_or_else(|error| panic!("{error}")), told)
}

pub(super) async fn counted(running: &Running) -> QueueCount {
    counted_in(&running.server, "notification").await
}

pub(super) async fn counted_in(server: &Server, queue: &str) -> QueueCount {
    let filter = JobFilter::clinic(harbour()).queue(queue);
    server.app.jobs.store().counts(&filter).await.unwrap().pop().unwrap_or_default()
}

/// Asks until it is so, at most for a minute.
async fn until(running: &Running, what: &str, so: impl Fn(&QueueCount) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let count = counted(running).await;
        if so(&count) {
            return;
        }
        assert!(Instant::now() < end, "waited in vain until {what}: {count:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn what_one_process_enqueues_another_does(site: Site) {
    let serve = start_as(&site.config, Process::Serve).await.unwrap_or_else(|error| panic!("{error}"));
    let id = Uuid::now_v7();
    let jobs = &serve.server.app.jobs;
    assert_eq!(jobs.enqueue(told(id)).await.unwrap(), Enqueued::New);
    assert_eq!(jobs.enqueue(told(id)).await.unwrap(), Enqueued::Known);
    assert!(jobs.worker().is_none(), "who answers does not work");
    assert_eq!(counted(&serve).await.due, 1);

    let (worker, mut tells) = worker(&site, Process::Worker).await;
    assert_eq!(tells.recv().await, Some((id, harbour())));
    until(&worker, "it is done", |count| count.done == 1 && count.due == 0).await;
    assert_eq!(worker.server.app.jobs.worker().unwrap().tally().completed, 1);
    assert!(worker.stop().await.is_clean());
    serve.stop().await;
    assert_eq!(tells.recv().await, None, "once");
}

/// A queue has one name in one process's metrics, whatever else is counted there.
pub(super) async fn queues_are_measured_without_a_word_of_a_clinic(mut site: Site) {
    let queue: &'static str = Box::leak(format!("measured-{}", Uuid::now_v7()).into_boxed_str());
    let serve = start_as(&site.config, Process::Serve).await.unwrap_or_else(|error| panic!("{error}"));
    for after in [0, 0, 3_600] {
        let job = NewJob::raw(harbour(), queue, "test.kind", "{}").after(Duration::from_secs(after));
        serve.server.app.jobs.enqueue(job.build().unwrap()).await.unwrap();
    }
    site.config.ops = Some(OpsConfig { listen: ([127, 0, 0, 1], 0).into(), token: None });
    let (worker, _) = worker(&site, Process::Worker).await;
    let operator = Client::new(worker.ops.unwrap());
    let end = Instant::now() + Duration::from_secs(60);
    let due = format!("jobs{{queue=\"{queue}\",state=\"due\"}} 2");
    let metrics = loop {
        let metrics = operator.get("/metrics").await.expect(200).body;
        if metrics.contains(&due) {
            break metrics;
        }
        assert!(Instant::now() < end, "{metrics}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(metrics.contains(&format!("jobs{{queue=\"{queue}\",state=\"delayed\"}} 1")), "{metrics}");
    // Other tests' workers count in the same process.
    for name in ["worker_jobs_in_flight ", "worker_jobs_total{end=\"completed\"} "] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    assert!(!metrics.contains(HARBOUR), "a clinic is no label");
    worker.stop().await;
    serve.stop().await;
}

pub(super) async fn a_kind_that_nobody_knows_waits(site: Site) {
    let running = site.start().await;
    let app = &running.server.app;
    app.jobs.enqueue(told(Uuid::now_v7())).await.unwrap();
    until(&running, "it was given back", |count| count.delayed == 1).await;
    assert_eq!(app.jobs.worker().unwrap().tally().unknown, 1);
    running.stop().await;

    let (worker, mut tells) = worker(&site, Process::All).await;
    tells.recv().await.unwrap();
    until(&worker, "a later version has done it", |count| count.done == 1).await;
    worker.stop().await;
}

/// All that waits is due: PostgreSQL's clock cannot be moved.
async fn an_hour_later(site: &Site) {
    use sqlx::{Connection as _, Executor as _};
    let due = "UPDATE main.job SET due_at = created_at WHERE state = 'waiting'";
    match &site.config.database {
        DatabaseConfig::Postgres { relay, .. } => {
            let mut relay = sqlx::PgConnection::connect(relay.expose()).await.unwrap();
            assert_eq!(relay.execute(due).await.unwrap().rows_affected(), 1);
        }
        DatabaseConfig::Sqlite(path) => {
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
            assert_eq!(database.execute(due).await.unwrap().rows_affected(), 1);
        }
    }
}

pub(super) async fn what_is_due_after_the_stop_is_done_by_the_next(site: Site) {
    let (first, _) = worker(&site, Process::All).await;
    let id = Uuid::now_v7();
    let job = NewJob::builder(harbour(), &Told { id }).after(Duration::from_secs(3_600)).build().unwrap();
    first.server.app.jobs.enqueue(job).await.unwrap();
    assert_eq!(counted(&first).await.delayed, 1);
    assert!(first.stop().await.is_clean());
    an_hour_later(&site).await;

    let (next, mut tells) = worker(&site, Process::All).await;
    assert_eq!(tells.recv().await, Some((id, harbour())));
    next.stop().await;
}
