use super::{
    Quota, RateConfigError, RateDecision,
    event::RateLimitEvent,
    gcra::{Bucket, Gcra},
    table::{Full, Idle, Table},
};
use crate::{Clock, Moment, RejectReason, Rejection, listeners::Listeners, metrics::PolicyMetrics};
use std::{fmt, hash::Hash, marker::PhantomData, sync::Arc, thread};
use tokio::sync::broadcast;

/// A limit for each key in this process: each clinic, user or address has a bucket of its own. Cheap to clone.
///
/// It remembers at most `max_keys` keys, whatever strangers send. A key whose bucket is full again is forgotten when others
/// come and half of the room is taken, which nobody notices. When every remembered key is in use, [`WhenFull`] says what happens to a new one. A
/// few places are looked at for each new key and not all, so under a flood a new key may be turned away while an idle one
/// still sits elsewhere; the next calls find it.
///
/// Keys are compared and hashed by value with std's SipHash, and appear in no message. What makes a good key:
///
/// | limit per | key |
/// | --- | --- |
/// | clinic | the clinic's id, from the verified session |
/// | user | clinic and user id together, from the verified session |
/// | address | [`AddressKey`](crate::AddressKey) of the peer, or of what your own proxy says, never of a header anyone can write |
/// | sign-in | a name as typed is chosen by the attacker: limit by address, too |
///
/// ```
/// use healthcare_resilience::{KeyedRateLimit, Quota};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit: KeyedRateLimit<(u64, u64)> =
///     KeyedRateLimit::builder("searches").quota(Quota::per_minute(30).burst(1)).max_keys(50_000).build()?;
/// let (clinic, user) = (7, 1);
/// limit.try_acquire(&(clinic, user))?;
/// assert!(limit.try_acquire(&(clinic, user)).is_err());
/// limit.try_acquire(&(clinic, 2))?;
/// # Ok(()) }
/// ```
pub struct KeyedRateLimit<K> {
    shared: Arc<Shared<K>>,
}

impl<K> Clone for KeyedRateLimit<K> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

struct Shared<K> {
    buckets: Table<K, FullAt>,
    gcra: Gcra,
    clock: Clock,
    overflow: Option<Bucket>,
    name: &'static str,
    quota: Quota,
    metrics: PolicyMetrics,
    listeners: Listeners<RateLimitEvent>,
}

/// A key's bucket, as in [`Bucket`], behind the lock of its shard.
#[derive(Debug, Clone, Copy, Default)]
struct FullAt(u64);

impl Idle for FullAt {
    fn idle_in(&self, now: Moment) -> u64 {
        self.0.saturating_sub(now.as_nanos())
    }
}

/// What a [`KeyedRateLimit`] does with a new key when it may not remember more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// Puts all of them into one bucket with the same quota: some strangers still get through. What addresses need: there
    /// are more of them than anyone remembers, and who has many can fill the memory for as long as a bucket takes to come
    /// back.
    #[default]
    Share,
    /// Refuses it, with [`RejectReason::TooManyKeys`] and the time after which the first of the keys that were looked at
    /// is forgotten: those who are known are served and nobody else is. For keys that strangers cannot make up.
    Refuse,
}

impl<K: Hash + Eq + Clone> KeyedRateLimit<K> {
    /// Starts describing a limit. The name appears in refusals, metrics and headers.
    pub const fn builder(name: &'static str) -> KeyedRateLimitBuilder<K> {
        KeyedRateLimitBuilder {
            name,
            quota: None,
            max_keys: KEYS,
            when_full: WhenFull::Share,
            clock: None,
            key: PhantomData,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// The quota of each key.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.shared.quota
    }

    /// Takes one permit of `key` if there is one.
    ///
    /// # Errors
    /// [`RejectReason::RateLimited`] with the time to wait; [`RejectReason::TooManyKeys`] for a new key that may not be
    /// remembered, with the time after which there may be room, if the builder chose [`WhenFull::Refuse`].
    #[inline]
    pub fn try_acquire(&self, key: &K) -> Result<RateDecision, Rejection> {
        self.try_acquire_many(key, 1)
    }

    /// Takes `permits` of `key` at once or none of them.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire); without a time to wait when `permits` is more than the burst.
    #[inline]
    pub fn try_acquire_many(&self, key: &K, permits: u32) -> Result<RateDecision, Rejection> {
        let shared = &*self.shared;
        if permits > shared.gcra.burst() {
            return Err(shared.refuse(RejectReason::RateLimited, None));
        }
        let now = shared.clock.now();
        let at = now.as_nanos();
        let taken = shared.buckets.with(key, now, FullAt::default, |bucket| {
            bucket.0 = shared.gcra.settle(bucket.0, at);
            let used = shared.gcra.take(bucket.0, at, permits)?;
            bucket.0 = at.saturating_add(used);
            Ok(used)
        });
        let taken = match (taken, &shared.overflow) {
            (Ok(taken), _) => taken,
            (Err(_), Some(overflow)) => overflow.take(&shared.gcra, at, permits),
            (Err(full), None) => return Err(shared.full(full)),
        };
        match taken {
            Ok(used) => Ok(RateDecision::new(shared.gcra, used)),
            Err(wait) => Err(shared.refuse(RejectReason::RateLimited, Some(wait))),
        }
    }

    /// Takes `permits` of `key` even when they are not there, up to an empty bucket: what was used elsewhere.
    #[cfg(feature = "redis")]
    pub(super) fn charge(&self, key: &K, permits: u32) {
        let shared = &*self.shared;
        let now = shared.clock.now();
        let at = now.as_nanos();
        let _ = shared.buckets.with(key, now, FullAt::default, |bucket| {
            let used = shared.gcra.settle(bucket.0, at).saturating_sub(at);
            let used = used.saturating_add(shared.gcra.cost(permits));
            bucket.0 = at.saturating_add(used.min(shared.gcra.capacity()));
        });
    }

    /// Forgets `key`: its bucket is full again. For a limit that a success clears.
    pub fn reset(&self, key: &K) -> bool {
        self.shared.buckets.remove(key)
    }

    /// Tells each refusal from now on, and nothing of the key. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<RateLimitEvent> {
        self.shared.listeners.listen()
    }

    /// How many keys may be remembered.
    #[must_use]
    pub fn max_keys(&self) -> usize {
        self.shared.buckets.max()
    }

    /// How many keys are remembered, at most `max_keys`, also of those whose buckets are full again.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.shared.buckets.len()
    }

    /// Forgets every key whose bucket is full and gives memory back. Never needed; takes a time proportional to the keys.
    pub fn tidy(&self) {
        self.shared.buckets.tidy(self.shared.clock.now());
    }
}

impl<K> Shared<K> {
    #[cold]
    fn full(&self, full: Full) -> Rejection {
        // Where the clock stepped back a bucket seems to be fuller than it can be.
        self.refuse(RejectReason::TooManyKeys, Some(full.idle_in.min(self.gcra.capacity())))
    }

    #[cold]
    fn refuse(&self, reason: RejectReason, wait: Option<u64>) -> Rejection {
        let rejection = Rejection::new(self.name, reason);
        let rejection = wait.map_or(rejection, |wait| rejection.retry_after_nanos(wait));
        self.metrics.rejected(reason);
        self.listeners.refused(&rejection);
        rejection
    }
}

impl<K> fmt::Debug for KeyedRateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedRateLimit")
            .field("name", &self.shared.name)
            .field("quota", &self.shared.quota)
            .finish_non_exhaustive()
    }
}

/// Keys remembered when nothing was said: some megabytes with keys of ordinary size.
const KEYS: usize = 100_000;
pub(super) const KEYS_MAX: usize = 100_000_000;

/// Describes a [`KeyedRateLimit`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct KeyedRateLimitBuilder<K> {
    name: &'static str,
    quota: Option<Quota>,
    max_keys: usize,
    when_full: WhenFull,
    clock: Option<Clock>,
    key: PhantomData<fn(K)>,
}

impl<K: Hash + Eq + Clone> KeyedRateLimitBuilder<K> {
    /// How much each key is allowed. Needed.
    pub const fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// How many keys are remembered at most; 100 000 when never called. Each takes its own size and some 20 bytes.
    pub const fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// What happens to a new key beyond that; all such keys share one bucket when never called.
    pub const fn when_full(mut self, choice: WhenFull) -> Self {
        self.when_full = choice;
        self
    }

    /// Where the time comes from; tokio's clock when never called.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The limit, remembering nobody.
    ///
    /// # Errors
    /// [`RateConfigError`] when the quota is missing or impossible, or `max_keys` is zero or more than 100 million.
    pub fn build(self) -> Result<KeyedRateLimit<K>, RateConfigError> {
        let quota = self.quota.ok_or(RateConfigError::NoQuota)?;
        if self.max_keys == 0 || self.max_keys > KEYS_MAX {
            return Err(RateConfigError::MaxKeys { max: KEYS_MAX });
        }
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(KeyedRateLimit {
            shared: Arc::new(Shared {
                buckets: Table::new(self.max_keys, processors),
                gcra: quota.gcra(1)?,
                clock: self.clock.unwrap_or_default(),
                overflow: (self.when_full == WhenFull::Share).then(Bucket::full),
                name: self.name,
                quota,
                metrics: PolicyMetrics::new("keyed_rate_limit", self.name),
                listeners: Listeners::new(),
            }),
        })
    }
}
