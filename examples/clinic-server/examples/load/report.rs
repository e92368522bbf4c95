//! What is written down.

use crate::mix::{MIX, Outcome, Told, statuses};
use std::{fmt, process::Command, time::Duration};

#[derive(Debug)]
pub(crate) struct Report {
    text: String,
    wrong: usize,
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "an unnamed processor".to_owned(), |(_, name)| name.to_owned())
}

impl Report {
    pub(crate) fn new(seconds: u64, clients: usize, patients: usize) -> Self {
        let (date, commit) =
            (said("date", &["-u", "+%F %H:%M UTC"]), said("git", &["rev-parse", "--short", "HEAD"]));
        let threads = std::thread::available_parallelism().map_or(0, usize::from);
        let built =
            if cfg!(debug_assertions) { "a debug build: no figures to quote" } else { "a release build" };
        let mix: Vec<_> = MIX.iter().map(|(kind, share)| format!("{share} % {}", kind.name())).collect();
        let text = format!(
            "# The server under a mix of requests\n\n{date}, commit {commit}, {threads} threads of {}, {built}; \
             servers, database, Redis and clients on one machine, by loopback. \
             {clients} connections, each asking as soon as it is answered, for {seconds} s; {patients} patients beside the demonstration's.\n\n\
             The mix: {}. \
             Every read of a patient is compared with what was acknowledged before it was asked: older is wrong, and late where \
             another server acknowledged it less than three seconds ago, which is the cache's bound.\n\n\
             Made by `cargo run --release -p clinic-server --example load`, which says in its head what it needs.\n",
            processor(),
            mix.join(", "),
        );
        Self { text, wrong: 0 }
    }

    pub(crate) const fn wrong(&self) -> usize {
        self.wrong
    }

    pub(crate) fn add(&mut self, name: &str, outcome: &Outcome) {
        let told = &outcome.told;
        let wrong = told.iter().filter(|one| one.wrong).count();
        self.wrong += wrong;
        let rate = told.len() as f64 / outcome.time.as_secs_f64();
        let late = told.iter().filter(|one| one.late).count();
        let mut rows =
            format!("\n## {name}\n\n{rate:.0} requests/s, {wrong} wrong answers, {late} late ones.\n\n");
        rows.push_str("| | requests | p50 ms | p99 ms |\n| --- | --- | --- | --- |\n");
        rows.push_str(&row("all", told.iter()));
        for (kind, _) in MIX {
            rows.push_str(&row(kind.name(), told.iter().filter(|one| one.kind == kind)));
        }
        let counts: Vec<_> =
            statuses(told).iter().map(|(status, count)| format!("{status}: {count}")).collect();
        rows.push_str(&format!("\nAnswers by status: {}.\n", counts.join(", ")));
        if let Some(killed) = outcome.killed {
            let late: Vec<_> =
                told.iter().filter(|one| one.status == Some(503) && one.at >= killed).collect();
            let last = late.iter().map(|one| one.at.duration_since(killed)).max().unwrap_or_default();
            let silent = told.iter().filter(|one| one.status == Some(503) && !one.retry_after).count();
            let worst = told.iter().filter_map(|one| one.status).max().unwrap_or_default();
            rows.push_str(&format!(
                "\nRedis was killed with SIGKILL after a third of the time and started again, empty, after another. Worst status {worst}; {} answers \
                 with 503, the last {:.1} s after the kill, {silent} of them without `Retry-After`.\n",
                late.len(),
                last.as_secs_f64(),
            ));
        }
        self.text.push_str(&rows);
    }
}

fn row<'t>(name: &str, told: impl Iterator<Item = &'t Told>) -> String {
    let mut times: Vec<Duration> = told.map(|one| one.took).collect();
    times.sort_unstable();
    let at = |share: usize| {
        let nth = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times.get(nth).copied().unwrap_or_default().as_secs_f64() * 1000.0
    };
    format!("| {name} | {} | {:.1} | {:.1} |\n", times.len(), at(50), at(99))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
