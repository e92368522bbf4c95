use crate::{CacheKey, sync::Mutex};
use healthcare_core::ClinicId;
use std::collections::{BTreeMap, HashMap};

/// How much each clinic holds, so that what it adds beyond its share drives out its own oldest and nobody else's.
pub(super) struct Quota<K> {
    limit: u64,
    held: Mutex<Held<K>>,
}

struct Held<K> {
    last: u64,
    clinics: HashMap<ClinicId, Share<K>>,
}

struct Share<K> {
    weight: u64,
    /// By number, and so oldest first.
    entries: BTreeMap<u64, (K, u32)>,
}

/// A clinic, what it holds, and its entries by number.
#[cfg(feature = "testing")]
pub(super) type ShareView = (ClinicId, u64, Vec<(u64, u32)>);

impl<K: CacheKey> Quota<K> {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, held: Mutex::new(Held { last: 0, clinics: HashMap::new() }) }
    }

    /// Counts an entry in. The keys are those of the clinic that must go for it.
    pub(super) fn admit(&self, key: &K, weight: u32) -> (u64, Vec<K>) {
        let mut held = self.held.lock();
        held.last += 1;
        let number = held.last;
        let share =
            held.clinics.entry(key.clinic()).or_insert_with(|| Share { weight: 0, entries: BTreeMap::new() });
        let mut total = share.weight.saturating_add(u64::from(weight));
        let mut victims = Vec::new();
        for (oldest, weight) in share.entries.values() {
            if total <= self.limit {
                break;
            }
            total = total.saturating_sub(u64::from(*weight));
            victims.push(oldest.clone());
        }
        share.weight = share.weight.saturating_add(u64::from(weight));
        share.entries.insert(number, (key.clone(), weight));
        (number, victims)
    }

    /// Counts an entry out, when the store has let go of it.
    pub(super) fn release(&self, clinic: ClinicId, number: u64) {
        let mut held = self.held.lock();
        if let Some(share) = held.clinics.get_mut(&clinic)
            && let Some((_, weight)) = share.entries.remove(&number)
        {
            share.weight = share.weight.saturating_sub(u64::from(weight));
            if share.entries.is_empty() {
                held.clinics.remove(&clinic);
            }
        }
    }

    /// What each clinic holds: its weight, and its entries by number.
    #[cfg(feature = "testing")]
    pub(super) fn shares(&self) -> Vec<ShareView> {
        let held = self.held.lock();
        held.clinics
            .iter()
            .map(|(clinic, share)| {
                let entries = share.entries.iter().map(|(number, (_, weight))| (*number, *weight)).collect();
                (*clinic, share.weight, entries)
            })
            .collect()
    }

    #[cfg(feature = "testing")]
    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }
}
