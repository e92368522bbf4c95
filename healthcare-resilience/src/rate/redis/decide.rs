//! How a decision is made: from a lease, by the server, or here.

use super::{
    away::WhileAway,
    lease::{Digest, Known, Leases},
    limit::RateToken,
    reach::{Reach, Turn},
    script::{Answer, GcraScript, Question},
};
use crate::{
    Clock, Deadline, KeyedRateLimit, Quota, RateDecision, RateLimitEvent, RedisLink, RejectReason, Rejection,
    listeners::Listeners, metrics::PolicyMetrics, rate::gcra::Gcra,
};
use redis::{RedisError, RedisResult};
use std::time::Duration;

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
    pub(super) metrics: PolicyMetrics,
    pub(super) listeners: Listeners<RateLimitEvent>,
}

/// Why nothing was taken.
enum Refused {
    /// The bucket is empty, for so long.
    Limited(Duration),
    /// The server is away.
    Away,
    /// The caller's time was over before anybody decided.
    TooLate(RejectReason),
}

/// How long the server remembers a decision that has a token.
const DECISION_MS: u64 = 60_000;

impl Shared {
    pub(super) async fn decide(
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
            _ => self.exact(&digest, permits, token).await,
        };
        match decided {
            Ok(used) => {
                if let Some(local) = &self.local {
                    // So that this instance's share is as spent as it really is when the server goes away.
                    local.charge(&digest, permits);
                }
                Ok(self.decision(used))
            }
            Err(Refused::Limited(wait)) => Err(self.refuse(RejectReason::RateLimited, Some(wait))),
            Err(Refused::TooLate(reason)) => Err(self.refuse(reason, None)),
            Err(Refused::Away) => self.decide_here(&digest, permits),
        }
    }

    /// As many as are needed, from the server.
    async fn exact(&self, digest: &Digest, permits: u32, token: Option<RateToken>) -> Result<u64, Refused> {
        let answer = self.asked(digest, permits, permits, token).await?;
        self.read(answer, permits)
    }

    /// From the lease, or with a new one.
    async fn leased(&self, leases: &Leases, digest: &Digest, permits: u32) -> Result<u64, Refused> {
        let fetch = match leases.take(digest, self.clock.now(), permits) {
            Known::Taken { used } => return Ok(used),
            Known::Refused { wait } => return Err(Refused::Limited(wait)),
            Known::Unknown => return self.exact(digest, permits, None).await,
            Known::Fetch(fetch) => fetch,
        };
        // Who fetches is bounded by the time-out, so each behind waits at most for those in front; and once one failed
        // often enough, nobody asks any more.
        let left = left();
        let Ok(_turn) = tokio::time::timeout(self.time_out.min(left), fetch.lock()).await else {
            return Err(self.too_late(left, RejectReason::WaitedTooLong));
        };
        match leases.take(digest, self.clock.now(), permits) {
            Known::Taken { used } => return Ok(used),
            Known::Refused { wait } => return Err(Refused::Limited(wait)),
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
        self.read(answer, permits)
    }

    /// The server's answer.
    async fn asked(
        &self,
        digest: &Digest,
        needed: u32,
        wanted: u32,
        token: Option<RateToken>,
    ) -> Result<Answer, Refused> {
        let left = left();
        if left.is_zero() {
            return Err(Refused::TooLate(RejectReason::DeadlineOver));
        }
        if !self.reach.may_ask(self.clock.now()) {
            return Err(Refused::Away);
        }
        let limit = self.time_out.min(left);
        match tokio::time::timeout(limit, self.ask(digest, needed, wanted, token)).await {
            Ok(Ok(answer)) => {
                self.turned(self.reach.answered());
                return Ok(answer);
            }
            Ok(Err(error)) => {
                tracing::debug!(policy = self.name, kind = ?error.kind(), "the rate limit's server failed");
            }
            // The caller was in a hurry: that says nothing of the server.
            Err(_) if left < self.time_out => return Err(self.too_late(left, RejectReason::DeadlineOver)),
            Err(_) => {}
        }
        self.turned(self.reach.failed(self.clock.now()));
        Err(Refused::Away)
    }

    /// The caller's time was over, or that for a turn, and nothing was decided. Only a server that is known to be away
    /// is a reason to decide here.
    fn too_late(&self, left: Duration, reason: RejectReason) -> Refused {
        if self.reach.is_away() {
            return Refused::Away;
        }
        Refused::TooLate(if left < self.time_out { RejectReason::DeadlineOver } else { reason })
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

    fn read(&self, answer: Answer, permits: u32) -> Result<u64, Refused> {
        if answer.granted >= permits && (answer.granted > 0 || permits == 0) {
            return Ok(answer.used);
        }
        Err(Refused::Limited(micros(self.gcra.take(answer.used, 0, permits).err().unwrap_or(0))))
    }

    fn decide_here(&self, digest: &Digest, permits: u32) -> Result<RateDecision, Rejection> {
        self.metrics.event("decided_here");
        match (self.while_away, &self.local) {
            (WhileAway::Open, _) => Ok(self.decision(0)),
            (WhileAway::LocalShare { .. }, Some(local)) => local
                .try_acquire_many(digest, permits)
                .inspect_err(|rejection| self.listeners.refused(rejection)),
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
        let rejection = Rejection::new(self.name, reason);
        let rejection = wait.map_or(rejection, |wait| rejection.retry_after_wait(wait));
        self.metrics.rejected(reason);
        self.listeners.refused(&rejection);
        rejection
    }

    fn turned(&self, turn: Option<Turn>) {
        let policy = self.name;
        match turn {
            None => {}
            Some(Turn::WentAway) => {
                tracing::warn!(policy, "the rate limit's server is away: deciding here");
                self.metrics.event("went_away");
                self.listeners.tell(|| RateLimitEvent::WentAway { policy });
            }
            Some(Turn::CameBack) => {
                tracing::info!(policy, "the rate limit's server is back");
                self.metrics.event("came_back");
                self.listeners.tell(|| RateLimitEvent::CameBack { policy });
            }
        }
    }
}

/// The connection broke: the server may or may not have decided.
fn is_lost(error: &RedisError) -> bool {
    error.is_connection_dropped() || error.is_io_error()
}

/// What is left of the caller's deadline.
fn left() -> Duration {
    Deadline::current().map_or(Duration::MAX, Deadline::left)
}

const fn micros(wait: u64) -> Duration {
    Duration::from_micros(wait)
}
