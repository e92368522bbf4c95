//! What a history must hold: invariant 5, as it is written.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// What a node did. Times are microseconds of the machine's clock, which all processes of the test share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A read that began at `start` and gave the value of this version.
    Read { start: u64, version: u64, class: Class },
    /// A purge that returned at `end`, after this version was in the source; whether it said that everyone knows.
    Purged { end: u64, version: u64, is_everyone: bool },
}

/// What a key's cache promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Standard,
    Sensitive,
    Restricted,
}

/// A deed, where, and about which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) node: usize,
    pub(crate) key: u32,
    pub(crate) deed: Deed,
}

/// A read of a version that had to be forgotten by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) read: Event,
    pub(crate) floor: u64,
    pub(crate) rule: &'static str,
}

/// How a history came out.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) reads: usize,
    pub(crate) purges: usize,
    /// Reads of a version for which a purge had returned elsewhere, within the bound.
    pub(crate) stale_within: usize,
    /// How long after such a purge's return the latest of them began.
    pub(crate) stalest: Duration,
    pub(crate) violations: Vec<Violation>,
}

/// By time of return: the highest version that was purged until then.
#[derive(Default)]
struct Floors(BTreeMap<u64, u64>);

impl Floors {
    fn add(&mut self, end: u64, version: u64) {
        let highest = self.0.entry(end).or_default();
        *highest = (*highest).max(version);
    }

    /// Makes each floor at least as high as the one before it.
    fn settle(&mut self) {
        let mut highest = 0;
        for version in self.0.values_mut() {
            highest = highest.max(*version);
            *version = highest;
        }
    }

    fn before(&self, time: u64) -> u64 {
        self.0.range(..time).next_back().map_or(0, |(_, version)| *version)
    }

    /// When a version above this one was first purged.
    fn first_above(&self, version: u64) -> Option<u64> {
        self.0.iter().find(|(_, purged)| **purged > version).map(|(end, _)| *end)
    }
}

/// Judges a history with this bound.
pub(crate) fn judge(history: &[Event], bound: Duration) -> Findings {
    let bound = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    let (mut own, mut all) = (HashMap::<(usize, u32), Floors>::new(), HashMap::<u32, Floors>::new());
    let mut findings = Findings::default();
    for event in history {
        if let Deed::Purged { end, version, is_everyone } = event.deed {
            findings.purges += 1;
            own.entry((event.node, event.key)).or_default().add(end, version);
            if is_everyone {
                all.entry(event.key).or_default().add(end, version);
            }
        }
    }
    own.values_mut().chain(all.values_mut()).for_each(Floors::settle);
    let none = Floors::default();
    for event in history {
        let Deed::Read { start, version, class } = event.deed else { continue };
        findings.reads += 1;
        let own = own.get(&(event.node, event.key)).unwrap_or(&none);
        let all = all.get(&event.key).unwrap_or(&none);
        let mut hold = |floor: u64, rule| {
            if version < floor {
                findings.violations.push(Violation { read: *event, floor, rule });
            }
        };
        hold(own.before(start), "none on the node that purged");
        hold(all.before(start.saturating_sub(bound)), "none elsewhere beyond the bound");
        if class == Class::Restricted {
            hold(all.before(start), "none at all of the restricted class");
        }
        if let Some(end) = all.first_above(version).filter(|end| *end < start) {
            findings.stale_within += 1;
            findings.stalest = findings.stalest.max(Duration::from_micros(start - end));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_micros(100);

    fn read(node: usize, start: u64, version: u64, class: Class) -> Event {
        Event { node, key: 1, deed: Deed::Read { start, version, class } }
    }

    fn purged(node: usize, end: u64, version: u64, is_everyone: bool) -> Event {
        Event { node, key: 1, deed: Deed::Purged { end, version, is_everyone } }
    }

    fn rules(history: &[Event]) -> Vec<&'static str> {
        judge(history, BOUND).violations.iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn the_purging_node_may_not_be_stale_for_a_moment() {
        let purge = purged(0, 1_000, 2, false);
        assert_eq!(rules(&[purge, read(0, 1_001, 1, Class::Standard)]), ["none on the node that purged"]);
        assert!(rules(&[purge, read(0, 1_000, 1, Class::Standard)]).is_empty(), "it began no later");
        assert!(rules(&[purge, read(0, 1_001, 2, Class::Standard)]).is_empty());
        assert!(
            rules(&[purge, read(1, 9_000, 1, Class::Standard)]).is_empty(),
            "nobody else was promised anything"
        );
    }

    #[test]
    fn others_have_the_bound_and_the_restricted_class_has_none() {
        let purge = purged(0, 1_000, 2, true);
        assert!(rules(&[purge, read(1, 1_100, 1, Class::Sensitive)]).is_empty());
        assert_eq!(rules(&[purge, read(1, 1_101, 1, Class::Sensitive)]), ["none elsewhere beyond the bound"]);
        assert_eq!(
            rules(&[purge, read(1, 1_001, 1, Class::Restricted)]),
            ["none at all of the restricted class"]
        );
    }

    #[test]
    fn a_later_purge_of_an_older_version_lowers_nothing() {
        let history =
            [purged(0, 1_000, 3, true), purged(0, 2_000, 2, true), read(0, 3_000, 2, Class::Standard)];
        assert_eq!(rules(&history).len(), 2);
    }

    #[test]
    fn staleness_within_the_bound_is_counted() {
        let history = [
            purged(0, 1_000, 2, true),
            read(1, 1_040, 1, Class::Standard),
            read(1, 1_050, 2, Class::Standard),
        ];
        let findings = judge(&history, BOUND);
        assert_eq!((findings.stale_within, findings.stalest), (1, Duration::from_micros(40)));
        assert!(findings.violations.is_empty());
    }
}
