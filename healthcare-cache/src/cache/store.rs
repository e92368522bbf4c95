use super::{
    entry::{Draft, Entry},
    quota::Quota,
};
use crate::{
    CacheKey,
    report::{CacheReport, Count},
};
use foldhash::quality::RandomState;
use moka::{notification::RemovalCause, sync::Cache as Moka};
use std::{sync::Arc, time::Duration};

/// Whether a read looks for the first time. A key that is missed and asked for again by the same read would count as wanted
/// twice, and drive out what is wanted more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Again,
}

/// What is kept: moka's room and choice of what to evict, with a share for each clinic.
pub(super) struct Store<K, V> {
    // Seeded by chance for each cache as the standard library's is, and much cheaper for the short keys of a hit.
    entries: Moka<K, Arc<Entry<V>>, RandomState>,
    quota: Arc<Quota<K>>,
    report: CacheReport,
}

impl<K: CacheKey, V: Send + Sync + 'static> Store<K, V> {
    pub(super) fn new(capacity: u64, limit: u64, longest: Duration, report: CacheReport) -> Self {
        let quota = Arc::new(Quota::new(limit));
        let (counted, told) = (Arc::clone(&quota), report.clone());
        let entries = Moka::builder()
            .max_capacity(capacity)
            .weigher(|_: &K, entry: &Arc<Entry<V>>| entry.weight)
            .eviction_listener(move |key: Arc<K>, entry: Arc<Entry<V>>, cause| {
                counted.release(key.clinic(), entry.number);
                match cause {
                    RemovalCause::Size => told.count(Count::EvictedRoom),
                    RemovalCause::Expired => told.count(Count::EvictedAge),
                    RemovalCause::Explicit | RemovalCause::Replaced => {}
                }
            })
            // Frees what nobody asks for again. What may be served is decided by the entry, on our own clock.
            .time_to_live(longest)
            .build_with_hasher(RandomState::default());
        Self { entries, quota, report }
    }

    pub(super) fn get(&self, key: &K, turn: Turn) -> Option<Arc<Entry<V>>> {
        // To ask whether it is there counts for nothing.
        if turn == Turn::Again && !self.entries.contains_key(key) {
            return None;
        }
        self.entries.get(key)
    }

    /// Keeps it, and drives out for it what must go.
    pub(super) fn insert(&self, key: &K, draft: Draft<V>) -> Arc<Entry<V>> {
        let (number, victims) = self.quota.admit(key, draft.weight);
        // Without the quota's lock: moka tells the quota of each.
        for victim in victims {
            self.report.count(Count::EvictedShare);
            self.entries.invalidate(&victim);
        }
        let entry = Arc::new(Entry::new(draft, number));
        self.entries.insert(key.clone(), Arc::clone(&entry));
        entry
    }

    pub(super) fn remove(&self, key: &K) {
        self.entries.invalidate(key);
    }

    /// Entries and their weight, after the housekeeping that is due.
    pub(super) fn usage(&self) -> (u64, u64) {
        self.entries.run_pending_tasks();
        (self.entries.entry_count(), self.entries.weighted_size())
    }

    /// Walks everything, and says what does not add up.
    #[cfg(feature = "testing")]
    pub(super) fn validate(&self, check: impl Fn(&K, &Entry<V>) -> Result<(), String>) -> Result<(), String> {
        let (count, size) = self.usage();
        let (mut weights, mut known) = (0, std::collections::HashMap::new());
        for (clinic, weight, entries) in self.quota.shares() {
            if weight > self.quota.limit() {
                return Err(format!("a clinic holds {weight} of {}", self.quota.limit()));
            }
            if weight != entries.iter().map(|(_, weight)| u64::from(*weight)).sum::<u64>() {
                return Err("a share does not weigh what its entries weigh".to_owned());
            }
            weights += weight;
            known.extend(entries.into_iter().map(|(number, weight)| (number, (clinic, weight))));
        }
        let mut kept: u64 = 0;
        for (key, entry) in &self.entries {
            kept += 1;
            if known.get(&entry.number) != Some(&(key.clinic(), entry.weight)) {
                return Err("an entry is kept that its clinic's share does not know".to_owned());
            }
            check(&key, &entry)?;
        }
        let known = u64::try_from(known.len()).unwrap_or(u64::MAX);
        if (count, size) != (known, weights) || kept != known {
            return Err(format!("kept {kept}; moka has {count} of {size}, the quota {known} of {weights}"));
        }
        Ok(())
    }
}
