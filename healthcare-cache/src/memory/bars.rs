use healthcare_core::ClinicId;
use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// More writes than this are not in flight at once, and not many are cut off.
const BARS_MAX: usize = 16_384;

/// The bars that are held. Asked only when a look-up missed, before a load that costs far more than the lock.
#[derive(Default)]
pub(super) struct Bars {
    /// Whether there may be any; spares the lock. Never false while one is held.
    any: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    last: u64,
    count: usize,
    by_subject: HashMap<(ClinicId, Uuid), Vec<One>>,
    /// Set when there was no room for one more: then everything is barred until it would have run out.
    everything_until: Option<Duration>,
}

#[derive(Clone, Copy)]
struct One {
    token: u64,
    until: Duration,
}

impl Bars {
    /// Adds a bar. `None` when there is no room: everything is barred instead.
    pub(super) fn add(
        &self,
        clinic: ClinicId,
        subject: Uuid,
        now: Duration,
        longest: Duration,
    ) -> Option<u64> {
        let mut held = self.held();
        self.any.store(true, Ordering::Release);
        let until = now.saturating_add(longest);
        if held.count >= BARS_MAX {
            held.clear_lapsed(now);
        }
        if held.count >= BARS_MAX {
            held.everything_until = held.everything_until.max(Some(until));
            return None;
        }
        held.last += 1;
        held.count += 1;
        let token = held.last;
        held.by_subject.entry((clinic, subject)).or_default().push(One { token, until });
        Some(token)
    }

    pub(super) fn remove(&self, clinic: ClinicId, subject: Uuid, token: u64) {
        let mut held = self.held();
        held.retain(clinic, subject, |one| one.token != token);
        self.settle(&held);
    }

    /// Whether a bar on this subject is held.
    pub(super) fn hold(&self, clinic: ClinicId, subject: Option<Uuid>, now: Duration) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let mut held = self.held();
        held.everything_until = held.everything_until.filter(|until| now < *until);
        if let Some(subject) = subject {
            held.retain(clinic, subject, |one| now < one.until);
        }
        self.settle(&held);
        held.everything_until.is_some()
            || subject.is_some_and(|subject| held.by_subject.contains_key(&(clinic, subject)))
    }

    pub(super) fn count(&self, now: Duration) -> usize {
        let mut held = self.held();
        held.clear_lapsed(now);
        self.settle(&held);
        held.count
    }

    fn settle(&self, held: &Held) {
        self.any.store(held.count > 0 || held.everything_until.is_some(), Ordering::Release);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn retain(&mut self, clinic: ClinicId, subject: Uuid, keep: impl Fn(&One) -> bool) {
        if let Some(bars) = self.by_subject.get_mut(&(clinic, subject)) {
            let before = bars.len();
            bars.retain(keep);
            self.count -= before - bars.len();
            if bars.is_empty() {
                self.by_subject.remove(&(clinic, subject));
            }
        }
    }

    fn clear_lapsed(&mut self, now: Duration) {
        self.by_subject.retain(|_, bars| {
            bars.retain(|one| now < one.until);
            !bars.is_empty()
        });
        self.count = self.by_subject.values().map(Vec::len).sum();
        self.everything_until = self.everything_until.filter(|until| now < *until);
    }
}
