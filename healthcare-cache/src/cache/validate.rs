use super::read::Cache;
use crate::{CacheNode, CachedAs};

impl<K: CachedAs, V: Send + Sync + 'static> Cache<K, V> {
    /// Walks all that it holds, and says what does not add up. For tests, while nobody else uses it.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), String> {
        let inner = &*self.inner;
        let life = u64::try_from(inner.policy.life().as_nanos()).unwrap_or(u64::MAX);
        let last = inner.node.versions().last();
        inner.values.validate(|key, entry| {
            let times = entry.times;
            let is_in_order = times.begun <= times.eager
                && times.eager <= times.stale
                && times.stale <= times.over
                && times.over <= times.gone;
            if !is_in_order || times.over - times.begun > life {
                return Err(format!("ages are out of order: {times:?}"));
            }
            if entry.weight > inner.value_max {
                return Err("a value is larger than one may be".to_owned());
            }
            if entry.fence.seen() > last {
                return Err("an entry is of the future".to_owned());
            }
            if inner.node.fence(key).at(0) != entry.fence.clone().with_tags(Box::default()).at(0) {
                return Err("an entry does not depend on what its key depends on".to_owned());
            }
            let subject = inner.node.names(key).subject;
            let ties = entry.marks().iter().filter(|mark| Some(**mark) != subject);
            if !ties.map(|mark| CacheNode::slot(*mark)).eq(entry.fence.tags().iter().copied()) {
                return Err("an entry's marks and slots are not of the same things".to_owned());
            }
            if inner.is_bound() && subject.is_some_and(|subject| !entry.marks().contains(&subject)) {
                return Err("an entry does not tell the other nodes whom it is about".to_owned());
            }
            Ok(())
        })?;
        inner.negatives.validate(|_, entry| {
            if entry.weight == 1 { Ok(()) } else { Err("a negative weighs more than one".to_owned()) }
        })?;
        let (count, listed) = (inner.flights.count(), inner.flights.listed());
        if listed > count {
            return Err(format!("{listed} loads are listed, but {count} are under way"));
        }
        if inner.negatives.usage().0 > inner.policy.negatives_max() {
            return Err("too many negatives".to_owned());
        }
        Ok(())
    }
}
