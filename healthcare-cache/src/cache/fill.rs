use super::{
    Cached, Loaded,
    entry::{Entry, Times},
    load::What,
    read::{ENTRY_OVERHEAD, Inner},
};
use crate::{
    CachedAs, Put,
    flight::LoadError,
    node::{Fence, Versions},
    report::Count,
};
use std::{hash::BuildHasher as _, sync::Arc, sync::atomic::Ordering, time::Duration};

/// What a load brought, kept or not.
pub(super) enum Found<V> {
    Value(Arc<Entry<V>>),
    Absent(Fence),
}

impl<V> Found<V> {
    /// Whether it will do for who came when `arrival` was the last purge: the load began later, or nothing it depends on
    /// was purged since. Its tags were not known when the caller joined.
    pub(super) fn will_do(&self, arrival: u64, versions: &Versions) -> bool {
        let fence = match self {
            Self::Value(entry) => &entry.fence,
            Self::Absent(fence) => fence,
        };
        fence.seen() >= arrival || versions.stand(fence)
    }

    /// What a load that brought this counts.
    pub(super) const fn counted(&self) -> Count {
        match self {
            Self::Value(_) => Count::Loaded,
            Self::Absent(_) => Count::LoadedAbsent,
        }
    }

    pub(super) fn into_value(self) -> Option<Cached<V>> {
        match self {
            Self::Value(entry) => Some(Cached::new(entry, false)),
            Self::Absent(_) => None,
        }
    }
}

impl<V> Clone for Found<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Value(entry) => Self::Value(Arc::clone(entry)),
            Self::Absent(fence) => Self::Absent(fence.clone()),
        }
    }
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Keeps what was loaded under this fence by a load that began at `begun`, unless something was purged meanwhile.
    pub(super) fn fill(
        &self,
        key: &K,
        fence: Fence,
        begun: Duration,
        loaded: Loaded<V>,
        previous: Option<&Entry<V>>,
    ) -> Result<(Found<V>, Put), LoadError> {
        let Loaded { what, life, tags } = loaded;
        let is_tagged_well = tags.len() <= Loaded::<V>::TAGS_MAX;
        let slots: Box<[u16]> = match (&what, previous) {
            (What::NotModified, Some(previous)) if tags.is_empty() => previous.fence.tags().into(),
            _ => tags.iter().map(|tag| self.node.tag_slot(key.clinic(), tag)).collect(),
        };
        let fence = fence.with_tags(slots);
        let value = match (what, previous) {
            (What::Value(value), _) => Arc::new(value),
            (What::NotModified, Some(previous)) => Arc::clone(&previous.value),
            (What::NotModified, None) => return Err(LoadError::NothingToKeep),
            (What::Absent, _) => {
                let put = self.fill_absent(key, &fence, begun);
                return Ok((Found::Absent(fence), put));
            }
        };
        let times = Times::new(&self.policy, begun, life, self.draw());
        let weight = u32::try_from((self.weigh)(key, &value)).unwrap_or(u32::MAX);
        let weight = weight
            .saturating_add(ENTRY_OVERHEAD)
            .saturating_add(u32::try_from(fence.tags().len() * 2).unwrap_or(u32::MAX));
        let loose = |put| {
            self.report.count(Count::stored(put));
            let entry = Entry::new(Arc::clone(&value), fence.clone(), times, weight, 0);
            Ok((Found::Value(Arc::new(entry)), put))
        };
        if weight > self.value_max || !is_tagged_well || self.policy.is_off() {
            return loose(Put::TooLarge);
        }
        // The look-up compares again; this only spares the room, and what a younger load brought.
        if !self.node.versions().stand(&fence) {
            return loose(Put::Stale);
        }
        let entry = self.values.insert(key, weight, |number| {
            Entry::new(Arc::clone(&value), fence.clone(), times, weight, number)
        });
        self.negatives.remove(key);
        self.report.count(Count::Stored);
        Ok((Found::Value(entry), Put::Stored))
    }

    fn fill_absent(&self, key: &K, fence: &Fence, begun: Duration) -> Put {
        let Some(life) = self.policy.negative_life() else {
            self.values.remove(key);
            return Put::Stale;
        };
        if !self.node.versions().stand(fence) {
            return Put::Stale;
        }
        let times = Times::negative(begun, life);
        self.negatives.insert(key, 1, |number| Entry::new(Arc::new(()), fence.clone(), times, 1, number));
        // After: between the two a reader sees the value that was there.
        self.values.remove(key);
        Put::Stored
    }

    /// From 0 to 1, for the jitter.
    fn draw(&self) -> f64 {
        let hash = self.spread.hash_one(self.fills.fetch_add(1, Ordering::Relaxed));
        f64::from(u32::try_from(hash >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}
