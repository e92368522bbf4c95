//! Allocations for each call, and the memory that a breaker holds: one line for each row of the resilience area.
//!
//! A binary of its own, because its counting allocator would slow down what `healthcare-benches` times.

#[path = "../areas/resilience/subjects.rs"]
#[allow(dead_code, reason = "the timed rows use the rest")]
mod subjects;

use allocation_counter::measure;
use failsafe::CircuitBreaker as _;
use healthcare_resilience::Clock;
use subjects::Failure;

const CALLS: u32 = 1_000;
const LAYERED: &str = "tower-resilience-circuitbreaker 0.14";

fn main() -> Result<(), Failure> {
    breakers()?;
    layers()?;
    stacks()?;
    memory()
}

fn breakers() -> Result<(), Failure> {
    let run = subjects::consecutive().build()?;
    let window = subjects::counting().build()?;
    let failsafe = subjects::failsafe_window();
    let theirs = Some((allocations(|| subjects::failsafe_call(&failsafe, true)), "failsafe 1.3"));
    row("M1 good call, failures in a row", 0.0, allocations(|| subjects::ours(&run, true)), theirs);
    let recloser = subjects::recloser();
    let theirs = Some((allocations(|| subjects::recloser_call(&recloser, true)), "recloser 1.4"));
    row("M1 good call, window of 100", 0.0, allocations(|| subjects::ours(&window, true)), theirs);
    let ten = || (0..10).all(|at| subjects::ours(&window, at > 0));
    row("M1 ten calls, one fails", 0.0, allocations(ten), None);
    window.trip();
    let machine = subjects::failsafe_consecutive();
    (0..10).for_each(|_| subjects::keep(subjects::failsafe_call(&machine, false)));
    let theirs = Some((allocations(|| machine.is_call_permitted()), "failsafe 1.3"));
    row("M5 open, refused", 0.0, allocations(|| window.try_acquire().is_ok()), theirs);
    Ok(())
}

fn layers() -> Result<(), Failure> {
    let mut ours = subjects::our_layer()?;
    let mut theirs = subjects::tower_layer()?;
    let peer = allocations(|| subjects::once(&mut theirs));
    row(
        "M3 good call through the layer",
        0.0,
        allocations(|| subjects::once(&mut ours)),
        Some((peer, LAYERED)),
    );
    Ok(())
}

fn stacks() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let peer = allocations(subjects::tower_stack()?);
    let ours = allocations(subjects::our_stack()?);
    row("M9 good read through a stack of five", 0.0, ours, Some((peer, "tower-resilience 0.14")));
    Ok(())
}

/// What is held after a breaker was built and called.
fn memory() -> Result<(), Failure> {
    let mut built: Option<Result<_, _>> = None;
    let counting = measure(|| built = Some(subjects::counting().build())).bytes_current;
    subjects::keep(built.take());
    let calls = 100_000;
    let timing = measure(|| {
        let breaker = subjects::timing().clock(Clock::default()).build();
        if let Ok(breaker) = &breaker {
            (0..calls).for_each(|_| subjects::keep(subjects::ours(breaker, true)));
        }
        built = Some(breaker);
    })
    .bytes_current;
    subjects::keep(built.take());
    let mut theirs = subjects::tower_timing()?;
    let grown =
        measure(|| (0..calls).for_each(|_| subjects::keep(subjects::once(&mut theirs)))).bytes_current;
    bytes("M6 a breaker with a window of 100", counting, None);
    bytes("M6 a breaker with 100,000 calls in a minute", timing, Some((grown as f64, LAYERED)));
    Ok(())
}

/// The mean of a call.
fn allocations(mut call: impl FnMut() -> bool) -> f64 {
    (0..CALLS).for_each(|_| subjects::keep(call()));
    let counted = measure(|| (0..CALLS).for_each(|_| subjects::keep(call())));
    counted.count_total as f64 / f64::from(CALLS)
}

fn row(name: &str, most: f64, ours: f64, peer: Option<(f64, &str)>) {
    line(name, "allocations", most, ours, peer);
}

fn bytes(name: &str, ours: i64, peer: Option<(f64, &str)>) {
    line(name, "bytes", 1024.0, ours as f64, peer);
}

fn line(name: &str, unit: &str, most: f64, ours: f64, peer: Option<(f64, &str)>) {
    let (peer, peer_name) = peer.map_or((String::new(), ""), |(peer, name)| (peer.to_string(), name));
    println!("{name}\t{unit}\t{ours}\t{most}\t{peer}\t{peer_name}");
}
