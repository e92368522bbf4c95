//! What this node was asked to forget and the shared tier has not yet heard of.

use crate::{Mark, ScopeMark, SharedLimits, Verb};
use std::collections::HashMap;

/// A purge that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owed {
    Marks { scope: ScopeMark, verb: Verb, marks: Vec<Mark> },
    Clinic { scope: ScopeMark, verb: Verb },
    Everything,
}

/// What is to be delivered next. It stays in the queue until it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) owed: Owed,
    /// What was asked for again after this is still owed.
    upto: u64,
}

/// Each mark once. When there is no room, more is forgotten than was asked: the clinic, and then everything.
#[derive(Debug)]
pub(crate) struct Queue {
    max: usize,
    /// Counts what was asked, so that what is asked again while it is being delivered is delivered again.
    asked: u64,
    everything: Option<u64>,
    clinics: HashMap<ScopeMark, Clinic>,
    /// How many marks there are, in all clinics.
    marks: usize,
}

#[derive(Debug, Default)]
struct Clinic {
    whole: Option<(Verb, u64)>,
    marks: HashMap<Mark, (Verb, u64)>,
}

impl Queue {
    /// For at most so many marks, and so many clinics.
    pub(crate) fn new(max: usize) -> Self {
        Self { max, asked: 0, everything: None, clinics: HashMap::new(), marks: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.everything.is_none() && self.clinics.is_empty()
    }

    /// How many purges wait, by their kinds together.
    pub(crate) fn len(&self) -> usize {
        let whole = self.clinics.values().filter(|clinic| clinic.whole.is_some()).count();
        self.marks + whole + usize::from(self.everything.is_some())
    }

    pub(crate) fn push(&mut self, owed: &Owed) {
        self.asked += 1;
        if self.everything.is_some() {
            self.everything = Some(self.asked);
            return;
        }
        match owed {
            Owed::Everything => self.give_up(),
            Owed::Clinic { scope, verb } => self.clinic(*scope, *verb),
            Owed::Marks { scope, verb, marks } => {
                for mark in marks {
                    self.mark(*scope, *verb, *mark);
                }
            }
        }
    }

    fn give_up(&mut self) {
        self.clinics.clear();
        self.marks = 0;
        self.everything = Some(self.asked);
    }

    fn clinic(&mut self, scope: ScopeMark, verb: Verb) {
        if self.clinics.len() >= self.max && !self.clinics.contains_key(&scope) {
            return self.give_up();
        }
        let clinic = self.clinics.entry(scope).or_default();
        // Single purges among them make it a purge of the whole.
        let verb = clinic.marks.values().map(|(verb, _)| *verb).fold(verb, stronger);
        self.marks -= clinic.marks.len();
        clinic.marks.clear();
        let verb = clinic.whole.map_or(verb, |(before, _)| stronger(before, verb));
        clinic.whole = Some((verb, self.asked));
    }

    fn mark(&mut self, scope: ScopeMark, verb: Verb, mark: Mark) {
        let known = self.clinics.get(&scope);
        let is_whole = known.is_some_and(|clinic| clinic.whole.is_some());
        let is_there = known.is_some_and(|clinic| clinic.marks.contains_key(&mark));
        let is_full = self.marks >= self.max || (known.is_none() && self.clinics.len() >= self.max);
        if self.everything.is_some() {
            return;
        }
        if is_whole || (is_full && !is_there) {
            return self.clinic(scope, verb);
        }
        let marks = &mut self.clinics.entry(scope).or_default().marks;
        let before = marks.get(&mark).map_or(verb, |(before, _)| *before);
        if marks.insert(mark, (stronger(before, verb), self.asked)).is_none() {
            self.marks += 1;
        }
    }

    /// What to deliver next, the widest first: at most as much as one call takes.
    pub(crate) fn next(&self) -> Option<Batch> {
        let upto = self.asked;
        if self.everything.is_some() {
            return Some(Batch { owed: Owed::Everything, upto });
        }
        let (scope, clinic) = self.clinics.iter().next()?;
        let scope = *scope;
        if let Some((verb, _)) = clinic.whole {
            return Some(Batch { owed: Owed::Clinic { scope, verb }, upto });
        }
        let with = |verb: Verb| {
            let marks = clinic.marks.iter().filter(move |(_, (of, _))| *of == verb).map(|(mark, _)| *mark);
            marks.take(SharedLimits::NAMED_PER_CALL).collect::<Vec<_>>()
        };
        let (verb, marks) = match with(Verb::Purge) {
            none if none.is_empty() => (Verb::Expire, with(Verb::Expire)),
            some => (Verb::Purge, some),
        };
        Some(Batch { owed: Owed::Marks { scope, verb, marks }, upto })
    }

    /// It was delivered.
    pub(crate) fn confirm(&mut self, batch: &Batch) {
        let is_done = |asked: u64| asked <= batch.upto;
        match &batch.owed {
            Owed::Everything => self.everything = self.everything.filter(|asked| !is_done(*asked)),
            Owed::Clinic { scope, .. } => {
                if let Some(clinic) = self.clinics.get_mut(scope) {
                    clinic.whole = clinic.whole.filter(|(_, asked)| !is_done(*asked));
                }
                self.tidy(*scope);
            }
            Owed::Marks { scope, marks, .. } => {
                if let Some(clinic) = self.clinics.get_mut(scope) {
                    for mark in marks {
                        if clinic.marks.get(mark).is_some_and(|(_, asked)| is_done(*asked)) {
                            clinic.marks.remove(mark);
                            self.marks -= 1;
                        }
                    }
                }
                self.tidy(*scope);
            }
        }
    }

    fn tidy(&mut self, scope: ScopeMark) {
        if self.clinics.get(&scope).is_some_and(|clinic| clinic.whole.is_none() && clinic.marks.is_empty()) {
            self.clinics.remove(&scope);
        }
    }

    /// Says what does not add up.
    #[cfg(feature = "testing")]
    pub(crate) fn validate(&self) -> Result<(), String> {
        let marks: usize = self.clinics.values().map(|clinic| clinic.marks.len()).sum();
        if marks != self.marks || marks > self.max || self.clinics.len() > self.max {
            return Err(format!(
                "{marks} marks of {} clinics, counted {} of {}",
                self.clinics.len(),
                self.marks,
                self.max
            ));
        }
        let is_untidy = |clinic: &Clinic| clinic.marks.is_empty() == clinic.whole.is_none();
        if self.clinics.values().any(is_untidy) || (self.everything.is_some() && !self.clinics.is_empty()) {
            return Err("something is owed twice, or a clinic owes nothing".to_owned());
        }
        Ok(())
    }
}

const fn stronger(one: Verb, other: Verb) -> Verb {
    match (one, other) {
        (Verb::Expire, Verb::Expire) => Verb::Expire,
        _ => Verb::Purge,
    }
}
