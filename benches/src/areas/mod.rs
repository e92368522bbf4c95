//! The areas: one file each.

mod cache;
mod reads;
mod resilience;
mod sealing;

use crate::compare::{Comparison, Measure};
use std::error::Error;

type Failure = Box<dyn Error>;

/// Builds an area's measures; what they need is made here, outside the measured rounds.
pub(crate) type Area = fn() -> Result<Vec<Measure>, Failure>;

/// Every area with its name.
pub(crate) const ALL: &[(&str, Area)] = &[
    ("cache", cache::measures),
    ("reads", || timed(reads::comparisons()?)),
    ("resilience", resilience::measures),
    ("sealing", || timed(sealing::comparisons()?)),
];

fn timed(comparisons: Vec<Comparison>) -> Result<Vec<Measure>, Failure> {
    Ok(comparisons.into_iter().map(Measure::from).collect())
}
