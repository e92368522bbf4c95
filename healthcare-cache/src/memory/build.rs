use super::MemoryTier;
use crate::CacheKey;
use healthcare_core::{Clock, SystemClock};
use std::{fmt, sync::Arc, time::Duration};

/// Room for a few tens of thousands of small values.
const CAPACITY: u64 = 16 * 1024 * 1024;
const LIFE_MAX: Duration = Duration::from_secs(30 * 60);
/// Beyond this moka refuses a life.
const LIFE_LIMIT: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The tier cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TierConfigError {
    /// Room for nothing.
    #[error("a memory tier needs at least {min} bytes: give it room, or use no cache")]
    NoRoom {
        /// The least.
        min: u64,
    },
    /// A life of nothing, or of more than ten years.
    #[error("the longest life must be above zero and at most ten years")]
    Life,
}

/// Describes a [`MemoryTier`].
#[must_use = "call build()"]
pub struct MemoryTierBuilder<K, V> {
    pub(super) capacity: u64,
    pub(super) life_max: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) weigh: fn(&K, &V) -> usize,
}

impl<K: CacheKey, V: Clone + Send + Sync + 'static> MemoryTierBuilder<K, V> {
    /// The least room a tier can have, in bytes.
    pub const CAPACITY_MIN: u64 = 64 * 1024;

    pub(super) fn new() -> Self {
        Self {
            capacity: CAPACITY,
            life_max: LIFE_MAX,
            clock: Arc::new(SystemClock::default()),
            weigh: |_, _| size_of::<K>() + size_of::<V>(),
        }
    }

    /// The room, in bytes; 16 MiB when never called. One value may take a sixteenth of it.
    pub const fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// The longest a value lives, whatever its load asked for; 30 minutes when never called.
    pub const fn life_max(mut self, life: Duration) -> Self {
        self.life_max = life;
        self
    }

    /// The clock by which lives and bars end; the system's when never called.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How many bytes a key and its value take, what they point to included. The size of both types when never
    /// called, which is right only for types that point to nothing.
    pub const fn weigher(mut self, weigh: fn(&K, &V) -> usize) -> Self {
        self.weigh = weigh;
        self
    }

    /// The tier.
    ///
    /// # Errors
    /// [`TierConfigError`] when there is less room than [`CAPACITY_MIN`](Self::CAPACITY_MIN), or no life.
    pub fn build(self) -> Result<MemoryTier<K, V>, TierConfigError> {
        if self.capacity < Self::CAPACITY_MIN {
            return Err(TierConfigError::NoRoom { min: Self::CAPACITY_MIN });
        }
        if self.life_max.is_zero() || self.life_max > LIFE_LIMIT {
            return Err(TierConfigError::Life);
        }
        Ok(MemoryTier::new(self))
    }
}

impl<K, V> fmt::Debug for MemoryTierBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTierBuilder")
            .field("capacity", &self.capacity)
            .field("life_max", &self.life_max)
            .finish_non_exhaustive()
    }
}
