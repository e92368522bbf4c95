//! How many events a second become durable here, and how long does one take?
//!
//! `cargo run --release -p healthcare-audit --features testing --example throughput -- [DIR]`
//!
//! Prints, for 1, 8 and 64 clients: events per second, median and 99th percentile of the time from `submit` to the receipt, and
//! what `submit` itself costs its caller. Compare only numbers from one machine and one disk.

use healthcare_audit::{
    AuditLog,
    testing::{allowed, clinic},
};
use healthcare_core::{AuditSink as _, MemoryKeys, MemoryScopeKeys, Vault};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = tempfile::tempdir()?;
    let dir = std::env::args_os().nth(1).map_or_else(|| home.path().to_owned(), PathBuf::from);
    let vault = Vault::new(&MemoryKeys::random()?, Arc::new(MemoryScopeKeys::default()))?;
    let log = AuditLog::builder(dir, Arc::new(vault.house_cipher())).open()?;
    let mut base = 0;
    println!("clients  events/s    p50 µs    p99 µs  submit µs");
    for (clients, each) in [(1_u128, 2_000_u128), (8, 2_000), (64, 1_000)] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..clients)
            .map(|client| tokio::spawn(one_client(log.clone(), base + client * each, each)))
            .collect();
        let (mut waits, mut submits) = (Vec::new(), Duration::ZERO);
        for task in tasks {
            let (waited, submitted) = task.await??;
            waits.extend(waited);
            submits += submitted;
        }
        let elapsed = started.elapsed();
        base += clients * each;
        waits.sort_unstable();
        let at =
            |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default().as_micros();
        let rate = waits.len() as f64 / elapsed.as_secs_f64();
        let submit = submits.as_secs_f64() * 1e6 / waits.len() as f64;
        println!("{clients:>7} {rate:>9.0} {:>9} {:>9} {submit:>10.1}", at(50), at(99));
    }
    tokio::task::spawn_blocking(move || log.close()).await??;
    Ok(())
}

type Times = (Vec<Duration>, Duration);

async fn one_client(log: AuditLog, from: u128, count: u128) -> Result<Times, healthcare_core::NotDurable> {
    let (mut waits, mut submits) = (Vec::new(), Duration::ZERO);
    for number in from..from + count {
        let event = allowed(clinic(1), number);
        let started = Instant::now();
        let receipt = log.submit(event);
        submits += started.elapsed();
        receipt.await?;
        waits.push(started.elapsed());
    }
    Ok((waits, submits))
}
