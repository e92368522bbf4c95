use super::{
    Cached, Loaded,
    entry::{Age, Bond, Draft, Entry, Times},
    load::What,
    read::{ENTRY_OVERHEAD, Inner},
};
use crate::{CacheNode, CachedAs, Mark, Put, Seen, flight::LoadError, node::Fence, report::Count};
use std::{hash::BuildHasher as _, sync::Arc, sync::atomic::Ordering, time::Duration};
use uuid::Uuid;

/// What a load brought, kept or not.
pub(super) enum Found<V> {
    Value(Arc<Entry<V>>, Age),
    Absent(Arc<Entry<()>>),
}

impl<V> Found<V> {
    /// A value that a load brought just now.
    pub(super) const fn fresh(entry: Arc<Entry<V>>) -> Self {
        Self::Value(entry, Age::Fresh)
    }

    pub(super) fn fence(&self) -> &Fence {
        match self {
            Self::Value(entry, _) => &entry.fence,
            Self::Absent(entry) => &entry.fence,
        }
    }

    pub(super) fn bond(&self) -> Option<&Bond> {
        match self {
            Self::Value(entry, _) => entry.bond.as_deref(),
            Self::Absent(entry) => entry.bond.as_deref(),
        }
    }

    pub(super) fn into_value(self) -> Option<Cached<V>> {
        match self {
            Self::Value(entry, age) => Some(Cached::new(entry, age > Age::Eager)),
            Self::Absent(_) => None,
        }
    }
}

impl<V> Clone for Found<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Value(entry, age) => Self::Value(Arc::clone(entry), *age),
            Self::Absent(entry) => Self::Absent(Arc::clone(entry)),
        }
    }
}

/// What a load brought, about to be kept.
pub(super) enum Composed<V> {
    /// A value; already known to be too large, or not.
    Value(Draft<V>, Put),
    Absent(Draft<()>),
}

/// When a load began: what was purged later is not kept.
pub(super) struct Origin {
    /// Here.
    pub(super) fence: Fence,
    /// In the shared tier, if it answered.
    pub(super) seen: Option<Seen>,
    pub(super) begun: Duration,
}

impl<K: CachedAs, V: Send + Sync + 'static> Inner<K, V> {
    /// Keeps what was loaded by a load of this origin, unless something was purged meanwhile.
    pub(super) fn fill(
        &self,
        key: &K,
        origin: Origin,
        loaded: Loaded<V>,
        previous: Option<&Entry<V>>,
    ) -> Result<(Found<V>, Put), LoadError> {
        match self.compose(key, origin, loaded, previous)? {
            Composed::Value(draft, put) => {
                let put = if put == Put::Stored { self.check_draft(key, &draft) } else { put };
                Ok((Found::fresh(self.keep(key, draft, put)), put))
            }
            Composed::Absent(draft) => {
                let (entry, put) = self.keep_absent(key, draft);
                Ok((Found::Absent(entry), put))
            }
        }
    }

    /// Makes of what was loaded what may be kept.
    pub(super) fn compose(
        &self,
        key: &K,
        origin: Origin,
        loaded: Loaded<V>,
        previous: Option<&Entry<V>>,
    ) -> Result<Composed<V>, LoadError> {
        let Loaded { what, life, tags, subjects } = loaded;
        let ties = tags.len() + subjects.len();
        let put = if ties <= Loaded::<V>::TAGS_MAX { Put::Stored } else { Put::TooLarge };
        let (slots, marks): (Box<[u16]>, Box<[Mark]>) = match (&what, previous) {
            (What::NotModified, Some(previous)) if ties == 0 => {
                (previous.fence.tags().into(), previous.marks().into())
            }
            _ => self.ties(key, &tags, &subjects),
        };
        let Origin { fence, seen, begun } = origin;
        let fence = fence.with_tags(slots);
        let bond = (self.is_bound() || !fence.tags().is_empty()).then(|| Box::new(Bond { marks, seen }));
        let value = match (what, previous) {
            (What::Value(value), _) => Arc::new(value),
            (What::NotModified, Some(previous)) => Arc::clone(&previous.value),
            (What::NotModified, None) => return Err(LoadError::NothingToKeep),
            (What::Absent, _) => {
                let times = Times::negative(begun, self.policy.negative_life().unwrap_or_default());
                let value = Arc::new(());
                let draft = Draft { value, fence, times, weight: 1, is_expired: false, bond };
                return Ok(Composed::Absent(draft));
            }
        };
        let times = Times::new(&self.policy, begun, life, self.draw());
        Ok(Composed::Value(self.draft(key, value, fence, times, bond), put))
    }

    pub(super) fn draft(
        &self,
        key: &K,
        value: Arc<V>,
        fence: Fence,
        times: Times,
        bond: Option<Box<Bond>>,
    ) -> Draft<V> {
        let marks = bond.as_ref().map_or(0, |bond| size_of::<Bond>() + size_of_val(&*bond.marks));
        let weight =
            (self.weigh)(key, &value).saturating_add(size_of_val(fence.tags())).saturating_add(marks);
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).saturating_add(ENTRY_OVERHEAD);
        Draft { value, fence, times, weight, is_expired: false, bond }
    }

    /// Whether there is something against keeping it.
    pub(super) fn check_draft(&self, key: &K, draft: &Draft<V>) -> Put {
        if draft.weight > self.value_max || self.policy.is_off() {
            Put::TooLarge
        } else if self.may_keep(key, &draft.fence, draft.bond.as_deref()) {
            Put::Stored
        } else {
            Put::Stale
        }
    }

    /// Keeps it, or makes an entry of it that is only handed on.
    pub(super) fn keep(&self, key: &K, draft: Draft<V>, put: Put) -> Arc<Entry<V>> {
        self.report.count(Count::stored(put));
        if put != Put::Stored {
            return loose(draft);
        }
        let entry = self.values.insert(key, draft);
        self.negatives.remove(key);
        entry
    }

    /// The look-up compares again; this spares the room, and what a younger load brought. A bar is looked for here only.
    fn may_keep(&self, key: &K, fence: &Fence, bond: Option<&Bond>) -> bool {
        let is_known = !self.is_strict() || bond.is_some_and(|bond| bond.seen.is_some());
        is_known
            && self.node.hears(self.node.now())
            && !self.is_barred(key, bond)
            && self.node.versions().stand(fence)
    }

    /// Whether something that it depends on is being written.
    pub(super) fn is_barred(&self, key: &K, bond: Option<&Bond>) -> bool {
        let crate::node::Names { key, subject, .. } = self.node.names(key);
        let tied = bond.map_or(&[][..], |bond| &bond.marks);
        // A bond that is kept knows the subject already; twice does no harm.
        let marks: Vec<Mark> = [key].into_iter().chain(subject).chain(tied.iter().copied()).collect();
        self.node.is_barred(&marks)
    }

    fn keep_absent(&self, key: &K, draft: Draft<()>) -> (Arc<Entry<()>>, Put) {
        let has_life = self.policy.negative_life().is_some();
        if has_life && self.may_keep(key, &draft.fence, draft.bond.as_deref()) {
            let entry = self.negatives.insert(key, draft);
            // After: between the two a reader sees the value that was there.
            self.values.remove(key);
            return (entry, Put::Stored);
        }
        if !has_life {
            self.values.remove(key);
        }
        (loose(draft), Put::Stale)
    }

    /// What a value depends on besides its key: the slots of its tags and of the subjects that its key does not know, and the
    /// marks of all its subjects and its tags.
    fn ties(&self, key: &K, tags: &[String], subjects: &[Uuid]) -> (Box<[u16]>, Box<[Mark]>) {
        let clinic = key.clinic();
        let tags = tags.iter().map(|tag| self.node.tag_mark(clinic, tag));
        let others = subjects.iter().filter(|subject| key.subject() != Some(**subject));
        let others = others.map(|subject| self.node.subject_mark(clinic, *subject));
        let tags: Vec<Mark> = others.chain(tags).collect();
        let slots = tags.iter().map(|tag| CacheNode::slot(*tag)).collect();
        let subject = key.subject().map(|subject| self.node.subject_mark(clinic, subject));
        (slots, subject.into_iter().chain(tags).collect())
    }

    /// From 0 to 1, for the jitter.
    fn draw(&self) -> f64 {
        let hash = self.spread.hash_one(self.fills.fetch_add(1, Ordering::Relaxed));
        f64::from(u32::try_from(hash >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}

/// As an entry that is not kept.
pub(super) fn loose<V>(draft: Draft<V>) -> Arc<Entry<V>> {
    Arc::new(Entry::new(draft, 0))
}
