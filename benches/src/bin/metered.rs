//! A circuit breaker whose calls are counted: runs a round for each line on stdin and writes its samples as a line.
//!
//! A binary of its own, because the feature `metrics` is on for a whole build.

#[path = "../areas/resilience/subjects.rs"]
#[allow(dead_code, reason = "the timed rows use the rest")]
mod subjects;

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    set_global_recorder,
};
use std::{
    io::{BufRead, Write, stdin, stdout},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use subjects::Failure;

fn main() -> Result<(), Failure> {
    let calls = Arc::new(Calls::default());
    set_global_recorder(Memory(Arc::clone(&calls))).map_err(|_| "there is a recorder already")?;
    let breaker = subjects::counting().build()?;
    (0..1_000).for_each(|_| subjects::keep(subjects::ours(&breaker, true)));
    if calls.0.load(Ordering::Relaxed) != 1_000 {
        return Err("the calls are not counted".into());
    }
    let (samples, size) = subjects::METERED;
    for line in stdin().lock().lines() {
        line?;
        let sample = |_| {
            let start = Instant::now();
            (0..size).for_each(|_| subjects::keep(subjects::ours(&breaker, true)));
            (start.elapsed().as_nanos() as f64 / f64::from(size)).to_string()
        };
        let all: Vec<String> = (0..samples).map(sample).collect();
        writeln!(stdout(), "{}", all.join(" "))?;
    }
    Ok(())
}

/// Counts in memory, all counters together, as an exporter's recorder does for each.
struct Memory(Arc<Calls>);

#[derive(Default)]
struct Calls(AtomicU64);

impl CounterFn for Calls {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Recorder for Memory {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::clone(&self.0))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
