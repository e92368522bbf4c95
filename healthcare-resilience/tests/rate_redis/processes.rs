//! Eight processes with one limit. Each is this test program again, running `worker` alone.

use crate::{SECRET, connect, fresh};
use healthcare_resilience::{Clock, Moment, Quota, RedisRateLimit, WhileAway, testing::RedisServer};
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const PROCESSES: usize = 8;
const RATE: u32 = 200;
const BURST: u32 = 40;
const JOB: &str = "HEALTHCARE_RATE_WORKER";

/// When a decision was asked for and answered, on the clock of the machine that all processes share, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Admission {
    asked: u64,
    answered: u64,
}

fn micros() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

fn job(url: &str, key: &str, number: usize, lease: u32, micros: u64) -> String {
    // The clocks lie up to an hour before and behind the right one, each elsewhere.
    let skew = [23_u64, 25][number % 2] * 3600 + number as u64;
    format!("{url} {key} {skew} {lease} {micros}")
}

fn start(job: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "processes::worker", "--nocapture"])
        .env(JOB, job)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn collect(child: &mut Child) -> Vec<Admission> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let admission = |line: String| {
        let (asked, answered) = line.strip_prefix("admitted ")?.split_once(' ')?;
        Some(Admission { asked: asked.parse().ok()?, answered: answered.parse().ok()? })
    };
    let admissions = lines.map(Result::unwrap).filter_map(admission).collect();
    assert!(child.wait().unwrap().success());
    admissions
}

#[tokio::test]
#[ignore = "needs Redis: cargo xtask test"]
async fn worker() {
    let Ok(job) = std::env::var(JOB) else { return };
    let part: Vec<&str> = job.split(' ').collect();
    let (clock, hand) = Clock::manual();
    hand.set(Moment::START.after(Duration::from_secs(part[2].parse().unwrap())));
    let until: u64 = micros() + part[4].parse::<u64>().unwrap();
    let limit = RedisRateLimit::builder("many").quota(Quota::per_second(RATE).burst(BURST)).secret(SECRET);
    let limit = limit.connection(connect(part[0]).await).lease(part[3].parse().unwrap()).clock(clock);
    let limit = limit.while_away(WhileAway::LocalShare { instances: PROCESSES as u32 }).build().unwrap();
    let (mut before, mut lines) = (micros(), String::new());
    while before < until {
        let admitted = limit.acquire(part[1]).await.is_ok();
        let now = micros();
        if admitted {
            lines.push_str(&format!("admitted {before} {now}\n"));
        }
        // The skewed clock runs as fast as the right one.
        hand.advance(Duration::from_micros(now - before));
        before = now;
        tokio::task::yield_now().await;
    }
    println!("\n{lines}");
}

/// No window holds more than the burst, what comes back in it, and what may be over.
fn assert_windows(mut all: Vec<Admission>, over: u64) {
    all.sort_unstable_by_key(|admission| admission.asked);
    for (at, first) in all.iter().enumerate() {
        // What was asked for and answered within a window was decided within it.
        let mut ends: Vec<u64> = all[at..].iter().map(|admission| admission.answered).collect();
        ends.sort_unstable();
        for (count, end) in (1_u64..).zip(ends) {
            let window = end - first.asked;
            let allowed = u64::from(BURST) + window * u64::from(RATE) / 1_000_000 + over;
            assert!(count <= allowed, "{count} in {window} µs, {allowed} allowed");
        }
    }
}

fn run(server: &RedisServer, lease: u32, time: Duration) -> Vec<Vec<Admission>> {
    let key = fresh();
    let micros = u64::try_from(time.as_micros()).unwrap();
    let start = |number| start(&job(&server.url(), &key, number, lease, micros));
    let mut children: Vec<Child> = (0..PROCESSES).map(start).collect();
    children.iter_mut().map(collect).collect()
}

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn eight_processes_with_wrong_clocks_keep_one_limit() {
    let server = RedisServer::start();
    let all = run(&server, 1, Duration::from_secs(2)).concat();
    assert!(all.len() > BURST as usize, "only {} admitted: nothing came back", all.len());
    assert_windows(all, 0);
}

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn leases_are_over_by_one_for_each_process_at_most() {
    const LEASE: u32 = 5;
    let server = RedisServer::start();
    let all = run(&server, LEASE, Duration::from_secs(2)).concat();
    assert!(all.len() > BURST as usize, "only {} admitted: nothing came back", all.len());
    assert_windows(all, u64::from(LEASE) * PROCESSES as u64);
}

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn stalls_of_half_a_second_never_multiply_the_limit() {
    let server = RedisServer::start();
    let key = fresh();
    let start = |number| start(&job(&server.url(), &key, number, 1, 4_000_000));
    let mut children: Vec<Child> = (0..PROCESSES).map(start).collect();
    // The faults are the clock here: no assertion depends on how long they last.
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(500));
        server.stall();
        std::thread::sleep(Duration::from_millis(500));
        server.go_on();
    }
    let all: Vec<Admission> = children.iter_mut().flat_map(collect).collect();
    assert!(all.len() > BURST as usize, "only {} admitted: nothing came back", all.len());
    // Each process alone has a share; together they never have more than one limit more.
    let span = all.iter().map(|admission| admission.answered).max().unwrap()
        - all.iter().map(|admission| admission.asked).min().unwrap();
    assert_windows(all, u64::from(BURST) + span * u64::from(RATE) / 1_000_000);
}

#[test]
#[ignore = "needs Redis: cargo xtask test"]
fn while_the_server_is_dead_each_process_has_its_share() {
    let mut server = RedisServer::start();
    let key = fresh();
    let start = |number| start(&job(&server.url(), &key, number, 1, 3_000_000));
    let mut children: Vec<Child> = (0..PROCESSES).map(start).collect();
    std::thread::sleep(Duration::from_secs(1));
    server.kill();
    let dead = micros();
    for child in &mut children {
        let admissions = collect(child);
        let alone: Vec<_> = admissions.iter().filter(|admission| admission.asked > dead).collect();
        let Some(last) = alone.last() else { continue };
        let window = last.answered - dead;
        let share = u64::from(BURST) / PROCESSES as u64;
        let allowed = share + window * u64::from(RATE) / PROCESSES as u64 / 1_000_000 + 1;
        assert!(alone.len() as u64 <= allowed, "{} alone in {window} µs, {allowed} allowed", alone.len());
    }
}
