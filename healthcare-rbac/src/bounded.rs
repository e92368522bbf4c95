//! A map that never grows beyond its limit.

use std::{collections::HashMap, hash::Hash};

/// Two generations: what is touched moves to the young one; when that is full the old one is dropped and the young one
/// becomes old. At most `2 * half` entries, the least lately touched go first, every operation is O(1).
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    half: usize,
}

impl<K: Eq + Hash + Clone, V> Bounded<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: limit.div_ceil(2).max(1) }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if let Some(value) = self.old.remove(key) {
            self.insert(key.clone(), value);
        }
        self.young.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_touched_and_stays_within_its_limit() {
        let mut map = Bounded::new(8);
        map.insert(0, "kept");
        for key in 1..1000 {
            map.insert(key, "other");
            assert!(map.get_mut(&0).is_some(), "touched each time, so never dropped");
            assert!(map.len() <= 8, "{}", map.len());
        }
        assert!(map.get_mut(&500).is_none());
    }
}
