//! What became of every entry.

use crate::fhir::{BundleError, Kind, Reason, TypeName};
use healthcare_core::{Committed, Id, Practitioner};
use std::{
    collections::BTreeMap,
    fmt,
    io::IsTerminal,
    path::{Path, PathBuf},
};

/// Resources of one type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Stored by this run.
    pub new: u64,
    /// Stored before, and left as they were.
    pub known: u64,
}

/// Counts of one import. It names no file but on a terminal, and repeats no value.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries that were looked at.
    pub entries: u64,
    /// Bundles that were read.
    pub bundles: u64,
    /// What was stored, by type.
    pub imported: BTreeMap<Kind, Imported>,
    /// Past appointments made of encounters.
    pub appointments: Imported,
    /// What was left out, by type and reason.
    pub left_out: BTreeMap<(TypeName, Reason), u64>,
    /// Bundles that were refused as a whole: the file's position, from 1, and why.
    pub failed: Vec<(usize, PathBuf, BundleError)>,
    /// How many encounters each practitioner had.
    pub encounters: BTreeMap<Id<Practitioner>, u64>,
}

/// The records' kinds, and the resources they come from.
const KINDS: [(&str, Kind); 10] = [
    ("location", Kind::Organization),
    ("practitioner", Kind::Practitioner),
    ("patient", Kind::Patient),
    ("encounter", Kind::Encounter),
    ("condition", Kind::Condition),
    ("observation", Kind::Observation),
    ("medication_request", Kind::MedicationRequest),
    ("allergy_intolerance", Kind::AllergyIntolerance),
    ("procedure", Kind::Procedure),
    ("immunization", Kind::Immunization),
];

impl Report {
    /// Whether every bundle was read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
    }

    /// How many resources of supported types were stored, by this run or before.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.imported.values().map(|imported| imported.new + imported.known).sum()
    }

    pub(super) fn leave_out(&mut self, name: impl Into<TypeName>, reason: Reason) {
        *self.left_out.entry((name.into(), reason)).or_default() += 1;
    }

    pub(super) fn failed(&mut self, position: usize, file: &Path, error: BundleError) {
        self.failed.push((position, file.to_owned(), error));
    }

    pub(super) fn committed(&mut self, committed: &Committed) {
        for count in &committed.written {
            self.counts(&count.kind).new += u64::from(count.count);
        }
        for count in &committed.kept {
            self.counts(&count.kind).known += u64::from(count.count);
        }
    }

    fn counts(&mut self, kind: &str) -> &mut Imported {
        match KINDS.iter().find(|(name, _)| *name == kind) {
            Some((_, kind)) => self.imported.entry(*kind).or_default(),
            None => &mut self.appointments,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} entries in {} bundles\n", self.entries, self.bundles)?;
        writeln!(f, "{:<22}{:>9}{:>15}", "imported", "new", "already there")?;
        for (kind, Imported { new, known }) in &self.imported {
            writeln!(f, "  {kind:<20}{new:>9}{known:>15}")?;
        }
        let Imported { new, known } = self.appointments;
        writeln!(f, "  {:<20}{new:>9}{known:>15}", "(past appointments)")?;
        if !self.left_out.is_empty() {
            writeln!(f, "\n{:<31}  why", "left out")?;
        }
        for ((name, reason), count) in &self.left_out {
            writeln!(f, "  {name:<20}{count:>9}  {reason}")?;
        }
        if !self.failed.is_empty() {
            writeln!(f, "\nrefused as a whole")?;
        }
        let on_terminal = std::io::stdout().is_terminal();
        for (position, file, error) in &self.failed {
            let name =
                file.file_name().filter(|_| on_terminal).map(|name| format!(" ({})", name.to_string_lossy()));
            writeln!(f, "  file {position}{}: {error}", name.unwrap_or_default())?;
        }
        Ok(())
    }
}
