//! healthcare-cache against moka, foyer and cached in memory, and against bare Redis commands.
//!
//! hitbox is not a row: its moka backend keeps serialised bytes and decodes them at each hit, which is another work.

mod kept;
mod loads;
mod local;
mod shared;
mod site;
mod subjects;

use crate::compare::{Better, Comparison, Measure, Side};
use std::error::Error;

type Failure = Box<dyn Error>;

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let mut all = local::measures()?;
    all.extend(kept::measures()?);
    all.extend(shared::measures()?);
    all.extend(loads::measures()?);
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

/// A row whose two sides would not do the same work is worse than none.
fn check(what: &str, holds: bool) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("the cache benchmark is wrong: {what}").into()) }
}
