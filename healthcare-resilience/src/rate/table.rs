//! A map with a hard cap on its keys, in shards. What is idle makes room for what is new.
//!
//! Clearing out is paid by those who bring new keys, a few looks each, so that no call ever walks through the whole map.

use crate::{
    clock::Moment,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use hashbrown::HashTable;
use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    ops::DerefMut,
};

/// A value that may be forgotten without anybody noticing.
pub(crate) trait Idle {
    fn is_idle(&self, now: Moment) -> bool;
}

/// Looks at old entries with every new one: more than one, so that the map shrinks while it is written to.
const LOOKS: usize = 4;
/// Looks before a new key is turned away.
const LOOKS_WHEN_FULL: usize = 64;
/// Fewer keys than this are not worth a shard.
const SHARD_KEYS: usize = 64;
const SHARDS_MAX: usize = 64;

pub(crate) struct Table<K, V> {
    shards: Box<[Shard<K, V>]>,
    mask: usize,
    len: AtomicUsize,
    max: usize,
    next: AtomicUsize,
    // SipHash with random keys: the keys come from strangers, who must not be able to pile them into one place.
    hasher: RandomState,
}

/// On lines of its own, so that threads in different shards do not take each other's from their caches.
#[repr(align(128))]
struct Shard<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    table: HashTable<(K, V)>,
    cursor: usize,
}

impl<K: Hash + Eq, V: Idle> Table<K, V> {
    /// A table of at most `max` keys, for so many processors.
    pub(crate) fn new(max: usize, processors: usize) -> Self {
        let most = processors.saturating_mul(4).clamp(1, SHARDS_MAX);
        let shards = (max / SHARD_KEYS).clamp(1, most).next_power_of_two();
        let shard = || Shard(Mutex::new(Entries { table: HashTable::new(), cursor: 0 }));
        Self {
            shards: (0..shards).map(|_| shard()).collect(),
            mask: shards - 1,
            len: AtomicUsize::new(0),
            max,
            next: AtomicUsize::new(0),
            hasher: RandomState::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Does `act` with the value of `key`, a new one if there is none. `None` when there is no room for a new key.
    ///
    /// `act` runs under the lock of a shard: it is ours, short, and calls nobody.
    #[inline]
    pub(crate) fn with<T>(
        &self,
        key: &K,
        now: Moment,
        new: impl FnOnce() -> V,
        act: impl FnOnce(&mut V) -> T,
    ) -> Option<T>
    where
        K: Clone,
    {
        let hash = self.hash(key);
        let mut entries = self.shard(hash)?.0.lock();
        if let Some((_, value)) = entries.table.find_mut(hash, |(known, _)| known == key) {
            return Some(act(value));
        }
        self.with_new(entries, (hash, key), now, new, act)
    }

    /// The rest of [`with`](Self::with) for a key that is not there.
    #[cold]
    fn with_new<T>(
        &self,
        mut entries: impl DerefMut<Target = Entries<K, V>>,
        (hash, key): (u64, &K),
        now: Moment,
        new: impl FnOnce() -> V,
        act: impl FnOnce(&mut V) -> T,
    ) -> Option<T>
    where
        K: Clone,
    {
        self.clear(&mut entries, now, LOOKS);
        if self.reserve() || (self.clear(&mut entries, now, LOOKS_WHEN_FULL) > 0 && self.reserve()) {
            return Some(self.insert(&mut entries, (hash, key), new(), act));
        }
        drop(entries);
        // One shard may be full of the busy while another holds the idle.
        self.clear_another(now);
        if !self.reserve() {
            return None;
        }
        let mut entries = self.shard(hash)?.0.lock();
        if let Some((_, value)) = entries.table.find_mut(hash, |(known, _)| known == key) {
            self.len.fetch_sub(1, Ordering::Relaxed);
            return Some(act(value));
        }
        Some(self.insert(&mut entries, (hash, key), new(), act))
    }

    fn insert<T>(
        &self,
        entries: &mut Entries<K, V>,
        (hash, key): (u64, &K),
        mut value: V,
        act: impl FnOnce(&mut V) -> T,
    ) -> T
    where
        K: Clone,
    {
        let done = act(&mut value);
        entries.table.insert_unique(hash, (key.clone(), value), |(known, _)| self.hash(known));
        done
    }

    /// Forgets `key`.
    pub(crate) fn remove(&self, key: &K) -> bool {
        let hash = self.hash(key);
        let Some(shard) = self.shard(hash) else { return false };
        let mut entries = shard.0.lock();
        match entries.table.find_entry(hash, |(known, _)| known == key) {
            Ok(entry) => {
                drop(entry.remove());
                self.len.fetch_sub(1, Ordering::Relaxed);
                true
            }
            Err(_) => false,
        }
    }

    /// Forgets everything idle, shard by shard, and gives memory back.
    pub(crate) fn tidy(&self, now: Moment) {
        for shard in &self.shards {
            let mut entries = shard.0.lock();
            let before = entries.table.len();
            entries.table.retain(|(_, value)| !value.is_idle(now));
            self.len.fetch_sub(before - entries.table.len(), Ordering::Relaxed);
            entries.table.shrink_to_fit(|(known, _)| self.hash(known));
            entries.cursor = 0;
        }
    }

    /// One function that is called, so that SipHash is inlined into it and not called in parts from all who need it.
    #[inline(never)]
    fn hash(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    fn shard(&self, hash: u64) -> Option<&Shard<K, V>> {
        // The table inside uses the hash's lowest and highest bits.
        self.shards.get((hash >> 32) as usize & self.mask)
    }

    /// Counts one more key, unless there are as many as may be.
    fn reserve(&self) -> bool {
        let more = |len: usize| if len < self.max { Some(len + 1) } else { None };
        self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Forgets what is idle among the next few places, and says how much that was.
    fn clear(&self, entries: &mut Entries<K, V>, now: Moment, looks: usize) -> usize {
        let Entries { table, cursor } = entries;
        let places = table.num_buckets();
        let mut gone = 0;
        for _ in 0..looks.min(places) {
            if *cursor >= places {
                *cursor = 0;
            }
            if table.get_bucket(*cursor).is_some_and(|(_, value)| value.is_idle(now))
                && let Ok(entry) = table.get_bucket_entry(*cursor)
            {
                drop(entry.remove());
                gone += 1;
            }
            *cursor += 1;
        }
        self.len.fetch_sub(gone, Ordering::Relaxed);
        gone
    }

    #[cold]
    fn clear_another(&self, now: Moment) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) & self.mask;
        if let Some(shard) = self.shards.get(at) {
            self.clear(&mut shard.0.lock(), now, LOOKS_WHEN_FULL);
        }
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys are addresses and people.
        f.debug_struct("Table").field("max", &self.max).finish_non_exhaustive()
    }
}
