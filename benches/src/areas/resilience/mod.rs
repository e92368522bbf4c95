//! healthcare-resilience against the crates that do the same: failsafe, recloser, tower-resilience, governor, backon.
//!
//! Each row is one cell of the table M1 to M12 of the design, and carries its number. Peers are built outside the measured
//! loop. Measured with one and two threads; a machine with more has not been measured.

mod breaker;
mod layer;
mod rate;
mod redis;
mod retry;
mod stack;
#[allow(dead_code, reason = "the counted rows use the rest")]
mod subjects;
mod twin;

use crate::compare::{Better, Comparison, Measure, Side};
use std::error::Error;

type Failure = Box<dyn Error>;

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let mut all = breaker::measures()?;
    all.extend(layer::measures()?);
    all.extend(rate::measures()?);
    all.extend(stack::measures()?);
    all.extend(twin::measures()?);
    all.extend(redis::measures()?);
    all.extend(retry::measures()?);
    Ok(all)
}

/// Nanoseconds a call.
fn cost(
    name: &'static str,
    target: f64,
    (ours, held_equal): (Side, &'static str),
    (peer, peer_name): (Side, &'static str),
) -> Measure {
    let (unit, better) = ("ns", Better::Lower);
    Comparison { name, peer_name, unit, better, target, held_equal, ours, peer }.into()
}

/// Calls a microsecond of all threads together.
fn speed(
    name: &'static str,
    target: f64,
    (ours, held_equal): (Side, &'static str),
    (peer, peer_name): (Side, &'static str),
) -> Measure {
    let (unit, better) = ("calls/µs", Better::Higher);
    Comparison { name, peer_name, unit, better, target, held_equal, ours, peer }.into()
}

/// A row whose two sides would not do the same work is worse than none.
fn check(what: &str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("the resilience benchmark is wrong: {what}").into()) }
}
