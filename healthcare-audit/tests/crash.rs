//! A process that writes under 64 clients is killed at random points; whatever it had acknowledged is in the log.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    AuditLog, OpenError, Query,
    testing::{allowed, cipher, clinic},
    verify::{Verdict, Verifier},
};
use healthcare_core::AuditSink as _;
use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

const DIR: &str = "HEALTHCARE_AUDIT_CRASH_DIR";
const ROUND: &str = "HEALTHCARE_AUDIT_CRASH_ROUND";
const CLIENTS: u128 = 64;

fn open(dir: &Path) -> Result<AuditLog, OpenError> {
    AuditLog::builder(dir, cipher()).segment_bytes(200_000).open()
}

/// The process that is killed: this same program, told to write until it dies. Without being told it does nothing.
#[test]
fn appender() {
    let (Some(dir), Ok(round)) = (std::env::var_os(DIR), std::env::var(ROUND)) else { return };
    let round: u128 = round.parse().unwrap();
    let log = open(Path::new(&dir)).unwrap();
    println!("\nopen");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let log = log.clone();
            runtime.spawn(async move {
                for number in 0.. {
                    let request = client * 1_000_000 + number;
                    log.submit(allowed(clinic(round), request)).await.unwrap();
                    // One write of one line: what the parent reads whole was acknowledged.
                    std::io::stdout().lock().write_all(format!("ack {request}\n").as_bytes()).unwrap();
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for client in clients {
            client.await.unwrap();
        }
    });
}

fn spawn(dir: &Path, round: u128) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "appender", "--nocapture", "--test-threads", "1"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a process write until it has said this many lines, kills it, and gives every request it had acknowledged.
fn one_life(dir: &Path, round: u128, lines: u64) -> Vec<u128> {
    let mut child = spawn(dir, round);
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let (mut acknowledged, mut read, mut killed) = (Vec::new(), 0, false);
    let mut line = String::new();
    loop {
        line.clear();
        if said.read_line(&mut line).unwrap() == 0 {
            break;
        }
        read += 1;
        if read >= lines && !killed {
            child.kill().unwrap();
            killed = true;
        }
        if let Some(request) = line.strip_prefix("ack ").and_then(|rest| rest.strip_suffix('\n')) {
            acknowledged.push(request.parse().unwrap());
        }
    }
    child.wait().unwrap();
    assert!(killed, "the appender ended by itself in round {round}");
    acknowledged
}

fn stored(log: &AuditLog, round: u128) -> Vec<u128> {
    let (mut before, mut requests) = (u64::MAX, Vec::new());
    loop {
        let page = log.read(&Query::new(clinic(round)).limit(1_000).before(before)).unwrap();
        requests
            .extend(page.entries.iter().map(|entry| entry.id.correlation.as_uuid().as_u128() - 0xc0_0000));
        let Some(next) = page.next else { return requests };
        before = next;
    }
}

fn check(log: &AuditLog, round: u128, acknowledged: &[u128]) {
    let requests = stored(log, round);
    let known: HashSet<u128> = requests.iter().copied().collect();
    assert_eq!(known.len(), requests.len(), "round {round}: something is there twice");
    let lost: Vec<_> = acknowledged.iter().filter(|request| !known.contains(request)).collect();
    assert!(lost.is_empty(), "round {round}: acknowledged and lost: {lost:?}");
}

#[test]
fn killed_at_random_points_it_keeps_every_acknowledged_event() {
    let rounds = if std::env::var_os("HEALTHCARE_TEST_DEEP").is_some() { 220 } else { 12 };
    let dir = tempfile::tempdir().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut lives = Vec::new();
    for round in 0..rounds {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Also before the first acknowledgement: the first lines are the test harness's and the opening's.
        let acknowledged = one_life(dir.path(), round, 1 + random % 700);
        let verdict = Verifier::directory(dir.path()).run().unwrap();
        assert_ne!(verdict.verdict(), Verdict::Broken, "round {round}: {verdict}");
        let log = open(dir.path()).unwrap();
        check(&log, round, &acknowledged);
        lives.push((round, acknowledged));
    }
    let log = open(dir.path()).unwrap();
    for (round, acknowledged) in &lives {
        check(&log, *round, acknowledged);
    }
    drop(log);
    let report = Verifier::directory(dir.path()).run().unwrap();
    assert_eq!(report.verdict(), Verdict::Sound, "{report}");
    let total: usize = lives.iter().map(|(_, acknowledged)| acknowledged.len()).sum();
    println!("{rounds} kills, {total} acknowledged events, all there; {report}");
    assert!(
        total > 100 * usize::try_from(rounds).unwrap(),
        "{total} events is too little work to be killed in"
    );
}

#[test]
fn a_second_process_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = spawn(dir.path(), 0);
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line != "open\n" {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the appender did not open its log");
    }
    let refused = open(dir.path()).unwrap_err();
    assert!(matches!(&refused, OpenError::Locked(path) if path == dir.path()), "{refused:?}");
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    // Reading needs no lock. Every entry that is whole by now is sound, whatever the writer adds meanwhile.
    let report = Verifier::directory(dir.path()).run().unwrap();
    assert_ne!(report.verdict(), Verdict::Broken, "{report}");
    child.kill().unwrap();
    child.wait().unwrap();
    open(dir.path()).unwrap();
}
