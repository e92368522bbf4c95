use super::{
    away::WhileAway,
    build::RedisRateLimitBuilder,
    lease::{Digest, Known, Leases},
    reach::{Reach, Turn},
    script::{Answer, GcraScript, Question},
};
use crate::{
    Clock, Deadline, KeyedRateLimit, Quota, RateDecision, RedisLink, RejectReason, Rejection,
    metrics::PolicyMetrics, rate::gcra::Gcra,
};
use redis::{RedisError, RedisResult};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// A limit that all instances of a program share, over Redis and the host's own connection. Cheap to clone.
///
/// Each decision is one round trip and is made by the server with the server's clock, so the instances' clocks do not
/// matter. With a lease of `k` an instance fetches up to `k` permits of a key at a time and spends them without asking;
/// all together then give out at most `k` more for each instance than the quota says.
///
/// A server that does not answer in time costs each call that time-out until a few in a row failed. From then on one call
/// in each pause asks, and all others are decided here at once, as [`WhileAway`] says: refused, unless another way was
/// chosen.
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

pub(super) struct Shared {
    pub(super) name: &'static str,
    pub(super) quota: Quota,
    /// In microseconds, the unit of the server's clock.
    pub(super) gcra: Gcra,
    pub(super) secret: ring::hmac::Key,
    pub(super) link: RedisLink,
    pub(super) script: GcraScript,
    pub(super) reach: Reach,
    pub(super) time_out: Duration,
    pub(super) pause: Duration,
    pub(super) retry_lost: bool,
    pub(super) while_away: WhileAway,
    pub(super) local: Option<KeyedRateLimit<Digest>>,
    pub(super) leases: Option<Leases>,
    pub(super) clock: Clock,
    pub(super) events: broadcast::Sender<RateLimitEvent>,
    pub(super) metrics: PolicyMetrics,
}

/// What changed about a [`RedisRateLimit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitEvent {
    /// The server stopped answering: decisions are made as [`WhileAway`] says.
    WentAway,
    /// The server answers again.
    CameBack,
}

/// Marks one decision, so that asking for it again is not charged again. Remembered by the server for a minute.
///
/// It is the host's to choose, never the client's: whoever chooses it asks as often as they like for a minute, and is charged
/// once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateToken(u128);

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

/// How long the server remembers a decision that has a token.
const DECISION_MS: u64 = 60_000;

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

    /// Tells when the server goes away and comes back.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<RateLimitEvent> {
        self.shared.events.subscribe()
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
    /// [`RejectReason::RateLimited`] with the time to wait; [`RejectReason::LimiterAway`] when the server is away and the
    /// limit was not told to do otherwise; [`RejectReason::TooManyKeys`] when it decides here and may not remember more.
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

impl Shared {
    async fn decide(
        &self,
        key: &[u8],
        permits: u32,
        token: Option<RateToken>,
    ) -> Result<RateDecision, Rejection> {
        if permits > self.gcra.burst() {
            return Err(self.refuse(RejectReason::RateLimited, None));
        }
        let digest = self.sign(key);
        let decided = match (&self.leases, token) {
            (Some(leases), None) => self.leased(leases, &digest, permits).await,
            _ => self.asked(&digest, permits, permits, token).await.map(|answer| self.read(answer, permits)),
        };
        match decided {
            Some(Ok(used)) => {
                if let Some(local) = &self.local {
                    // So that this instance's share is as spent as it really is when the server goes away.
                    local.charge(&digest, permits);
                }
                Ok(self.decision(used))
            }
            Some(Err(wait)) => Err(self.refuse(RejectReason::RateLimited, Some(wait))),
            None => self.decide_here(&digest, permits),
        }
    }

    /// From the lease, or with a new one. `None` when the server is away.
    async fn leased(&self, leases: &Leases, digest: &Digest, permits: u32) -> Option<Result<u64, Duration>> {
        let fetch = match leases.take(digest, self.clock.now(), permits) {
            Known::Taken { used } => return Some(Ok(used)),
            Known::Refused { wait } => return Some(Err(wait)),
            Known::Unknown => {
                let answer = self.asked(digest, permits, permits, None).await?;
                return Some(self.read(answer, permits));
            }
            Known::Fetch(fetch) => fetch,
        };
        // Who fetches is bounded by the time-out, so each behind waits at most for those in front; and once one failed
        // often enough, nobody asks any more.
        let Ok(_turn) = tokio::time::timeout(self.time_out, fetch.lock()).await else { return None };
        match leases.take(digest, self.clock.now(), permits) {
            Known::Taken { used } => return Some(Ok(used)),
            Known::Refused { wait } => return Some(Err(wait)),
            Known::Unknown | Known::Fetch(_) => {}
        }
        let answer = self.asked(digest, permits, leases.size().max(permits), None).await?;
        let now = self.clock.now();
        if answer.granted >= permits {
            let extra = answer.granted.saturating_sub(permits);
            leases.put(digest, now, extra, answer.used);
        } else if let Err(wait) = self.gcra.take(answer.used, 0, 1) {
            leases.refuse(digest, now, micros(wait));
        }
        Some(self.read(answer, permits))
    }

    /// The server's answer; `None` when it is away.
    async fn asked(
        &self,
        digest: &Digest,
        needed: u32,
        wanted: u32,
        token: Option<RateToken>,
    ) -> Option<Answer> {
        if !self.reach.may_ask(self.clock.now()) {
            return None;
        }
        let left = Deadline::current().map_or(Duration::MAX, Deadline::left);
        let limit = self.time_out.min(left);
        let turn = match tokio::time::timeout(limit, self.ask(digest, needed, wanted, token)).await {
            Ok(Ok(answer)) => {
                self.turned(self.reach.answered());
                return Some(answer);
            }
            Ok(Err(error)) => {
                tracing::debug!(policy = self.name, kind = ?error.kind(), "the rate limit's server failed");
                self.reach.failed(self.clock.now())
            }
            // The caller was in a hurry: that says nothing of the server.
            Err(_) if left < self.time_out => None,
            Err(_) => self.reach.failed(self.clock.now()),
        };
        self.turned(turn);
        None
    }

    async fn ask(
        &self,
        digest: &Digest,
        needed: u32,
        wanted: u32,
        token: Option<RateToken>,
    ) -> RedisResult<Answer> {
        let token = token.or_else(|| self.retry_lost.then(RateToken::random));
        let bucket = format!("rl:{{{:032x}}}:{}", u128::from_be_bytes(*digest), self.name);
        let decision = token.map(|token| format!("{bucket}:{:032x}", token.0));
        let question = Question {
            bucket: bucket.as_bytes(),
            decision: decision.as_deref().map(str::as_bytes),
            interval: self.gcra.interval(),
            capacity: self.gcra.capacity(),
            needed,
            wanted,
            decision_ms: DECISION_MS,
        };
        match self.script.ask(&self.link, &question).await {
            Err(error) if self.retry_lost && is_lost(&error) => self.script.ask(&self.link, &question).await,
            answered => answered,
        }
    }

    fn read(&self, answer: Answer, permits: u32) -> Result<u64, Duration> {
        if answer.granted >= permits && (answer.granted > 0 || permits == 0) {
            return Ok(answer.used);
        }
        Err(micros(self.gcra.take(answer.used, 0, permits).err().unwrap_or(0)))
    }

    fn decide_here(&self, digest: &Digest, permits: u32) -> Result<RateDecision, Rejection> {
        self.metrics.event("decided_here");
        match (self.while_away, &self.local) {
            (WhileAway::Open, _) => Ok(self.decision(0)),
            (WhileAway::LocalShare { .. }, Some(local)) => local.try_acquire_many(digest, permits),
            _ => Err(self.refuse(RejectReason::LimiterAway, Some(self.pause))),
        }
    }

    fn decision(&self, used: u64) -> RateDecision {
        let gcra = Gcra::new(self.gcra.interval().saturating_mul(1000), self.gcra.burst());
        RateDecision::new(gcra, used.saturating_mul(1000))
    }

    /// The key as the server sees it.
    fn sign(&self, key: &[u8]) -> Digest {
        let mut signing = ring::hmac::Context::with_key(&self.secret);
        // Two limits of one program have keys of their own.
        signing.update(self.name.as_bytes());
        signing.update(&[0]);
        signing.update(key);
        let mut digest = Digest::default();
        digest.iter_mut().zip(signing.sign().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }

    #[cold]
    fn refuse(&self, reason: RejectReason, wait: Option<Duration>) -> Rejection {
        self.metrics.rejected(reason);
        let rejection = Rejection::new(self.name, reason);
        match wait {
            Some(wait) => rejection.retry_after_wait(wait),
            None => rejection,
        }
    }

    fn turned(&self, turn: Option<Turn>) {
        let event = match turn {
            None => return,
            Some(Turn::WentAway) => {
                tracing::warn!(policy = self.name, "the rate limit's server is away: deciding here");
                self.metrics.event("went_away");
                RateLimitEvent::WentAway
            }
            Some(Turn::CameBack) => {
                tracing::info!(policy = self.name, "the rate limit's server is back");
                self.metrics.event("came_back");
                RateLimitEvent::CameBack
            }
        };
        if self.events.receiver_count() > 0 {
            // They may have left meanwhile.
            let _ = self.events.send(event);
        }
    }
}

/// The connection broke: the server may or may not have decided.
fn is_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() || error.is_io_error()
}

const fn micros(wait: u64) -> Duration {
    Duration::from_micros(wait)
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
