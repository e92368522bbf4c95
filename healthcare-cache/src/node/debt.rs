//! The queue, and one flag that a look-up asks.

use super::queue::{Batch, Owed, Queue};
use crate::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

/// What the shared tier has not yet heard of. While there is any, this node uses nothing of that tier: it may hold what was
/// purged here.
///
/// Whoever purges owes first and purges here afterwards; whoever loads takes its fence first and asks afterwards. So a load
/// that finds nothing owed and reads the shared tier has a fence from before the purge, or reads what is younger than it.
#[derive(Debug)]
pub(crate) struct Debt {
    any: AtomicBool,
    queue: Mutex<Queue>,
}

impl Debt {
    pub(crate) fn new(max: usize) -> Self {
        Self { any: AtomicBool::new(false), queue: Mutex::new(Queue::new(max)) }
    }

    pub(crate) fn is_clear(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// How much is owed now.
    pub(crate) fn owe(&self, owed: &Owed) -> usize {
        let mut queue = self.queue.lock();
        queue.push(owed);
        self.any.store(!queue.is_empty(), Ordering::Release);
        queue.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    pub(crate) fn next(&self) -> Option<Batch> {
        self.queue.lock().next()
    }

    /// How much is owed still.
    pub(crate) fn confirm(&self, batch: &Batch) -> usize {
        let mut queue = self.queue.lock();
        queue.confirm(batch);
        self.any.store(!queue.is_empty(), Ordering::Release);
        queue.len()
    }

    /// Says what does not add up.
    #[cfg(feature = "testing")]
    pub(crate) fn validate(&self) -> Result<(), String> {
        let queue = self.queue.lock();
        queue.validate()?;
        if self.is_clear() == queue.is_empty() { Ok(()) } else { Err("what is owed is not told".to_owned()) }
    }
}
