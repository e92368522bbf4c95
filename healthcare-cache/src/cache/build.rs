use super::read::Cache;
use crate::{
    CacheCodec, CacheNode, CachePolicy, CachedAs,
    wire::{Form, coded},
};
use std::{fmt, sync::Arc};

/// Room for a few tens of thousands of small values.
const CAPACITY: u64 = 16 * 1024 * 1024;
const CLINIC_SHARE: f64 = 0.25;
const LOADS: usize = 256;
const FLIGHTS: usize = 16_384;

/// The cache cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheConfigError {
    /// Room for nothing.
    #[error("a cache needs at least {min} bytes: give it room, or use none")]
    NoRoom {
        /// The least.
        min: u64,
    },
    /// A share of nothing, or of more than everything.
    #[error("a clinic's share must be above 0 and at most 1, not {0}")]
    ClinicShare(f64),
    /// One value may take nothing, or more than its clinic.
    #[error("one value may take from one byte to a clinic's share of {share} bytes")]
    ValueMax {
        /// What a clinic may hold.
        share: u64,
    },
    /// No loads, or fewer waiting than running.
    #[error("allow at least one load to run, and at least as many to be under way")]
    Loads,
}

/// Describes a [`Cache`].
#[must_use = "call build()"]
pub struct CacheBuilder<K, V> {
    pub(super) policy: CachePolicy,
    pub(super) name: &'static str,
    pub(super) node: Option<CacheNode>,
    pub(super) capacity: u64,
    pub(super) clinic_share: f64,
    pub(super) value_max: Option<u64>,
    pub(super) loads: usize,
    pub(super) flights: usize,
    pub(super) weigh: fn(&K, &V) -> usize,
    /// In which form values lie in the shared tier.
    pub(super) form: Option<Arc<dyn Form<V>>>,
}

impl<K: CachedAs, V: Send + Sync + 'static> CacheBuilder<K, V> {
    /// The least room a cache can have, in bytes.
    pub const CAPACITY_MIN: u64 = 64 * 1024;

    pub(super) fn new(policy: CachePolicy) -> Self {
        Self {
            policy,
            name: K::KIND,
            node: None,
            capacity: CAPACITY,
            clinic_share: CLINIC_SHARE,
            value_max: None,
            loads: LOADS,
            flights: FLIGHTS,
            weigh: |_, _| size_of::<K>() + size_of::<V>(),
            form: None,
        }
    }

    /// What statistics, metrics and traces call it; its keys' [`CachedAs::KIND`] when never called.
    pub const fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The node whose purges reach it; one of its own when never called.
    pub fn node(mut self, node: &CacheNode) -> Self {
        self.node = Some(node.clone());
        self
    }

    /// Keeps values in the node's shared tier as well, in the form that `codec` gives them, compressed and sealed for their
    /// clinic and key. When never called, and for a node without a shared tier, values stay in memory; those of the
    /// restricted level stay there always.
    pub fn shared(self, codec: impl CacheCodec<V>) -> Self {
        self.form(coded(codec))
    }

    /// As [`shared`](Self::shared), in a form of the crate's own.
    pub(crate) fn form(mut self, form: Arc<dyn Form<V>>) -> Self {
        self.form = Some(form);
        self
    }

    /// The room, in bytes; 16 MiB when never called.
    pub const fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// The part of the room that one clinic may take; a quarter when never called. Beyond it, what is added drives out the
    /// clinic's own oldest. With a single clinic, give it 1.
    pub const fn clinic_share(mut self, fraction: f64) -> Self {
        self.clinic_share = fraction;
        self
    }

    /// The most that one value may take, in bytes; when never called, a sixteenth of the room or a clinic's share, whichever
    /// is less. What is larger is handed on and not kept.
    pub const fn value_max(mut self, bytes: u64) -> Self {
        self.value_max = Some(bytes);
        self
    }

    /// How many loads run at once; 256 when never called. More wait, within their time.
    pub const fn loads_max(mut self, count: usize) -> Self {
        self.loads = count;
        self
    }

    /// How many loads are under way, the waiting ones included; 16,384 when never called. Beyond it, calls fail at once.
    pub const fn flights_max(mut self, count: usize) -> Self {
        self.flights = count;
        self
    }

    /// How many bytes a key and its value take, what they point to included. The size of both types when never called,
    /// which is right only for types that point to nothing.
    pub const fn weigher(mut self, weigh: fn(&K, &V) -> usize) -> Self {
        self.weigh = weigh;
        self
    }

    /// The cache.
    ///
    /// # Errors
    /// [`CacheConfigError`] when it has no room, or a limit makes no sense.
    pub fn build(self) -> Result<Cache<K, V>, CacheConfigError> {
        if self.capacity < Self::CAPACITY_MIN {
            return Err(CacheConfigError::NoRoom { min: Self::CAPACITY_MIN });
        }
        // Not a number is in no range.
        if !(self.clinic_share > 0.0 && self.clinic_share <= 1.0) {
            return Err(CacheConfigError::ClinicShare(self.clinic_share));
        }
        let share = part(self.capacity, self.clinic_share);
        let value_max = self.value_max.unwrap_or_else(|| share.min(self.capacity / 16));
        if value_max == 0 || value_max > share {
            return Err(CacheConfigError::ValueMax { share });
        }
        if self.loads == 0 || self.flights < self.loads || self.loads > tokio::sync::Semaphore::MAX_PERMITS {
            return Err(CacheConfigError::Loads);
        }
        Ok(Cache::new(self, share, u32::try_from(value_max).unwrap_or(u32::MAX)))
    }
}

/// A fraction of a number, at least 1.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share need not be exact"
)]
pub(super) fn part(whole: u64, fraction: f64) -> u64 {
    ((whole as f64 * fraction) as u64).clamp(1, whole.max(1))
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("name", &self.name)
            .field("policy", &self.policy)
            .field("capacity", &self.capacity)
            .field("clinic_share", &self.clinic_share)
            .finish_non_exhaustive()
    }
}
