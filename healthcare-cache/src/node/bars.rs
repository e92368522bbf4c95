//! What must not be kept for now: a write about it is under way.

use crate::{
    Mark, ScopeMark,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use std::collections::HashMap;

/// More writes than this are not in flight at once, and not many are cut off.
const BARS_MAX: usize = 16_384;

/// The bars that are held. Asked only by what would keep something, after a load that costs far more than the lock.
#[derive(Debug)]
pub(crate) struct Bars {
    /// Whether there may be any; spares the lock. Never false while one is held.
    any: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    last: u64,
    count: usize,
    by_mark: HashMap<Mark, Vec<One>>,
    /// Set when there was no room for one more: then everything is barred until it would have run out.
    everything_until: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct One {
    token: u64,
    scope: ScopeMark,
    until: u64,
}

/// A bar ran out: nobody knows what became of the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lapse {
    Mark(ScopeMark, Mark),
    Everything,
}

/// All times are nanoseconds of the node's clock.
impl Bars {
    pub(crate) fn new() -> Self {
        let held = Held { last: 0, count: 0, by_mark: HashMap::new(), everything_until: None };
        Self { any: AtomicBool::new(false), held: Mutex::new(held) }
    }

    /// Bars some marks until then. `None` when there is no room: everything is barred instead.
    pub(crate) fn add(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        now: u64,
        until: u64,
        lapsed: impl FnMut(Lapse),
    ) -> Option<u64> {
        let mut held = self.held.lock();
        // Before anything is purged for it: who does not see this yet has a fence from before.
        self.any.store(true, Ordering::Release);
        if held.count.saturating_add(marks.len()) > BARS_MAX {
            held.lapse(now, lapsed);
        }
        if held.count.saturating_add(marks.len()) > BARS_MAX {
            held.everything_until = held.everything_until.max(Some(until));
            return None;
        }
        held.last += 1;
        held.count += marks.len();
        let token = held.last;
        for mark in marks {
            held.by_mark.entry(*mark).or_default().push(One { token, scope, until });
        }
        Some(token)
    }

    /// Ends a bar. Its marks were purged.
    pub(crate) fn remove(&self, marks: &[Mark], token: u64) {
        let mut held = self.held.lock();
        for mark in marks {
            held.retain(mark, |one| one.token != token);
        }
        self.settle(&held);
    }

    /// Whether one of the marks is barred. Of those that ran out, `lapsed` is told, before anybody finds them unbarred.
    pub(crate) fn hold(&self, marks: &[Mark], now: u64, mut lapsed: impl FnMut(Lapse)) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut held = self.held.lock();
        held.lapse_everything(now, &mut lapsed);
        for mark in marks {
            held.lapse_mark(mark, now, &mut lapsed);
        }
        self.settle(&held);
        held.everything_until.is_some() || marks.iter().any(|mark| held.by_mark.contains_key(mark))
    }

    /// Whether none is held.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Looks for all that ran out.
    pub(crate) fn lapse(&self, now: u64, lapsed: impl FnMut(Lapse)) {
        if self.any.load(Ordering::Acquire) {
            let mut held = self.held.lock();
            held.lapse(now, lapsed);
            self.settle(&held);
        }
    }

    fn settle(&self, held: &Held) {
        self.any.store(held.count > 0 || held.everything_until.is_some(), Ordering::Release);
    }

    /// Says what does not add up.
    #[cfg(feature = "testing")]
    pub(crate) fn validate(&self) -> Result<(), String> {
        let held = self.held.lock();
        let count: usize = held.by_mark.values().map(Vec::len).sum();
        let is_any = count > 0 || held.everything_until.is_some();
        if count != held.count || count > BARS_MAX || (is_any && !self.any.load(Ordering::Acquire)) {
            return Err(format!("{count} bars are held, {} are counted", held.count));
        }
        if held.by_mark.values().any(Vec::is_empty) { Err("a bar of nobody".to_owned()) } else { Ok(()) }
    }
}

impl Held {
    fn retain(&mut self, mark: &Mark, keep: impl Fn(&One) -> bool) {
        if let Some(bars) = self.by_mark.get_mut(mark) {
            let before = bars.len();
            bars.retain(keep);
            self.count -= before - bars.len();
            if bars.is_empty() {
                self.by_mark.remove(mark);
            }
        }
    }

    fn lapse_mark(&mut self, mark: &Mark, now: u64, lapsed: &mut impl FnMut(Lapse)) {
        let over = self.by_mark.get(mark).and_then(|bars| bars.iter().find(|one| one.until <= now));
        if let Some(over) = over {
            lapsed(Lapse::Mark(over.scope, *mark));
            self.retain(mark, |one| one.until > now);
        }
    }

    fn lapse_everything(&mut self, now: u64, lapsed: &mut impl FnMut(Lapse)) {
        if self.everything_until.is_some_and(|until| until <= now) {
            lapsed(Lapse::Everything);
            self.everything_until = None;
        }
    }

    fn lapse(&mut self, now: u64, mut lapsed: impl FnMut(Lapse)) {
        self.lapse_everything(now, &mut lapsed);
        let over = |bars: &Vec<One>| bars.iter().any(|one| one.until <= now);
        let marks: Vec<Mark> =
            self.by_mark.iter().filter(|(_, bars)| over(bars)).map(|(mark, _)| *mark).collect();
        for mark in marks {
            self.lapse_mark(&mark, now, &mut lapsed);
        }
    }
}
