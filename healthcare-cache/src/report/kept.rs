use super::Count;
use std::{
    array,
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

const SHARDS: usize = 16;

/// Counts without a cell that all threads fight for: each thread has a shard, and the sum is made when somebody asks.
#[derive(Debug)]
pub(super) struct Kept(Box<[Shard; SHARDS]>);

/// As far from its neighbour as a processor fetches at once.
#[derive(Debug)]
#[repr(align(128))]
struct Shard([AtomicU64; Count::COUNT]);

thread_local! {
    static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
}
static NEXT: AtomicUsize = AtomicUsize::new(0);

impl Kept {
    pub(super) fn new() -> Self {
        Self(Box::new(array::from_fn(|_| Shard(array::from_fn(|_| AtomicU64::new(0))))))
    }

    pub(super) fn add(&self, count: Count) {
        let cell = self.0.get(own()).and_then(|shard| shard.0.get(count as usize));
        if let Some(cell) = cell {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self, count: Count) -> u64 {
        let cells = self.0.iter().filter_map(|shard| shard.0.get(count as usize));
        cells.map(|cell| cell.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// The number of this thread's shard.
fn own() -> usize {
    // A thread that ends has no number any more.
    let number = OWN.try_with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        own.get()
    });
    number.unwrap_or(0)
}
