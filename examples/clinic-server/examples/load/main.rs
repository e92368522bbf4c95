//! Figures of the server under a stated mix, and what clients see when the Redis under it is killed.
//!
//! ```sh
//! cargo build --release -p clinic-server --bins --examples
//! eval "$(cargo xtask services up)"
//! target/release/examples/load --out docs/evidence/2026-11-21-server.md
//! ```
//!
//! Every answer about a patient is checked against what was written: a version older than one that was acknowledged before the question
//! was asked is counted as wrong, and so is a value that does not belong to its version. What another server acknowledged less than the cache's
//! bound ago may be older: it is counted as late.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod client;
mod mix;
mod register;
mod report;
mod site;

use mix::Run;
use report::Report;
use site::{Redis, Site};
use std::{path::PathBuf, time::Duration};

/// What was asked for.
struct Asked {
    server: PathBuf,
    out: Option<PathBuf>,
    seconds: u64,
    clients: usize,
    patients: usize,
    /// Only configurations whose name contains this.
    only: String,
}

const USAGE: &str =
    "load [--server PROGRAM] [--out FILE] [--seconds 30] [--clients 32] [--patients 200] [--only NAME]";

fn asked() -> Result<Asked, String> {
    let beside = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = beside.ancestors().nth(2).map(|folder| folder.join("clinic-server"));
    let mut asked = Asked {
        server: beside.unwrap_or_default(),
        out: None,
        seconds: 30,
        clients: 32,
        patients: 200,
        only: String::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        let number = || value.parse::<u64>().map_err(|_| USAGE.to_owned());
        match name.as_str() {
            "--server" => asked.server = value.into(),
            "--out" => asked.out = Some(value.into()),
            "--seconds" => asked.seconds = number()?.max(1),
            "--clients" => asked.clients = usize::try_from(number()?).unwrap_or(1).clamp(1, 1000),
            "--patients" => asked.patients = usize::try_from(number()?).unwrap_or(1),
            "--only" => asked.only = value,
            _ => return Err(USAGE.to_owned()),
        }
    }
    asked.patients = asked.patients.max(asked.clients);
    Ok(asked)
}

#[tokio::main]
async fn main() {
    let asked = asked().unwrap_or_else(|usage| panic!("{usage}"));
    let mut report = Report::new(asked.seconds, asked.clients, asked.patients);
    for name in ["SQLite", "PostgreSQL + Redis", "PostgreSQL + Redis, two servers, Redis killed"] {
        if name.contains(&asked.only) {
            let killed = name.ends_with("killed");
            let redis = name.contains("Redis").then(Redis::start);
            let site = Site::start(&asked.server, redis.as_ref(), if killed { 2 } else { 1 }).await;
            let run = Run::prepare(&site, asked.clients, asked.patients).await;
            let time = Duration::from_secs(asked.seconds);
            let outcome = run.go(time, redis.filter(|_| killed)).await;
            report.add(name, &outcome);
        }
    }
    println!("{report}");
    if let Some(out) = asked.out {
        std::fs::write(out, report.to_string()).unwrap();
    }
    assert_eq!(report.wrong(), 0, "wrong answers");
}
