use crate::CacheKey;
use healthcare_core::ClinicId;
use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};
use uuid::Uuid;

/// Slots for each of clinics, subjects and keys: 3 × 64 KiB, and few enough shared slots to cost nothing.
const SLOTS: usize = 8_192;

/// Versions, in a fixed number of slots. What shares a slot is forgotten together.
pub(super) struct Marks {
    all: AtomicU64,
    clinics: Box<[AtomicU64]>,
    subjects: Box<[AtomicU64]>,
    keys: Box<[AtomicU64]>,
    /// Seeded for each tier, so that nobody can choose ids that share a slot.
    hasher: RandomState,
}

impl Marks {
    pub(super) fn new() -> Self {
        let slots = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self {
            all: AtomicU64::new(0),
            clinics: slots(),
            subjects: slots(),
            keys: slots(),
            hasher: RandomState::new(),
        }
    }

    /// The versions that a value under this key depends on, as they are now.
    pub(super) fn of<K: CacheKey>(&self, key: &K) -> [u64; 4] {
        // Acquire: what a purger did before it bumped, its commit above all, is seen by a load that saw the bump.
        let subject =
            key.subject().map(|subject| self.subject(key.clinic(), subject).load(Ordering::Acquire));
        [
            self.all.load(Ordering::Acquire),
            self.clinic(key.clinic()).load(Ordering::Acquire),
            subject.unwrap_or(0),
            self.slot(&self.keys, key).load(Ordering::Acquire),
        ]
    }

    pub(super) fn bump_all(&self) {
        self.all.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn bump_clinic(&self, clinic: ClinicId) {
        self.clinic(clinic).fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn bump_subject(&self, clinic: ClinicId, subject: Uuid) {
        self.subject(clinic, subject).fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn bump_key<K: CacheKey>(&self, key: &K) {
        self.slot(&self.keys, key).fetch_add(1, Ordering::AcqRel);
    }

    fn clinic(&self, clinic: ClinicId) -> &AtomicU64 {
        self.slot(&self.clinics, clinic)
    }

    fn subject(&self, clinic: ClinicId, subject: Uuid) -> &AtomicU64 {
        self.slot(&self.subjects, (clinic, subject))
    }

    fn slot<'s, H: Hash>(&'s self, slots: &'s [AtomicU64], what: H) -> &'s AtomicU64 {
        let at = usize::try_from(self.hasher.hash_one(what) % SLOTS as u64).unwrap_or(0);
        // The remainder is below the number of slots; were it not, forgetting everything would be right.
        slots.get(at).unwrap_or(&self.all)
    }
}
