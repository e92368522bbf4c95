//! Permits fetched ahead: a key's share of the bucket that this instance may spend without asking.

use crate::{
    clock::Moment,
    rate::table::{Idle, Table},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex as Turn;

pub(crate) type Digest = [u8; 16];

/// The leases of all keys, at most so many.
#[derive(Debug)]
pub(crate) struct Leases {
    table: Table<Digest, Lease>,
    size: u32,
    /// How long permits may lie here: by then the server's bucket has made new ones, and both would be a burst.
    keep: Duration,
}

#[derive(Debug, Default)]
struct Lease {
    left: u32,
    keep_until: Moment,
    /// In nanoseconds, for the decision's numbers.
    used: u64,
    refused_until: Moment,
    /// One of this key's callers fetches, the others wait for what it brings.
    fetch: Arc<Turn<()>>,
}

impl Idle for Lease {
    fn idle_in(&self, now: Moment) -> u64 {
        if Arc::strong_count(&self.fetch) > 1 {
            return u64::MAX;
        }
        let kept = if self.left == 0 { Moment::START } else { self.keep_until };
        kept.max(self.refused_until).as_nanos().saturating_sub(now.as_nanos())
    }
}

/// What is known here about a key.
#[derive(Debug)]
pub(crate) enum Known {
    /// Taken from the lease; so much of the bucket is in use.
    Taken { used: u64 },
    /// The server said that nothing will be there for this long.
    Refused { wait: Duration },
    /// Fetch, one at a time.
    Fetch(Arc<Turn<()>>),
    /// No room to remember this key: ask for what is needed and no more.
    Unknown,
}

impl Leases {
    pub(crate) fn new(size: u32, max_keys: usize, processors: usize, keep: Duration) -> Self {
        Self { table: Table::new(max_keys, processors), size, keep }
    }

    /// How many permits are fetched at a time, and lie here at most.
    pub(crate) const fn size(&self) -> u32 {
        self.size
    }

    pub(crate) fn keys(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn take(&self, key: &Digest, now: Moment, permits: u32) -> Known {
        let known = self.table.with(key, now, Lease::default, |lease| {
            // Further ahead than it was ever set: the clock stepped back.
            if lease.keep_until <= now || lease.keep_until.since(now) > self.keep {
                lease.left = 0;
            }
            if let Some(left) = lease.left.checked_sub(permits).filter(|_| permits > 0) {
                lease.left = left;
                Known::Taken { used: lease.used }
            } else if lease.left == 0 && lease.refused_until > now {
                Known::Refused { wait: lease.refused_until.since(now) }
            } else {
                Known::Fetch(lease.fetch.clone())
            }
        });
        known.unwrap_or(Known::Unknown)
    }

    /// Puts by what was granted beyond the need.
    pub(crate) fn put(&self, key: &Digest, now: Moment, permits: u32, used: u64) {
        let _ = self.table.with(key, now, Lease::default, |lease| {
            lease.left = lease.left.saturating_add(permits).min(self.size);
            lease.keep_until = now.after(self.keep);
            lease.used = used;
        });
    }

    /// Remembers a refusal, so that a flood of one key does not reach the server.
    pub(crate) fn refuse(&self, key: &Digest, now: Moment, wait: Duration) {
        let _ = self.table.with(key, now, Lease::default, |lease| {
            lease.refused_until = now.after(wait.min(self.keep));
        });
    }
}
