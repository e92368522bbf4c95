//! Matching decisions with what came of them.

use healthcare_core::{Action, AuditEvent, AuditEventId, Outcome};
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

/// Most decisions that are held at once.
const MAX_DECISIONS: usize = 1_000_000;
/// Most events listed under one heading; the rest is counted.
const LISTED: usize = 1_000;

/// Matches decisions with their outcomes. Events may come in any order.
///
/// ```
/// use healthcare_audit::{Reconciler, testing::{allowed, clinic, disclosed}};
/// let mut reconciler = Reconciler::default();
/// reconciler.add(&allowed(clinic(1), 1));
/// reconciler.add(&disclosed(clinic(1), 1));
/// reconciler.add(&allowed(clinic(1), 2));
/// let report = reconciler.finish();
/// assert_eq!((report.disclosed, report.presumed_disclosed.count), (1, 1));
/// ```
#[derive(Debug, Default)]
pub struct Reconciler {
    cases: HashMap<AuditEventId, Case>,
    report: Reconciliation,
}

/// A decision, or an outcome whose decision has not come yet.
#[derive(Debug, Default)]
struct Case {
    decided: Option<Action>,
    ends: Ends,
}

#[derive(Debug, Default, Clone, Copy)]
struct Ends {
    disclosed: u32,
    written: u32,
    unconfirmed: u32,
    withheld: u32,
}

impl Ends {
    const fn none(self) -> bool {
        self.disclosed == 0 && self.written == 0 && self.unconfirmed == 0 && self.withheld == 0
    }
}

/// Events that deserve a look.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suspects {
    /// How many.
    pub count: u64,
    /// The first thousand.
    pub events: Vec<AuditEventId>,
}

impl Suspects {
    fn add(&mut self, id: AuditEventId) {
        self.count += 1;
        if self.events.len() < LISTED {
            self.events.push(id);
        }
    }
}

/// What the events of a clinic add up to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconciliation {
    /// Events looked at.
    pub events: u64,
    /// Decisions that allowed.
    pub allowed: u64,
    /// Decisions that denied.
    pub denied: u64,
    /// Decisions of which something was given, and recorded as given.
    pub disclosed: u64,
    /// Decisions of which a change was committed.
    pub written: u64,
    /// Decisions of which nothing was given: not found, withheld or abandoned.
    pub not_given: u64,
    /// Facts outside the access path: signed in, signed out.
    pub noted: u64,
    /// Allowed to read, and no end recorded: they count as disclosed.
    pub presumed_disclosed: Suspects,
    /// Allowed to write, and no end recorded: the process ended meanwhile. The database knows.
    pub unfinished_writes: Suspects,
    /// A commit cut off in flight, whose outcome never arrived.
    pub unconfirmed: Suspects,
    /// A commit cut off in flight, whose outcome arrived later: it did happen.
    pub confirmed_later: u64,
    /// More than one committed change under one decision.
    pub written_twice: Suspects,
    /// An end without its decision: the decision lies before what was looked at, or is missing.
    pub without_decision: Suspects,
    /// Entries whose body did not open.
    pub unreadable: u64,
    /// Whether everything was looked at; otherwise only the latest.
    pub complete: bool,
}

impl Reconciler {
    /// Takes an event into account.
    pub fn add(&mut self, event: &AuditEvent) {
        self.report.events += 1;
        match (&event.outcome, event.of) {
            (Outcome::Denied(_), _) => self.report.denied += 1,
            (Outcome::Noted(_), _) => self.report.noted += 1,
            (Outcome::Allowed, _) => {
                self.report.allowed += 1;
                if let Some(case) = self.case(event.id) {
                    case.decided = Some(event.ask.action);
                }
            }
            (outcome, of) => {
                if let Some(case) = self.case(of.unwrap_or(event.id)) {
                    case.end(outcome);
                }
            }
        }
    }

    /// Counts an entry whose body did not open.
    pub fn add_unreadable(&mut self) {
        self.report.unreadable += 1;
    }

    /// Whether there is room for more decisions.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.cases.len() >= MAX_DECISIONS
    }

    fn case(&mut self, id: AuditEventId) -> Option<&mut Case> {
        let full = self.is_full();
        match self.cases.entry(id) {
            Entry::Occupied(case) => Some(case.into_mut()),
            Entry::Vacant(_) if full => None,
            Entry::Vacant(place) => Some(place.insert(Case::default())),
        }
    }

    /// What it adds up to. `complete` stands as long as there was room for every decision.
    #[must_use]
    pub fn finish(self) -> Reconciliation {
        let mut report = self.report;
        report.complete = self.cases.len() < MAX_DECISIONS;
        let mut cases: Vec<_> = self.cases.into_iter().collect();
        cases.sort_unstable_by_key(|(id, _)| *id);
        for (id, case) in cases {
            report.settle(id, &case);
        }
        report
    }
}

impl Case {
    fn end(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Disclosed { .. } => self.ends.disclosed += 1,
            Outcome::Written { .. } => self.ends.written += 1,
            Outcome::Unconfirmed => self.ends.unconfirmed += 1,
            Outcome::NotFound | Outcome::Withheld | Outcome::Abandoned => self.ends.withheld += 1,
            // An outcome that a later version may add is not known to have kept anything back: what was allowed stands.
            _ => {}
        }
    }
}

impl Reconciliation {
    fn settle(&mut self, id: AuditEventId, case: &Case) {
        let Some(action) = case.decided else { return self.without_decision.add(id) };
        let ends = case.ends;
        let writes = matches!(action, Action::Create | Action::Update | Action::Delete);
        if ends.none() {
            return if writes { self.unfinished_writes.add(id) } else { self.presumed_disclosed.add(id) };
        }
        match (ends.written, ends.unconfirmed) {
            (0, 0) => {}
            (0, _) => self.unconfirmed.add(id),
            (written, unconfirmed) => {
                self.written += 1;
                self.confirmed_later += u64::from(unconfirmed > 0);
                if written > 1 {
                    self.written_twice.add(id);
                }
            }
        }
        if ends.disclosed > 0 {
            self.disclosed += 1;
        } else if ends.withheld > 0 && ends.written == 0 && ends.unconfirmed == 0 {
            self.not_given += 1;
        }
    }
}

impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} events: {} allowed ({} disclosed, {} written, {} not given), {} denied, {} noted",
            self.events, self.allowed, self.disclosed, self.written, self.not_given, self.denied, self.noted
        )?;
        let lines = [
            ("allowed to read without a recorded end, counted as disclosed", &self.presumed_disclosed),
            ("allowed to write without a recorded end: ask the database", &self.unfinished_writes),
            ("commits cut off in flight whose outcome never arrived", &self.unconfirmed),
            ("decisions written more than once", &self.written_twice),
            ("ends without their decision", &self.without_decision),
        ];
        for (what, suspects) in lines.iter().filter(|(_, suspects)| suspects.count > 0) {
            writeln!(f, "LOOK AT: {} {what}, first {}", suspects.count, first(suspects))?;
        }
        if self.unreadable > 0 {
            writeln!(f, "LOOK AT: {} entries did not open", self.unreadable)?;
        }
        f.write_str(if self.complete { "everything was looked at" } else { "only the latest were looked at" })
    }
}

fn first(suspects: &Suspects) -> String {
    suspects.events.first().map(ToString::to_string).unwrap_or_default()
}
