//! What is measured in other binaries: allocations (M1, M3, M5, M6, M9) and the cost of metrics (M10).
//!
//! A counting allocator and the feature `metrics` would both slow down what is timed here. `cargo xtask bench` builds the two
//! beside this one.

use super::{Failure, cost, subjects};
use crate::compare::{Count, Measure, Side, batches};
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

const COUNTED: &str = "after 1,000 calls that are not counted, 1,000 calls, the mean of each";
const METERED: &str = "the same circuit in two processes, round by round; metrics go to counters in memory";
/// What metrics may cost a call, in nanoseconds.
const ALLOWANCE: f64 = 30.0;

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let mut all = Vec::new();
    match beside("counted")? {
        Some(binary) => all.extend(counts(binary)?),
        None => {
            eprintln!("resilience: allocations are not counted: build `counted`, as cargo xtask bench does")
        }
    }
    match beside("metered")? {
        Some(binary) => all.push(metrics(binary)?),
        None => eprintln!("resilience: metrics are not measured: build `metered`, as cargo xtask bench does"),
    }
    Ok(all)
}

fn beside(name: &str) -> Result<Option<PathBuf>, Failure> {
    let path = env::current_exe()?.with_file_name(name).with_extension(env::consts::EXE_EXTENSION);
    Ok(path.exists().then_some(path))
}

/// One line for each count: name, unit, ours, the most, the peer, its name; tabs between them.
fn counts(binary: PathBuf) -> Result<Vec<Measure>, Failure> {
    let output = Command::new(binary).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the binary `counted` failed".into());
    }
    String::from_utf8(output.stdout)?.lines().map(count).collect()
}

fn count(line: &str) -> Result<Measure, Failure> {
    // A row borrows its texts for the rest of the process.
    let fields: Vec<&'static str> = line.split('\t').map(|field| &*field.to_owned().leak()).collect();
    let &[name, unit, ours, most, peer, peer_name] = fields.as_slice() else {
        return Err(format!("the binary `counted` wrote {line:?}").into());
    };
    let peer = if peer.is_empty() { None } else { Some((peer.parse()?, peer_name)) };
    let (ours, most) = (ours.parse()?, most.parse()?);
    Ok(Measure::Counted(Count { name, unit, ours, peer, most, held_equal: COUNTED }))
}

fn metrics(binary: PathBuf) -> Result<Measure, Failure> {
    let breaker = subjects::counting().build()?;
    let mut off = batches(subjects::METERED.0, subjects::METERED.1, move || {
        subjects::keep(subjects::ours(&breaker, true))
    });
    let peer: Side = Box::new(move || off().into_iter().map(|nanos| nanos + ALLOWANCE).collect());
    Ok(cost(
        "M10 good call, metrics on",
        1.0,
        (metered(binary)?, METERED),
        (peer, "ours without metrics + 30 ns"),
    ))
}

/// Another process that runs a round for each line it is sent.
fn metered(binary: PathBuf) -> Result<Side, Failure> {
    let mut child = Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut ask = child.stdin.take().ok_or("no stdin")?;
    let mut answer = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    Ok(Box::new(move || {
        // It ends when its stdin closes, with this closure; a broken pipe becomes a round without samples.
        let mut line = String::new();
        if ask.write_all(b"\n").and_then(|()| ask.flush()).is_ok() {
            let _ = answer.read_line(&mut line);
        }
        let _ = &child;
        line.split_whitespace().filter_map(|sample| sample.parse().ok()).collect()
    }))
}
