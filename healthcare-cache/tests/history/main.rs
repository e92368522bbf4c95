//! Two and three processes with one real Redis, and what goes wrong between them: their history is held to invariant 5.
//! Their clocks are up to two hours apart.
//!
//! Nothing waits in order to be right: the faults last for a while because that is what they are, and the history is judged
//! by when things happened.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod checker;
mod node;
mod proxy;
mod source;

use checker::{Deed, Event, Findings, judge};
use healthcare_core::ClinicId;
use healthcare_resilience::testing::{RedisCluster, RedisServer};
use node::Job;
use proxy::Proxy;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const JOB: &str = "HEALTHCARE_CACHE_NODE";
const BOUND: Duration = Duration::from_millis(1_500);

/// How long a history's parts last; the deep tier makes them ten times as long.
fn a_while() -> Duration {
    let deep = std::env::var_os("HEALTHCARE_TEST_DEEP").is_some();
    Duration::from_secs(if deep { 20 } else { 2 })
}

/// The nodes, and what they said so far.
struct Site {
    job: Job,
    history: Arc<Mutex<Vec<Event>>>,
    /// Each start of a process is a node of its own: what it remembers begins then.
    starts: AtomicUsize,
}

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    reader: thread::JoinHandle<()>,
}

impl Site {
    async fn at(redis: String) -> Self {
        let keys = node::wrapped_keys(&[ClinicId::random(), ClinicId::random()]).await;
        let job = Job { number: 0, redis, source: source::serve(), bound: BOUND, keys };
        Self { job, history: Arc::default(), starts: AtomicUsize::new(0) }
    }

    fn start(&self) -> Running {
        self.start_behind(&self.job.redis)
    }

    fn start_behind(&self, redis: &str) -> Running {
        let number = self.starts.fetch_add(1, Ordering::SeqCst);
        let job = Job { number, redis: redis.to_owned(), ..self.job.clone() };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "work_as_a_node", "--nocapture"])
            .env(JOB, job.write())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let history = Arc::clone(&self.history);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                history.lock().unwrap().extend(node::heard(number, &line));
            }
        });
        Running { child, stdin, reader }
    }

    /// A slow machine gets more time, so that a history is never judged by next to nothing.
    fn until_enough(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (reads, purges) = self.counts();
            if reads > 500 && purges > 20 {
                return;
            }
            assert!(Instant::now() < deadline, "it does too little: {reads} reads, {purges} purges");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn counts(&self) -> (usize, usize) {
        let history = self.history.lock().unwrap();
        let reads = history.iter().filter(|event| matches!(event.deed, Deed::Read { .. })).count();
        (reads, history.len() - reads)
    }

    /// Ends the nodes, and judges what they did.
    fn finish(&self, nodes: Vec<Running>) -> Findings {
        self.until_enough();
        for node in nodes {
            node.end();
        }
        let history = self.history.lock().unwrap();
        let findings = judge(&history, BOUND);
        let shown = &findings.violations[..findings.violations.len().min(5)];
        assert!(findings.violations.is_empty(), "{} of them, such as {shown:#?}", findings.violations.len());
        eprintln!(
            "{} reads, {} purges; {} reads were stale within the bound, by {:?} at most",
            findings.reads, findings.purges, findings.stale_within, findings.stalest
        );
        findings
    }
}

impl Running {
    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success(), "a node failed");
        self.reader.join().unwrap();
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        drop(self.child.wait());
        self.reader.join().unwrap();
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

/// The fault under test lasts.
fn last(times: u32) {
    thread::sleep(a_while() * times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "needs Redis: cargo xtask test"]
async fn work_as_a_node() {
    let Ok(job) = std::env::var(JOB) else { return };
    println!();
    node::work(&job).await;
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn three_nodes_that_are_left_in_peace() {
    let redis = RedisServer::start();
    let site = Site::at(redis.url()).await;
    let nodes = vec![site.start(), site.start(), site.start()];
    last(2);
    site.finish(nodes);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_node_is_killed_and_another_is_stopped_for_longer_than_the_bound() {
    let redis = RedisServer::start();
    let site = Site::at(redis.url()).await;
    let (stays, dies, sleeps) = (site.start(), site.start(), site.start());
    last(1);
    dies.kill();
    sleeps.signal("-STOP");
    last(1);
    sleeps.signal("-CONT");
    let comes = site.start();
    last(1);
    site.finish(vec![stays, sleeps, comes]);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn redis_is_stopped_killed_and_flushed() {
    let mut redis = RedisServer::start();
    let site = Site::at(redis.url()).await;
    let nodes = vec![site.start(), site.start(), site.start()];
    last(1);
    redis.stall();
    last(1);
    redis.go_on();
    last(1);
    redis.kill();
    last(1);
    redis.restart();
    last(1);
    for _ in 0..5 {
        let client = redis::Client::open(redis.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        thread::sleep(a_while() / 5);
    }
    site.finish(nodes);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn redis_evicts_whatever_it_likes() {
    let redis = RedisServer::with(&["--maxmemory", "1400kb", "--maxmemory-policy", "allkeys-random"]);
    let site = Site::at(redis.url()).await;
    let nodes = vec![site.start(), site.start()];
    last(3);
    site.finish(nodes);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn a_cluster_of_three_is_behind_them_and_one_of_it_stops_for_a_while() {
    let mut cluster = RedisCluster::start();
    let site = Site::at(cluster.urls().join(",")).await;
    let nodes = vec![site.start(), site.start(), site.start()];
    last(2);
    cluster.nodes()[0].stall();
    last(1);
    cluster.nodes()[0].go_on();
    last(2);
    site.finish(nodes);
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn one_node_is_cut_off_from_redis_and_comes_back() {
    let redis = RedisServer::start();
    let site = Site::at(redis.url()).await;
    let address = redis.url().trim_start_matches("redis://").trim_end_matches('/').parse().unwrap();
    let proxy = Proxy::before(address);
    let nodes = vec![site.start(), site.start_behind(&proxy.url()), site.start()];
    for _ in 0..2 {
        last(1);
        proxy.cut();
        last(1);
        proxy.heal();
    }
    last(1);
    site.finish(nodes);
}
