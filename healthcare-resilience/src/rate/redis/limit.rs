use super::{build::RedisRateLimitBuilder, decide::Shared, lease::Leases};
use crate::{KeyedRateLimit, Quota, RateDecision, RateLimitEvent, Rejection};
use std::{fmt, sync::Arc};
use tokio::sync::broadcast;

/// A limit that all instances of a program share, over Redis and the host's own connection. Cheap to clone.
///
/// Each decision is one round trip and is made by the server with the server's clock, so the instances' clocks do not
/// matter. With a lease of `k` an instance fetches up to `k` permits of a key at a time and spends them without asking;
/// all together then give out at most `k` more for each instance than the quota says.
///
/// A server that does not answer in time costs each call that time-out until a few in a row failed. From then on one call
/// in each pause asks, and all others are decided here at once, as [`WhileAway`](crate::WhileAway) says: refused, unless
/// another way was chosen. A caller whose own [`Deadline`](crate::Deadline) is shorter is refused when that is over: it
/// says nothing of the server, and being in a hurry lets nobody in.
///
/// Keys reach the server signed with HMAC-SHA-256 and cut to 128 bits: who reads the server's memory finds no user and no
/// address, nor can try them out without the secret. The part in braces is the whole signature, so in a cluster all keys
/// of a decision lie in one slot. A bucket is forgotten by the server a second after it is full again.
///
/// Dropping a decision that is under way may leave it charged, since the server may have made it: a limit errs on the
/// strict side.
#[derive(Clone)]
pub struct RedisRateLimit {
    shared: Arc<Shared>,
}

/// Marks one decision, so that asking for it again is not charged again. Remembered by the server for a minute.
///
/// It is the host's to choose, never the client's: whoever chooses it asks as often as they like for a minute, and is charged
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateToken(pub(super) u128);

impl RateToken {
    /// A token that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::u128(..))
    }
}

impl From<u128> for RateToken {
    /// A token of the host's, such as the id it gave to a job that may come again. Not one that a client sent.
    fn from(id: u128) -> Self {
        Self(id)
    }
}

impl RedisRateLimit {
    /// Starts describing a limit. The name appears in refusals, metrics, headers and the server's keys.
    pub fn builder(name: &'static str) -> RedisRateLimitBuilder {
        RedisRateLimitBuilder::new(name)
    }

    pub(super) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// The quota of each key, over all instances.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.shared.quota
    }

    /// Whether the server is away and decisions are made here: for a health report.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.shared.reach.is_away()
    }

    /// Tells each refusal from now on, and when the server goes away and comes back. A listener that is more than 32 events
    /// behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<RateLimitEvent> {
        self.shared.listeners.listen()
    }

    /// How many keys this instance remembers for leases and for its share, at most `max_keys` each.
    #[must_use]
    pub fn keys(&self) -> usize {
        let leases = self.shared.leases.as_ref().map_or(0, Leases::keys);
        leases.max(self.shared.local.as_ref().map_or(0, KeyedRateLimit::keys))
    }

    /// Takes one permit of `key`: an id, or an [`AddressKey`](crate::AddressKey).
    ///
    /// # Errors
    /// [`Rejection`] with its [reason](crate::RejectReason): `RateLimited` with the time to wait; `LimiterAway` when the
    /// server is away and the limit was not told to do otherwise; `DeadlineOver` when the task's
    /// [`Deadline`](crate::Deadline) is over before the server answers, and `WaitedTooLong` when another caller fetched the
    /// key's lease for longer than the time-out.
    pub async fn acquire(&self, key: impl AsRef<[u8]>) -> Result<RateDecision, Rejection> {
        self.shared.decide(key.as_ref(), 1, None).await
    }

    /// Takes `permits` of `key` at once or none of them.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); without a time to wait when `permits` is more than the burst.
    pub async fn acquire_many(&self, key: impl AsRef<[u8]>, permits: u32) -> Result<RateDecision, Rejection> {
        self.shared.decide(key.as_ref(), permits, None).await
    }

    /// [`acquire_many`](Self::acquire_many), charged once however often it is asked with the same token within a minute:
    /// for a caller who repeats a whole request and cannot tell whether it was charged. Never served from a lease.
    ///
    /// # Errors
    /// As [`acquire_many`](Self::acquire_many). A refusal is not remembered, since it cost nothing.
    pub async fn acquire_once(
        &self,
        key: impl AsRef<[u8]>,
        permits: u32,
        token: RateToken,
    ) -> Result<RateDecision, Rejection> {
        self.shared.decide(key.as_ref(), permits, Some(token)).await
    }
}

impl fmt::Debug for RedisRateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimit")
            .field("name", &self.shared.name)
            .field("quota", &self.shared.quota)
            .field("while_away", &self.shared.while_away)
            .field("is_away", &self.is_away())
            .finish_non_exhaustive()
    }
}
