//! Which loads are too old: numbers in slots. A look-up compares a few of them and hashes nothing.

use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of the last purge, and of the last expiry, of everything that falls into each slot.
///
/// Each purge takes the next number and writes it into the slots it names. An entry keeps the number that was the last
/// when its load began, and is good while none of its slots holds a higher one. What shares a slot is forgotten together.
#[derive(Debug)]
pub(crate) struct Versions {
    last: AtomicU64,
    everything: AtomicU64,
    /// The last expiry of anything: while it is not above an entry's number, its slots need not be asked.
    expiry: AtomicU64,
    clinics: Box<[AtomicU64]>,
    purged: Box<[AtomicU64]>,
    expired: Box<[AtomicU64]>,
    /// How many purges and expiries stand in their slots. Moves after them: who finds it where it was finds the slots so too.
    settled: AtomicU64,
}

/// What an entry's slots were found to be, so that they are not asked again before anything is forgotten: a hit then touches
/// none of them.
#[derive(Debug)]
pub(crate) struct Checked(AtomicU64);

impl Checked {
    pub(crate) fn never() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

/// Whether what a value depends on is as it was when its load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Stands,
    Expired,
    Purged,
}

/// What a load's value depends on, and when the load began. Taken before the load looks at anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence {
    seen: u64,
    clinic: u16,
    key: u16,
    /// The key's own slot again, when the value is about nobody.
    subject: u16,
    tags: Box<[u16]>,
}

impl Fence {
    /// When the load began.
    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }

    /// The tags, which are known only when the value is there. What was purged meanwhile is found out all the same: the
    /// number is from before.
    pub(crate) fn with_tags(self, tags: Box<[u16]>) -> Self {
        Self { tags, ..self }
    }

    /// The same for what begins at `seen`.
    pub(crate) fn at(self, seen: u64) -> Self {
        Self { seen, ..self }
    }

    /// The slots of the tags.
    pub(crate) fn tags(&self) -> &[u16] {
        &self.tags
    }
}

/// What to forget, as slots.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forget {
    Mark(u16),
    Clinic(u16),
    Everything,
}

impl Versions {
    pub(crate) fn new(slots: usize, clinics: usize) -> Self {
        let zeros = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            last: AtomicU64::new(0),
            everything: AtomicU64::new(0),
            expiry: AtomicU64::new(0),
            clinics: zeros(clinics),
            purged: zeros(slots),
            expired: zeros(slots),
            settled: AtomicU64::new(0),
        }
    }

    /// The number of the last purge, for what begins now.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// A fence for a load that begins now.
    pub(crate) fn fence(&self, clinic: u16, key: u16, subject: u16) -> Fence {
        Fence { seen: self.last(), clinic, key, subject, tags: Box::default() }
    }

    /// What became of the value meanwhile. The slots are asked only when anything at all was forgotten since they last were.
    pub(crate) fn standing(&self, fence: &Fence, checked: &Checked) -> Standing {
        // Before the slots: what is not in them yet moves it afterwards, and they are asked again.
        let settled = self.settled.load(Ordering::Acquire);
        if checked.0.load(Ordering::Relaxed) == settled {
            return Standing::Stands;
        }
        if !self.stand(fence) {
            return Standing::Purged;
        }
        if self.lapsed(fence) {
            return Standing::Expired;
        }
        checked.0.store(settled, Ordering::Relaxed);
        Standing::Stands
    }

    /// Whether nothing that the value depends on was purged since its load began.
    pub(crate) fn stand(&self, fence: &Fence) -> bool {
        let seen = fence.seen;
        let stands = |slots: &[AtomicU64], slot: u16| at(slots, slot).is_some_and(|number| number <= seen);
        self.everything.load(Ordering::Acquire) <= seen
            && stands(&self.clinics, fence.clinic)
            && stands(&self.purged, fence.key)
            && stands(&self.purged, fence.subject)
            && fence.tags.iter().all(|tag| stands(&self.purged, *tag))
    }

    /// Whether something that the value depends on was expired since its load began.
    pub(crate) fn lapsed(&self, fence: &Fence) -> bool {
        if self.expiry.load(Ordering::Acquire) <= fence.seen {
            return false;
        }
        let lapsed = |slot: u16| at(&self.expired, slot).is_none_or(|number| number > fence.seen);
        lapsed(fence.key) || lapsed(fence.subject) || fence.tags.iter().any(|tag| lapsed(*tag))
    }

    /// Forgets. When it has returned, no value whose load began before stands; the number is the purge's.
    pub(crate) fn purge(&self, what: Forget) -> u64 {
        let number = self.next();
        let slot = match what {
            Forget::Everything => Some(&self.everything),
            Forget::Clinic(slot) => cell(&self.clinics, slot),
            Forget::Mark(slot) => cell(&self.purged, slot),
        };
        // Two purges may get here in the other order than they got their numbers.
        if let Some(slot) = slot {
            slot.fetch_max(number, Ordering::AcqRel);
        }
        self.settled.fetch_add(1, Ordering::AcqRel);
        number
    }

    /// Makes what was loaded before count as over.
    pub(crate) fn expire(&self, slot: u16) {
        let number = self.next();
        if let Some(slot) = cell(&self.expired, slot) {
            slot.fetch_max(number, Ordering::AcqRel);
        }
        // After the slot: who sees this also sees the slot.
        self.expiry.fetch_max(number, Ordering::AcqRel);
        self.settled.fetch_add(1, Ordering::AcqRel);
    }

    /// Says what does not add up.
    #[cfg(feature = "testing")]
    pub(crate) fn validate(&self) -> Result<(), String> {
        let slots = self.clinics.iter().chain(&self.purged).chain(&self.expired);
        let highest =
            slots.chain([&self.everything, &self.expiry]).map(|slot| slot.load(Ordering::Acquire)).max();
        let expired = self.expired.iter().map(|slot| slot.load(Ordering::Acquire)).max();
        if highest > Some(self.last()) {
            return Err("a slot is of the future".to_owned());
        }
        if self.settled.load(Ordering::Acquire) > self.last() {
            return Err("more is in the slots than was forgotten".to_owned());
        }
        if expired.unwrap_or(0) != self.expiry.load(Ordering::Acquire) {
            return Err("the last expiry is not the last of any slot".to_owned());
        }
        Ok(())
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }
}

fn cell(slots: &[AtomicU64], slot: u16) -> Option<&AtomicU64> {
    slots.get(usize::from(slot).checked_rem(slots.len())?)
}

fn at(slots: &[AtomicU64], slot: u16) -> Option<u64> {
    cell(slots, slot).map(|number| number.load(Ordering::Acquire))
}
