//! The Redis is killed, comes back, falls silent and goes on, while people read and write through both servers.

use crate::{
    PATIENCE, PATIENTS, Pair,
    common::{Answer, Client},
    hits, ids,
    register::{Register, name},
    until,
};
use clinic_server::commands::Running;
use healthcare_resilience::State;
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

const READERS: usize = 4;
/// How long after it was lost somebody may be told to come again.
const REFUSED_MAX: Duration = Duration::from_secs(5);

/// The patients, what is known to have been written, and when the Redis was lost.
struct Load {
    patients: Vec<(String, Register)>,
    lost: Mutex<Instant>,
    reads: AtomicUsize,
    refused: AtomicUsize,
    ends: AtomicBool,
}

impl Load {
    /// Whether it was answered. Nothing worse is allowed than to be told when to come again, and only for a while after the loss.
    fn is_answered(&self, answer: &Answer, begun: Instant) -> bool {
        if answer.status == 200 {
            return true;
        }
        let since = begun.saturating_duration_since(*self.lost.lock().unwrap());
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.header("retry-after").is_some() && since <= REFUSED_MAX, "{since:?}: {}", answer.body);
        self.refused.fetch_add(1, Ordering::SeqCst);
        false
    }

    async fn read(&self, client: &Client, server: usize) {
        for (id, register) in self.patients.iter().cycle() {
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            let begun = Instant::now();
            let answer = client.get(&format!("{PATIENTS}/{id}")).await;
            if self.is_answered(&answer, begun) {
                register.judge(&answer.json(), server, begun);
                self.reads.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// The one who writes this patient, now through one server and now through the other.
    async fn write(&self, clients: &[Client; 2], patient: usize) {
        let (id, register) = &self.patients[patient];
        let path = format!("{PATIENTS}/{id}");
        for turn in 0.. {
            if self.ends.load(Ordering::SeqCst) {
                return;
            }
            // Lists are read from the database.
            let begun = Instant::now();
            let list = clients[0].get(PATIENTS).await;
            if !self.is_answered(&list, begun) {
                continue;
            }
            let list = list.json();
            let known = list["items"].as_array().unwrap().iter().find(|item| item["id"] == **id).unwrap();
            let version = known["version"].as_i64().unwrap();
            let (server, begun) = (turn % 2, Instant::now());
            let body = json!({"version": version, "given": name(version + 1)});
            let answer = clients[server].patch(&path, &body).await;
            if self.is_answered(&answer, begun) {
                register.written(answer.json()["version"].as_i64().unwrap(), server);
            }
        }
    }

    fn done(&self) -> (usize, usize) {
        (self.reads.load(Ordering::SeqCst), self.patients.iter().map(|(_, register)| register.writes()).sum())
    }

    /// So many reads and writes more, under each condition.
    async fn more(&self, reads: usize, writes: usize) {
        let begun = self.done();
        until("the load has gone on", async || {
            let now = self.done();
            now.0 >= begun.0 + reads && now.1 >= begun.1 + writes
        })
        .await;
    }

    fn lose(&self) {
        *self.lost.lock().unwrap() = Instant::now();
    }
}

/// Whether operators are told of the open circuit, while requests are served.
async fn is_degraded(running: &Running) -> bool {
    let report = running.server.app.health.readiness().await;
    assert!(report.is_ready(), "everything is served without it");
    let circuit =
        report.components.iter().find(|component| component.name == "cache-shared").expect("it is shown");
    circuit.condition.state == State::Degraded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and Redis: cargo xtask test"]
async fn a_redis_that_is_killed_and_comes_back_gives_no_wrong_answer() {
    let mut pair = Pair::start().await;
    let clients = pair.signed_in("receptionist").await;
    let patients = ids(&clients[0], PATIENTS).await.into_iter().map(|id| (id, Register::default()));
    let load = Arc::new(Load {
        patients: patients.collect(),
        lost: Mutex::new(Instant::now()),
        reads: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        ends: AtomicBool::new(false),
    });
    let mut tasks = JoinSet::new();
    for reader in 0..READERS {
        let (load, client) = (Arc::clone(&load), clients[reader % 2].clone());
        tasks.spawn(async move { load.read(&client, reader % 2).await });
    }
    for patient in 0..2 {
        let (load, clients) = (Arc::clone(&load), clients.clone());
        tasks.spawn(async move { load.write(&clients, patient).await });
    }
    let trouble = async {
        load.more(100, 10).await;
        for _ in 0..2 {
            load.lose();
            pair.redis.kill();
            load.more(50, 5).await;
            until("it is said to be away", async || is_degraded(&pair.one).await).await;
            pair.redis.restart();
            load.more(20, 2).await;
            pair.until_both_hear().await;
            load.more(50, 5).await;
            load.lose();
            pair.redis.stall();
            load.more(20, 4).await;
            pair.redis.go_on();
            pair.until_both_hear().await;
            load.more(50, 5).await;
        }
        load.ends.store(true, Ordering::SeqCst);
    };
    let judged = async {
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    };
    // Whoever finds a wrong answer ends the test, and not the patience.
    tokio::time::timeout(PATIENCE * 4, async {
        tokio::pin!(trouble);
        tokio::pin!(judged);
        tokio::select! {
            () = &mut trouble => judged.await,
            () = &mut judged => panic!("the load ended before the trouble"),
        }
    })
    .await
    .expect("the load goes on");
    let (reads, writes) = load.done();
    println!(
        "{reads} reads and {writes} writes judged, {} told to come again",
        load.refused.load(Ordering::SeqCst)
    );
    for running in [&pair.one, &pair.other] {
        assert!(hits(running, "patient").0 > 0, "what was judged was remembered, too");
    }
    pair.stop().await;
}
