use super::{
    away::WhileAway,
    decide::Shared,
    lease::{Digest, Leases},
    limit::RedisRateLimit,
    reach::Reach,
    script::GcraScript,
};
use crate::{
    Clock, KeyedRateLimit, Quota, RateConfigError, RedisLink,
    listeners::Listeners,
    metrics::PolicyMetrics,
    rate::{gcra::Gcra, keyed::KEYS_MAX},
};
use redis::aio::ConnectionLike;
use std::{fmt, thread, time::Duration};

/// The server's clock counts microseconds.
const MICROSECOND: u64 = 1_000;
/// Shorter secrets can be tried out.
const SECRET_MIN: usize = 16;
const TIME_MAX: Duration = Duration::from_secs(60);
const FAILURES_MAX: u32 = 1_000;

/// Describes a [`RedisRateLimit`].
#[must_use = "call build()"]
pub struct RedisRateLimitBuilder {
    name: &'static str,
    quota: Option<Quota>,
    secret: Vec<u8>,
    link: Option<RedisLink>,
    time_out: Duration,
    failures_max: u32,
    pause: Duration,
    retry_lost: bool,
    while_away: WhileAway,
    lease: u32,
    max_keys: usize,
    clock: Clock,
}

impl RedisRateLimitBuilder {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            quota: None,
            secret: Vec::new(),
            link: None,
            time_out: Duration::from_millis(100),
            failures_max: 3,
            pause: Duration::from_secs(1),
            retry_lost: false,
            while_away: WhileAway::Refuse,
            lease: 1,
            max_keys: 100_000,
            clock: Clock::default(),
        }
    }

    /// How much each key is allowed over all instances. Needed. At most one permit a microsecond.
    pub fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// Signs the keys: at least 16 bytes that nobody can guess, the same in every instance. Needed.
    pub fn secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        self.secret = secret.as_ref().to_vec();
        self
    }

    /// The host's Redis. This, a connection or a pool is needed.
    pub fn link(mut self, link: RedisLink) -> Self {
        self.link = Some(link);
        self
    }

    /// The host's connection, whose clones share one socket: a `MultiplexedConnection`, a `ConnectionManager`, or a
    /// cluster's. It has to find its way back by itself after a restart of the server, as a `ConnectionManager` does.
    pub fn connection(self, connection: impl ConnectionLike + Clone + Send + Sync + 'static) -> Self {
        self.link(RedisLink::new(connection))
    }

    /// The host's pool.
    #[cfg(feature = "deadpool")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deadpool")))]
    pub fn pool(self, pool: deadpool_redis::Pool) -> Self {
        self.link(RedisLink::pool(pool))
    }

    /// How long the server may take for one decision before it is made here instead; 100 ms when never called. With a lease
    /// a caller may first wait as long for another who fetches.
    pub fn time_out(mut self, limit: Duration) -> Self {
        self.time_out = limit;
        self
    }

    /// How many decisions in a row must fail before the server counts as away; 3 when never called.
    pub fn consecutive(mut self, failures: u32) -> Self {
        self.failures_max = failures;
        self
    }

    /// How long it then counts as away before one decision asks it again, and so on; 1 s when never called.
    pub fn away_for(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Asks once more when the connection breaks under a decision, with a token so that it is not charged twice. Each
    /// admission then leaves a key of some 100 bytes on the server for a minute. Off when never called: a broken
    /// connection is one failure, as [`while_away`](Self::while_away) says.
    pub fn retry_lost(mut self, is_on: bool) -> Self {
        self.retry_lost = is_on;
        self
    }

    /// What happens while the server is away; calls are refused when never called.
    pub fn while_away(mut self, choice: WhileAway) -> Self {
        self.while_away = choice;
        self
    }

    /// How many permits of a key are fetched at a time; 1 when never called, which is exact. Fetched permits are given up
    /// when they were not used in the time in which as many come back.
    pub fn lease(mut self, permits: u32) -> Self {
        self.lease = permits;
        self
    }

    /// How many keys this instance remembers for leases and its share, at most; 100 000 when never called. Keys beyond them
    /// have no lease, and while the server is away one share together.
    pub fn max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Where the time of leases, pauses and the local share comes from; tokio's clock when never called. The decisions
    /// of the server do not depend on it.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The limit. Sends nothing yet.
    ///
    /// # Errors
    /// [`RateConfigError`] when quota, secret or connection are missing, or a number is out of its range.
    pub fn build(self) -> Result<RedisRateLimit, RateConfigError> {
        let quota = self.quota.ok_or(RateConfigError::NoQuota)?;
        let gcra = quota.gcra(MICROSECOND)?;
        if self.secret.len() < SECRET_MIN {
            return Err(RateConfigError::SecretTooShort { min: SECRET_MIN });
        }
        let times = [("time_out", self.time_out), ("away_for", self.pause)];
        if let Some((what, _)) = times.into_iter().find(|(_, time)| time.is_zero() || *time > TIME_MAX) {
            return Err(RateConfigError::Time { what, max: TIME_MAX });
        }
        for (what, number, max) in
            [("consecutive", self.failures_max, FAILURES_MAX), ("lease", self.lease, quota.burst_size())]
        {
            if number == 0 || number > max {
                return Err(RateConfigError::Number { what, max });
            }
        }
        if self.max_keys == 0 || self.max_keys > KEYS_MAX {
            return Err(RateConfigError::MaxKeys { max: KEYS_MAX });
        }
        let local = self.local(quota)?;
        let leases = self.leases(&gcra);
        Ok(RedisRateLimit::new(Shared {
            name: self.name,
            quota,
            gcra,
            secret: ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.secret),
            link: self.link.ok_or(RateConfigError::NoConnection)?,
            script: GcraScript::new(),
            reach: Reach::new(self.failures_max, self.pause),
            time_out: self.time_out,
            pause: self.pause,
            retry_lost: self.retry_lost,
            while_away: self.while_away,
            local,
            leases,
            clock: self.clock,
            listeners: Listeners::new(),
            metrics: PolicyMetrics::new("redis_rate_limit", self.name),
        }))
    }

    fn local(&self, quota: Quota) -> Result<Option<KeyedRateLimit<Digest>>, RateConfigError> {
        let WhileAway::LocalShare { instances } = self.while_away else { return Ok(None) };
        let share = KeyedRateLimit::builder(self.name).quota(quota.share(instances)?);
        share.max_keys(self.max_keys).clock(self.clock.clone()).build().map(Some)
    }

    fn leases(&self, gcra: &Gcra) -> Option<Leases> {
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let keep = Duration::from_micros(gcra.cost(self.lease));
        (self.lease > 1).then(|| Leases::new(self.lease, self.max_keys, processors, keep))
    }
}

impl fmt::Debug for RedisRateLimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimitBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
