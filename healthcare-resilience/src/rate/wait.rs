//! The queue before a bucket: first come, first served.
//!
//! Who waits holds a place; who stands first holds the turn and alone watches the clock. A waiter is thus woken at most
//! twice, once for its turn and once for its permit, however many wait. Whoever gives up, in whatever state, has taken
//! nothing: permits are taken at the head of the queue and not on joining it.

use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Who stands in the queue, counted.
#[derive(Debug)]
pub(crate) struct Line {
    waiting: AtomicUsize,
    permits: AtomicU64,
    max: usize,
}

impl Line {
    pub(crate) fn new(max: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), permits: AtomicU64::new(0), max }
    }

    /// Nobody waits: the bucket may be asked without passing anyone.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many permits those who wait want.
    pub(crate) fn permits(&self) -> u64 {
        self.permits.load(Ordering::Relaxed)
    }

    /// A place at the end, unless all are taken.
    pub(crate) fn join(&self, permits: u32) -> Option<Place<'_>> {
        let one_more = |waiting: usize| if waiting < self.max { Some(waiting + 1) } else { None };
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        let ahead = self.permits.fetch_add(u64::from(permits), Ordering::Relaxed);
        Some(Place { line: self, permits, ahead })
    }
}

/// A place in a [`Line`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    line: &'a Line,
    permits: u32,
    ahead: u64,
}

impl Place<'_> {
    /// How many permits those in front wanted when this place was taken.
    pub(crate) const fn ahead(&self) -> u64 {
        self.ahead
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line.permits.fetch_sub(u64::from(self.permits), Ordering::Relaxed);
        self.line.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
