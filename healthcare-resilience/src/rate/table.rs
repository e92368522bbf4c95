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
    /// In how many nanoseconds it will be, if nobody uses it in the meantime; zero now.
    fn idle_in(&self, now: Moment) -> u64;
}

/// There was no room for a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// In so many nanoseconds the first of those that were looked at will be idle.
    pub(crate) idle_in: u64,
}

/// What came of looking for the idle.
struct Looked {
    gone: usize,
    full: Full,
}

/// Looks at old entries with every new one, once half of the room is taken: more than one, so that the map shrinks while
/// it is written to.
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

    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Does `act` with the value of `key`, a new one if there is none. [`Full`] when there is no room for a new key.
    ///
    /// `act` runs under the lock of a shard: it is ours, short, and calls nobody.
    #[inline]
    pub(crate) fn with<T>(
        &self,
        key: &K,
        now: Moment,
        new: impl FnOnce() -> V,
        act: impl FnOnce(&mut V) -> T,
    ) -> Result<T, Full>
    where
        K: Clone,
    {
        let hash = self.hash(key);
        let mut entries = self.shard(hash)?.0.lock();
        if let Some((_, value)) = entries.table.find_mut(hash, |(known, _)| known == key) {
            return Ok(act(value));
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
    ) -> Result<T, Full>
    where
        K: Clone,
    {
        // With less than that in it, what is idle now is more likely to come again than to be in the way.
        if self.len() >= self.max / 2 {
            self.clear(&mut entries, now, LOOKS);
        }
        if self.reserve() {
            return Ok(self.insert(&mut entries, (hash, key), new(), act));
        }
        let here = self.clear(&mut entries, now, LOOKS_WHEN_FULL);
        if here.gone > 0 && self.reserve() {
            return Ok(self.insert(&mut entries, (hash, key), new(), act));
        }
        drop(entries);
        // One shard may be full of the busy while another holds the idle.
        let there = self.clear_another(now)?;
        if !self.reserve() {
            return Err(Full { idle_in: here.full.idle_in.min(there.full.idle_in) });
        }
        let mut entries = self.shard(hash)?.0.lock();
        if let Some((_, value)) = entries.table.find_mut(hash, |(known, _)| known == key) {
            self.len.fetch_sub(1, Ordering::Relaxed);
            return Ok(act(value));
        }
        Ok(self.insert(&mut entries, (hash, key), new(), act))
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
        let Ok(shard) = self.shard(hash) else { return false };
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
            entries.table.retain(|(_, value)| value.idle_in(now) > 0);
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

    fn shard(&self, hash: u64) -> Result<&Shard<K, V>, Full> {
        // The table inside uses the hash's lowest and highest bits. There always is one.
        self.shards.get((hash >> 32) as usize & self.mask).ok_or(Full { idle_in: u64::MAX })
    }

    /// Counts one more key, unless there are as many as may be.
    fn reserve(&self) -> bool {
        let more = |len: usize| if len < self.max { Some(len + 1) } else { None };
        self.len.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Forgets what is idle among the next few places, and says how much that was and when the next of them will be.
    fn clear(&self, entries: &mut Entries<K, V>, now: Moment, looks: usize) -> Looked {
        let Entries { table, cursor } = entries;
        let places = table.num_buckets();
        let mut gone = 0;
        let mut idle_in = u64::MAX;
        for _ in 0..looks.min(places) {
            if *cursor >= places {
                *cursor = 0;
            }
            match table.get_bucket(*cursor).map(|(_, value)| value.idle_in(now)) {
                Some(0) => {
                    if let Ok(entry) = table.get_bucket_entry(*cursor) {
                        drop(entry.remove());
                        gone += 1;
                    }
                }
                Some(soon) => idle_in = idle_in.min(soon),
                None => {}
            }
            *cursor += 1;
        }
        self.len.fetch_sub(gone, Ordering::Relaxed);
        Looked { gone, full: Full { idle_in } }
    }

    #[cold]
    fn clear_another(&self, now: Moment) -> Result<Looked, Full> {
        let at = self.next.fetch_add(1, Ordering::Relaxed) as u64;
        let shard = self.shard(at << 32)?;
        Ok(self.clear(&mut shard.0.lock(), now, LOOKS_WHEN_FULL))
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys are addresses and people.
        f.debug_struct("Table").field("max", &self.max).finish_non_exhaustive()
    }
}
