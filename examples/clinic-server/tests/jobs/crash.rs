//! A worker that is killed amid a job: this same program, told to be one. Another finishes what it had begun.

use super::{
    common::{HARBOUR, Site},
    worker::{counted, harbour},
};
use async_trait::async_trait;
use clinic_server::{
    commands::{start_as, start_with},
    config::{Config, DatabaseConfig, DatabaseUrl},
    wiring::Process,
};
use healthcare_messaging::{Attempt, Done, JobFailure, JobHandler, JobKind, JobState, NewJob};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};
use uuid::Uuid;

const DATA: &str = "CLINIC_TEST_WORKER_DATA";
const DATABASE: &str = "CLINIC_TEST_WORKER_DATABASE";
const RELAY: &str = "CLINIC_TEST_WORKER_RELAY";
const STARTS: &str = "CLINIC_TEST_WORKER_STARTS";
const HANGS: &str = "CLINIC_TEST_WORKER_HANGS";
/// Longer than a lease, by as much as a machine may be slow.
const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
struct Visit {
    id: Uuid,
}

impl JobKind for Visit {
    const QUEUE: &'static str = "notification";
    const KIND: &'static str = "test.visit";
}

/// Writes each start into a file: the evidence does not come from the queue's own table.
struct Visits {
    starts: Mutex<File>,
    hangs: bool,
}

#[async_trait]
impl JobHandler for Visits {
    type Job = Visit;
    async fn run(&self, job: Visit, attempt: &Attempt) -> Result<Done, JobFailure> {
        let line = format!("{} {}\n", job.id, attempt.tries());
        self.starts.lock().unwrap().write_all(line.as_bytes()).unwrap();
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(Done::Complete)
    }
}

/// Without being told it does nothing.
#[test]
fn child() {
    let Ok(data) = std::env::var(DATA) else { return };
    let database = match (std::env::var(DATABASE), std::env::var(RELAY)) {
        (Ok(application), Ok(relay)) => DatabaseConfig::Postgres {
            application: DatabaseUrl::parse(&application).unwrap(),
            relay: DatabaseUrl::parse(&relay).unwrap(),
        },
        (Ok(path), _) => DatabaseConfig::Sqlite(PathBuf::from(path)),
        _ => panic!("{DATABASE} is set"),
    };
    let config = Config {
        database,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Config::demonstration(PathBuf::from(data))
    };
    let starts = OpenOptions::new().append(true).create(true).open(std::env::var(STARTS).unwrap()).unwrap();
    let visits = Visits { starts: Mutex::new(starts), hangs: std::env::var(HANGS).is_ok() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let running = start_with(&config, Process::Worker, |worker, _| worker.handler(visits)).await;
        let _running = running.unwrap_or_else(|error| panic!("{error}"));
        // Until it is killed.
        std::future::pending::<()>().await;
    });
}

/// A worker in a process of its own, which is gone when this is dropped.
struct Worker(Child);

impl Worker {
    fn spawn(site: &Site, starts: &Path, hangs: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["crash::child", "--exact", "--nocapture"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.env(DATA, &site.config.data_dir).env(STARTS, starts);
        match &site.config.database {
            DatabaseConfig::Sqlite(path) => command.env(DATABASE, path),
            DatabaseConfig::Postgres { application, relay } => {
                command.env(DATABASE, application.expose()).env(RELAY, relay.expose())
            }
        };
        if hangs {
            command.env(HANGS, "1");
        }
        Self(command.spawn().unwrap())
    }
}

impl Drop for Worker {
    /// SIGKILL.
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

async fn until_written(starts: &Path, wanted: &str) {
    let end = Instant::now() + DEADLINE;
    while std::fs::read_to_string(starts).unwrap_or_default() != wanted {
        assert!(Instant::now() < end, "{wanted:?}: {:?}", std::fs::read_to_string(starts));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(super) async fn a_killed_workers_job_is_finished_by_another(site: Site) {
    let serve = start_as(&site.config, Process::Serve).await.unwrap_or_else(|error| panic!("{error}"));
    let (starts, id) = (site.dir.path().join("starts"), Uuid::now_v7());
    let job = NewJob::builder(harbour(), &Visit { id }).build().unwrap();
    let filed = job.id();
    serve.server.app.jobs.enqueue(job).await.unwrap();

    let first = Worker::spawn(&site, &starts, true);
    until_written(&starts, &format!("{id} 1\n")).await;
    drop(first);
    assert_eq!(counted(&serve).await.running, 1, "held by nobody who lives, until the lease is over");

    let second = Worker::spawn(&site, &starts, false);
    until_written(&starts, &format!("{id} 1\n{id} 2\n")).await;
    let end = Instant::now() + DEADLINE;
    let filter = healthcare_messaging::JobFilter::clinic(HARBOUR.parse().unwrap());
    loop {
        let job = serve.server.app.jobs.store().find(&filter, filed).await.unwrap().unwrap();
        if job.state == JobState::Done {
            assert_eq!((job.tries, job.error_class.as_deref()), (2, Some("abandoned")));
            break;
        }
        assert!(Instant::now() < end, "{job:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(second);
    serve.stop().await;
}
