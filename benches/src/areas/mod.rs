//! The areas: one file each.

mod reads;
mod sealing;

use crate::compare::Comparison;
use std::error::Error;

/// Builds an area's comparisons; what they need is made here, outside the measured rounds.
pub(crate) type Area = fn() -> Result<Vec<Comparison>, Box<dyn Error>>;

/// Every area with its name.
pub(crate) const ALL: &[(&str, Area)] = &[("reads", reads::comparisons), ("sealing", sealing::comparisons)];
