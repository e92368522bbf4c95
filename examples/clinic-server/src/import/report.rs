//! What became of every entry.

use crate::fhir::{Kind, Reason, TypeName};
use healthcare_core::{Id, Practitioner};
use std::{collections::BTreeMap, fmt};

/// An input that was refused. It is known by its place: a file's name may be a patient's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The input's place among the sorted files, from 1.
    pub position: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// What an import did, entry by entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many files were read.
    pub files: usize,
    /// What was stored, by type.
    pub stored: BTreeMap<Kind, usize>,
    /// What was left out, by type and reason. What an earlier file or run stored already is a repeat.
    pub left_out: BTreeMap<(TypeName, Reason), usize>,
    /// How many past appointments were made of encounters.
    pub appointments: usize,
    /// The files that were refused whole.
    pub failures: Vec<Failure>,
    /// Who was seen most often in these files.
    pub busiest: Option<Id<Practitioner>>,
}

impl Report {
    /// How many entries there were in the files that were not refused.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.stored.values().sum::<usize>() + self.left_out.values().sum::<usize>()
    }

    /// How many entries were left out for this reason.
    #[must_use]
    pub fn left_out_for(&self, reason: Reason) -> usize {
        self.left_out.iter().filter(|((_, why), _)| *why == reason).map(|(_, count)| count).sum()
    }

    pub(super) fn leave_out(&mut self, name: TypeName, reason: Reason) {
        *self.left_out.entry((name, reason)).or_default() += 1;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>7} entries in {} files", self.entries(), self.files)?;
        writeln!(f, "{:>7} stored", self.stored.values().sum::<usize>())?;
        for (kind, count) in &self.stored {
            writeln!(f, "{count:>11}  {kind}")?;
        }
        writeln!(f, "{:>7} left out", self.left_out.values().sum::<usize>())?;
        for ((name, reason), count) in &self.left_out {
            writeln!(f, "{count:>11}  {name}: {reason}")?;
        }
        writeln!(f, "{:>7} past appointments made of encounters", self.appointments)?;
        if !self.failures.is_empty() {
            writeln!(f, "{:>7} files refused whole", self.failures.len())?;
            for failure in &self.failures {
                writeln!(f, "             file {}: {}", failure.position, failure.problem)?;
            }
        }
        Ok(())
    }
}
