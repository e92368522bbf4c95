//! One clinic of the tier in memory, as a state machine that is told the time.

use crate::{
    Mark,
    shared::{
        limits::SharedLimits,
        types::{Fetched, Filled, Forget, LeaseToken, Leased, NewEntry, Seen, SharedEntry, Verb, Verdict},
    },
};
use std::{collections::HashMap, time::Duration};

pub(super) struct Clinic {
    epoch: u64,
    number: u64,
    floor: u64,
    purged_whole: u64,
    expired_whole: u64,
    generation: u64,
    /// Everything is barred until then.
    barred_until: Option<Duration>,
    purged: HashMap<Mark, u64>,
    expired: HashMap<Mark, u64>,
    bars: HashMap<Mark, Vec<([u8; 16], Duration)>>,
    values: HashMap<Mark, Kept>,
    leases: HashMap<Mark, Held>,
}

struct Kept {
    epoch: u64,
    number: u64,
    marks: Vec<Mark>,
    bytes: Vec<u8>,
    ends: Duration,
}

/// Whose turn it is, since when and until when.
struct Held {
    token: LeaseToken,
    seen: Seen,
    ends: Duration,
}

/// When there are more values or leases in a clinic, all are dropped.
const VALUES: usize = 65_536;
/// When a mark is held by more bars, the clinic is barred.
const BARS_PER_MARK: usize = 64;

impl Clinic {
    pub(super) fn new(generation: u64) -> Self {
        Self {
            epoch: fastrand::u64(..),
            number: 1,
            floor: 0,
            purged_whole: 0,
            expired_whole: 0,
            generation,
            barred_until: None,
            purged: HashMap::new(),
            expired: HashMap::new(),
            bars: HashMap::new(),
            values: HashMap::new(),
            leases: HashMap::new(),
        }
    }

    /// Takes in what happened since it was last asked: a later generation, and bars that ran out.
    pub(super) fn catch_up(&mut self, now: Duration, generation: u64) {
        if generation > self.generation {
            self.generation = generation;
            self.number += 1;
            self.purged_whole = self.number;
        }
        let is_held = |bars: &Vec<([u8; 16], Duration)>| bars.iter().any(|(_, ends)| *ends > now);
        let ended: Vec<Mark> =
            self.bars.iter().filter(|(_, bars)| !is_held(bars)).map(|(mark, _)| *mark).collect();
        let is_over = self.barred_until.is_some_and(|ends| ends <= now);
        if ended.is_empty() && !is_over {
            return;
        }
        self.number += 1;
        for mark in ended {
            self.bars.remove(&mark);
            self.purged.insert(mark, self.number);
        }
        if is_over {
            self.barred_until = None;
            self.purged_whole = self.number;
        }
    }

    pub(super) const fn seen(&self) -> Seen {
        Seen { epoch: self.epoch, number: self.number, generation: self.generation }
    }

    pub(super) fn judge(&self, marks: impl IntoIterator<Item = Mark>, seen: Seen) -> Verdict {
        if seen.epoch != self.epoch || seen.number > self.number {
            return Verdict::Stale;
        }
        if self.barred_until.is_some() {
            return Verdict::Barred;
        }
        let since = seen.number;
        let mut is_stale = since < self.floor || since < self.purged_whole;
        let mut is_over = since < self.expired_whole;
        for mark in marks {
            if self.bars.contains_key(&mark) {
                return Verdict::Barred;
            }
            is_stale |= self.purged.get(&mark).is_some_and(|number| *number > since);
            is_over |= self.expired.get(&mark).is_some_and(|number| *number > since);
        }
        match (is_stale, is_over) {
            (true, _) => Verdict::Stale,
            (false, true) => Verdict::Over,
            (false, false) => Verdict::Current,
        }
    }

    pub(super) fn fetch(&mut self, key: Mark, now: Duration) -> Fetched {
        let seen = self.seen();
        let Some(kept) = self.values.get(&key) else { return Fetched::Miss(seen) };
        let fence = Seen { epoch: kept.epoch, number: kept.number, ..seen };
        let left = kept.ends.saturating_sub(now);
        let is_over = match self.judge_kept(kept, key) {
            Verdict::Current if !left.is_zero() => false,
            Verdict::Over if !left.is_zero() => true,
            Verdict::Barred => return Fetched::Miss(seen),
            _ => {
                self.values.remove(&key);
                return Fetched::Miss(seen);
            }
        };
        let (bytes, marks) = (kept.bytes.clone(), kept.marks.clone());
        Fetched::Hit(SharedEntry { bytes, seen: fence, marks, left, is_over, now: seen })
    }

    /// As [`fetch`](Self::fetch), and the turn if it is wanted and free. `renew`: below what is left a value is replaced.
    pub(super) fn fetch_or_lease(
        &mut self,
        key: Mark,
        token: LeaseToken,
        (longest, renew): (Duration, Duration),
        now: Duration,
    ) -> Leased {
        let is_barred = self.is_barred(key, now);
        match self.fetch(key, now) {
            Fetched::Hit(entry) => {
                let is_wanted = entry.is_over || entry.left < renew;
                let is_leased = is_wanted && self.take(key, token, longest, now);
                Leased::Hit { entry, is_leased }
            }
            Fetched::Miss(seen) if is_barred || self.take(key, token, longest, now) => Leased::Yours(seen),
            Fetched::Miss(seen) => Leased::Theirs(seen),
        }
    }

    /// Whether it is known that what is loaded for a key now could not be kept.
    fn is_barred(&self, key: Mark, now: Duration) -> bool {
        // A bar of the key itself, or of the clinic, shows when the lease is judged.
        let kept = self.values.get(&key).filter(|kept| kept.ends > now);
        kept.is_some_and(|kept| self.judge_kept(kept, key) == Verdict::Barred)
    }

    fn judge_kept(&self, kept: &Kept, key: Mark) -> Verdict {
        let fence = Seen { epoch: kept.epoch, number: kept.number, ..self.seen() };
        self.judge(kept.marks.iter().copied().chain([key]), fence)
    }

    fn take(&mut self, key: Mark, token: LeaseToken, longest: Duration, now: Duration) -> bool {
        if let Some(held) = self.leases.get(&key) {
            // What its holder loads can no longer be kept once the key was purged or expired.
            let is_held = held.ends > now && self.judge([key], held.seen) == Verdict::Current;
            if is_held && held.token != token {
                return false;
            }
        }
        if self.leases.len() >= VALUES {
            self.leases.clear();
        }
        self.leases.insert(key, Held { token, seen: self.seen(), ends: now + longest });
        true
    }

    pub(super) fn release(&mut self, key: Mark, token: LeaseToken) {
        if self.leases.get(&key).is_some_and(|held| held.token == token) {
            self.leases.remove(&key);
        }
    }

    pub(super) fn fill(&mut self, entry: &NewEntry<'_>, life: Duration, now: Duration) -> Filled {
        if let Some(token) = entry.lease {
            self.release(entry.key, token);
        }
        match self.judge(entry.marks.iter().copied().chain([entry.key]), entry.seen) {
            Verdict::Current => {}
            Verdict::Barred => return Filled::Barred,
            Verdict::Over | Verdict::Stale => return Filled::Stale,
        }
        if self.values.len() >= VALUES {
            self.values.clear();
        }
        let (marks, bytes) = (entry.marks.to_vec(), entry.bytes.to_vec());
        let Seen { epoch, number, .. } = entry.seen;
        self.values.insert(entry.key, Kept { epoch, number, marks, bytes, ends: now + life });
        Filled::Stored
    }

    pub(super) fn forget(&mut self, forget: Forget<'_>, limits: &SharedLimits) {
        self.number += 1;
        let marks = match forget.verb {
            Verb::Purge => &mut self.purged,
            Verb::Expire => &mut self.expired,
        };
        for mark in forget.marks.iter().chain(forget.keys) {
            // A barred mark needs no number: it gets one when the last bar ends.
            if forget.verb == Verb::Expire || !self.bars.contains_key(mark) {
                marks.insert(*mark, self.number);
            }
        }
        if forget.verb == Verb::Purge {
            for key in forget.keys {
                self.values.remove(key);
            }
        }
        self.trim(limits);
    }

    pub(super) fn forget_whole(&mut self, verb: Verb) {
        self.number += 1;
        match verb {
            Verb::Purge => self.purged_whole = self.number,
            Verb::Expire => self.expired_whole = self.number,
        }
    }

    pub(super) fn bar(&mut self, marks: &[Mark], token: [u8; 16], ends: Duration, limits: &SharedLimits) {
        let kept = usize::try_from(limits.bars_kept).unwrap_or(usize::MAX);
        let is_full = |mark: &Mark| self.bars.get(mark).is_some_and(|bars| bars.len() >= BARS_PER_MARK);
        if self.bars.len() + marks.len() > kept || marks.iter().any(is_full) {
            self.barred_until = self.barred_until.max(Some(ends));
            return;
        }
        for mark in marks {
            self.purged.remove(mark);
            self.bars.entry(*mark).or_default().push((token, ends));
        }
    }

    pub(super) fn lift(&mut self, marks: &[Mark], token: &[u8; 16], now: Duration, limits: &SharedLimits) {
        self.number += 1;
        for mark in marks {
            if let Some(bars) = self.bars.get_mut(mark) {
                bars.retain(|(other, ends)| other != token && *ends > now);
                if !bars.is_empty() {
                    continue;
                }
            }
            self.bars.remove(mark);
            self.purged.insert(*mark, self.number);
        }
        self.trim(limits);
    }

    fn trim(&mut self, limits: &SharedLimits) {
        let most = usize::try_from(limits.marks_kept).unwrap_or(usize::MAX);
        let excess = (self.purged.len() + self.expired.len() + self.bars.len()).saturating_sub(most);
        let mut numbers: Vec<u64> = self.purged.values().chain(self.expired.values()).copied().collect();
        numbers.sort_unstable();
        let Some(top) = excess.checked_sub(1).and_then(|last| numbers.get(last)).copied() else { return };
        self.floor = self.floor.max(top);
        // What has the number of the floor is told by the floor.
        self.purged.retain(|_, number| *number > top);
        self.expired.retain(|_, number| *number > top);
    }

    /// As when its numbers or its marks were lost: all of the numbers, and none of the bars.
    #[cfg(feature = "testing")]
    pub(super) fn lose_markers(&mut self) {
        let bars = std::mem::take(&mut self.bars);
        let values = std::mem::take(&mut self.values);
        let leases = std::mem::take(&mut self.leases);
        *self = Self { bars, values, leases, barred_until: self.barred_until, ..Self::new(self.generation) };
    }

    #[cfg(feature = "testing")]
    pub(super) fn lose_values(&mut self) {
        self.values.clear();
        self.leases.clear();
    }
}
