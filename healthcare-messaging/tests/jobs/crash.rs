//! Workers that are killed, stopped, and brought down by their jobs: this same program, told to be one of them.

use super::site::{Site, Sql};
use async_trait::async_trait;
use healthcare_messaging::{
    Attempt, DeathReason, Done, JobError, JobFailure, JobFilter, JobHandler, JobKind, JobStore, NewJob,
    Wanted, Worker, testing::JobRig as _,
};
use healthcare_resilience::Shutdown;
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use uuid::Uuid;

const ROLE: &str = "HEALTHCARE_JOBS_ROLE";
const URL: &str = "HEALTHCARE_JOBS_URL";
const RELAY_URL: &str = "HEALTHCARE_JOBS_RELAY_URL";
const EFFECTS: &str = "HEALTHCARE_JOBS_EFFECTS";
/// The shortest there is.
const LEASE: Duration = Duration::from_secs(1);
const WORKERS: usize = 3;
const CONCURRENCY: u32 = 8;
/// Until then a test polls for what must happen.
const DEADLINE: Duration = Duration::from_secs(120);

#[derive(Serialize, Deserialize)]
enum Does {
    Writes,
    Aborts,
}

impl JobKind for Does {
    const QUEUE: &'static str = "mail";
    const KIND: &'static str = "does";
}

/// Writes each start into a file, in one write: the evidence does not come from the queue's own table.
struct Writes(Mutex<File>);

#[async_trait]
impl JobHandler for Writes {
    type Job = Does;
    async fn run(&self, job: Does, attempt: &Attempt) -> Result<Done, JobFailure> {
        let line = format!("{} {}\n", attempt.lease().id, attempt.lease().token);
        self.0.lock().unwrap().write_all(line.as_bytes()).unwrap();
        match job {
            Does::Writes => tokio::time::sleep(Duration::from_millis(2)).await,
            Does::Aborts => std::process::abort(),
        }
        Ok(Done::Complete)
    }
}

/// Without being told it does nothing.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let site = Site::known(std::env::var(URL).unwrap(), std::env::var(RELAY_URL).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let sql = Sql::live(site).await;
        if role == "zombie" { zombie(sql).await } else { work(sql).await }
    });
}

/// Works until it is killed.
async fn work(sql: Sql) {
    let effects = OpenOptions::new().append(true).create(true).open(std::env::var(EFFECTS).unwrap()).unwrap();
    let worker = Worker::builder(std::sync::Arc::new(sql.jobs))
        .queue("mail", CONCURRENCY)
        .handler(Writes(Mutex::new(effects)))
        .lease(LEASE)
        .poll(Duration::from_millis(50))
        .backoff(Duration::from_millis(50), Duration::from_millis(200))
        .build()
        .unwrap();
    let shutdown = Shutdown::builder().stage("worker", Duration::from_secs(1)).build().unwrap();
    worker.run(shutdown.stage("worker").unwrap().token()).await;
}

/// Claims three jobs, says so, waits until it is told to go on, and tries everything.
async fn zombie(sql: Sql) {
    let held = sql.jobs.claim(&[Wanted { queue: "mail", limit: 3 }], LEASE).await.unwrap().jobs;
    println!("\nclaimed {}", held.len());
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    for job in held {
        let jobs = &sql.jobs;
        let results = [
            jobs.extend(job.lease, LEASE).await,
            jobs.progress(job.lease, 50).await,
            jobs.give_back(job.lease, Duration::ZERO).await,
            jobs.fail(job.lease, "late", Some(Duration::ZERO)).await.map(drop),
            jobs.fail(job.lease, "late", None).await.map(drop),
            jobs.complete(job.lease).await,
        ];
        let lost = results.iter().filter(|result| matches!(result, Err(JobError::LeaseLost))).count();
        println!("\nlost {lost}");
    }
}

fn spawn(role: &str, site: &Site, effects: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture", "--test-threads", "1"])
        .env(ROLE, role)
        .env(URL, &site.url)
        .env(RELAY_URL, &site.relay_url)
        .env(EFFECTS, effects)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ends its process when the test fails.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Asks again and again until it is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

struct Effects {
    _directory: TempDir,
    path: PathBuf,
}

impl Effects {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { path: directory.path().join("effects"), _directory: directory }
    }

    /// How often each job was started.
    fn starts(&self) -> HashMap<Uuid, usize> {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.path) {
            file.read_to_string(&mut text).unwrap();
        }
        let mut starts = HashMap::new();
        // A start is one write of one line.
        for line in text.lines() {
            let (id, _) = line.split_once(' ').unwrap();
            *starts.entry(id.parse().unwrap()).or_default() += 1;
        }
        starts
    }
}

async fn add(sql: &Sql, count: usize, does: impl Fn() -> Does, tries: u32) -> HashSet<Uuid> {
    let job = || NewJob::builder(sql.stage.clinic, &does()).tries(tries).build().unwrap();
    let batch: Vec<NewJob> = (0..count).map(|_| job()).collect();
    let ids = batch.iter().map(NewJob::id).collect();
    sql.jobs.enqueue_all(batch).await.unwrap();
    ids
}

/// T2, scaled: nothing is lost, and what is done twice was in flight when its worker was killed.
async fn killed_workers(site: Site) {
    const JOBS: usize = 600;
    const KILLS: usize = 6;
    let (sql, effects) = (Sql::live(site.clone()).await, Effects::new());
    let all = add(&sql, JOBS, || Does::Writes, 100).await;
    let mut workers: Vec<Process> =
        (0..WORKERS).map(|_| Process(spawn("worker", &site, &effects.path))).collect();
    for kill in 0..KILLS {
        let so_far = JOBS * (kill + 1) / (KILLS + 2);
        until("jobs are done", async || effects.starts().len() >= so_far).await;
        workers[kill % WORKERS].kill();
        workers[kill % WORKERS] = Process(spawn("worker", &site, &effects.path));
    }
    let filter = JobFilter::default();
    until("all is done", async || {
        let counts = sql.jobs.counts(&filter).await.unwrap();
        counts.iter().map(|count| count.done).sum::<u64>() == JOBS as u64
    })
    .await;
    drop(workers);
    let starts = effects.starts();
    assert_eq!(starts.keys().copied().collect::<HashSet<_>>(), all, "lost");
    let twice: usize = starts.values().map(|starts| starts - 1).sum();
    assert!(twice <= KILLS * CONCURRENCY as usize, "{twice} starts too many");
    sql.site.remove().await;
}

/// T3: what brings its worker down ends among the dead letters, after exactly as many starts as it may have, and everything else is done.
async fn poison(site: Site) {
    const TRIES: u32 = 3;
    const OTHERS: usize = 100;
    let (sql, effects) = (Sql::live(site.clone()).await, Effects::new());
    let aborting = add(&sql, 1, || Does::Aborts, TRIES).await;
    let others = add(&sql, OTHERS, || Does::Writes, 100).await;
    let raw = |kind, payload: &str| {
        NewJob::raw(sql.stage.clinic, "mail", kind, payload).tries(TRIES).build().unwrap()
    };
    let (garbled, unknown) = (raw(Does::KIND, "{"), raw("of.tomorrow", "{}"));
    let garbled_id = garbled.id();
    sql.jobs.enqueue_all(vec![garbled, unknown]).await.unwrap();
    let mut worker = Process(spawn("worker", &site, &effects.path));
    let filter = JobFilter::default();
    until("the poison is dead and the rest is done", async || {
        if worker.0.try_wait().unwrap().is_some() {
            worker = Process(spawn("worker", &site, &effects.path));
        }
        let counts = sql.jobs.counts(&filter).await.unwrap();
        counts.iter().any(|count| count.done == OTHERS as u64 && count.dead == 2)
    })
    .await;
    drop(worker);
    let dead = sql.jobs.dead_letters(&filter, None, 10).await.unwrap();
    let of = |id: Uuid| dead.iter().find(|letter| letter.id == id).expect("it is a dead letter");
    let aborting = aborting.into_iter().next().unwrap();
    assert_eq!(effects.starts()[&aborting], TRIES as usize, "started as often as it may");
    assert_eq!((of(aborting).tries, of(aborting).reason), (TRIES, DeathReason::Abandoned));
    assert_eq!((of(garbled_id).tries, of(garbled_id).error_class.as_str()), (TRIES, "unreadable"));
    assert!(others.iter().all(|id| effects.starts().contains_key(id)));
    let count = sql.jobs.counts(&filter).await.unwrap().remove(0);
    assert_eq!(count.due + count.delayed + count.running, 1, "the unknown kind is kept: {count:?}");
    sql.site.remove().await;
}

/// T1 with a process that is stopped and goes on.
async fn stopped_worker(site: Site) {
    let (sql, effects) = (Sql::live(site.clone()).await, Effects::new());
    add(&sql, 3, || Does::Writes, 100).await;
    let mut zombie = Process(spawn("zombie", &site, &effects.path));
    let mut said = BufReader::new(zombie.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line == "claimed 3"), "the child has ended");
    zombie.signal("-STOP");
    let mut held = Vec::new();
    until("the leases are over", async || {
        let claimed = sql.jobs.claim(&[Wanted { queue: "mail", limit: 3 }], 60 * LEASE).await.unwrap();
        held.extend(claimed.jobs);
        held.len() == 3
    })
    .await;
    // One is done, one waits for its next try, one still runs.
    sql.jobs.complete(held[0].lease).await.unwrap();
    sql.jobs.fail(held[1].lease, "sample", Some(3_600 * LEASE)).await.unwrap();
    zombie.signal("-CONT");
    let mut tell: ChildStdin = zombie.0.stdin.take().unwrap();
    tell.write_all(b"go\n").unwrap();
    let lost: Vec<String> = said.filter(|line| line.starts_with("lost ")).collect();
    assert_eq!(lost, ["lost 6"; 3]);
    let count = sql.jobs.counts(&JobFilter::clinic(sql.clinic())).await.unwrap().remove(0);
    assert_eq!((count.done, count.delayed, count.running, count.dead), (1, 1, 1, 0));
    sql.jobs.complete(held[2].lease).await.expect("the holder still holds it");
    sql.site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_loses_nothing_to_killed_workers() {
    killed_workers(Site::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_loses_nothing_to_killed_workers() {
    killed_workers(Site::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_buries_what_brings_workers_down() {
    poison(Site::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_buries_what_brings_workers_down() {
    poison(Site::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_ignores_a_worker_that_was_stopped_and_goes_on() {
    stopped_worker(Site::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test"]
async fn postgresql_ignores_a_worker_that_was_stopped_and_goes_on() {
    stopped_worker(Site::postgres().await).await;
}
