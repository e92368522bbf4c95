use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What one subscriber has had, so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Events that were handled.
    pub handled: u64,
    /// Events that were not: an error, a panic, or too slow.
    pub failed: u64,
    /// Events that were dropped because the subscriber was behind.
    pub missed: u64,
}

/// Where a bus counts. For implementers.
#[derive(Debug, Default)]
pub struct Tally {
    handled: AtomicU64,
    failed: AtomicU64,
    missed: AtomicU64,
}

impl Tally {
    /// One was handled, or not.
    pub fn handled(&self, is_ok: bool) {
        if is_ok { &self.handled } else { &self.failed }.fetch_add(1, Ordering::Relaxed);
    }

    /// One was dropped.
    pub fn missed(&self) {
        self.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// The numbers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            handled: self.handled.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
        }
    }
}

/// A subscription that is in force. Ends when this is dropped.
#[must_use = "dropping this ends the subscription"]
pub struct Subscribed {
    name: &'static str,
    tally: Arc<Tally>,
    end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Subscribed {
    /// A subscription that `end` ends. For implementers.
    pub fn new(name: &'static str, tally: Arc<Tally>, end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self { name, tally, end: Some(Box::new(end)) }
    }

    /// Whose it is.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the subscriber has had so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

impl fmt::Debug for Subscribed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribed")
            .field("name", &self.name)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
