//! Which loads are under way. No user code runs under its locks.

use crate::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasher as _, Hash, RandomState},
};

type Shard<K, F> = Mutex<HashMap<K, Arc<F>>>;

/// The loads under way, by key.
#[derive(Debug)]
pub(crate) struct Table<K, F> {
    shards: Box<[Shard<K, F>]>,
    hasher: RandomState,
    /// All that have boarded and not landed, those that were replaced in the table too.
    count: AtomicUsize,
    max: usize,
}

/// What became of a wish for a load.
#[derive(Debug)]
pub(crate) enum Boarding<F> {
    /// Somebody else's is under way and will do.
    Joined(Arc<F>),
    /// The caller's is now the one, and must [`land`](Table::land).
    Led(Arc<F>),
    /// There are too many.
    Full,
}

impl<K: Hash + Eq + Clone, F> Table<K, F> {
    pub(crate) fn new(shards: usize, max: usize) -> Self {
        let shards = (0..shards.max(1)).map(|_| Mutex::new(HashMap::new())).collect();
        Self { shards, hasher: RandomState::new(), count: AtomicUsize::new(0), max }
    }

    /// Joins the load that is under way if it `will_do`; otherwise makes one, which takes its place in the table.
    pub(crate) fn board(
        &self,
        key: &K,
        will_do: impl FnOnce(&F) -> bool,
        make: impl FnOnce() -> F,
    ) -> Boarding<F> {
        let Some(shard) = self.shard(key) else { return Boarding::Full };
        let mut flights = shard.lock();
        if let Some(flight) = flights.get(key)
            && will_do(flight)
        {
            return Boarding::Joined(Arc::clone(flight));
        }
        if self.count.fetch_add(1, Ordering::AcqRel) >= self.max {
            self.count.fetch_sub(1, Ordering::AcqRel);
            return Boarding::Full;
        }
        // The fence is taken in here, under the lock: a later caller never finds an older load than an earlier one.
        let flight = Arc::new(make());
        flights.insert(key.clone(), Arc::clone(&flight));
        Boarding::Led(flight)
    }

    /// Takes a load out, once, after what it brought was stored. Another in its place stays.
    pub(crate) fn land(&self, key: &K, flight: &Arc<F>) {
        if let Some(shard) = self.shard(key)
            && let Entry::Occupied(found) = shard.lock().entry(key.clone())
            && Arc::ptr_eq(found.get(), flight)
        {
            found.remove();
        }
        self.count.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many are under way.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    #[cfg(feature = "testing")]
    /// How many are in the table: at most as many as are under way.
    pub(crate) fn listed(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    fn shard(&self, key: &K) -> Option<&Shard<K, F>> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or(0);
        self.shards.get(hash.checked_rem(self.shards.len())?)
    }
}
