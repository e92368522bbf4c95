//! Where a rate is counted: in this process, or in a Redis for all of them.

use crate::config::{Rate, RatePeriod};
use healthcare_resilience::{
    BoxError, HealthBuilder, KeyedRateLimit, Quota, RateDecision, RateHeaders, RedisLink, RedisRateLimit,
    RejectReason, Rejection, Unhealthy, WhileAway,
};
use http::HeaderMap;
use std::{fmt, hash::Hash, sync::Arc, time::Duration};

/// A process fetches a hundredth of a share at a time, and no more than this.
const LEASE_MAX: u32 = 20;
/// How long the Redis may take to say that it is there.
const PING_MAX: Duration = Duration::from_secs(1);

/// The Redis in which shares are counted, and what signs the keys there.
#[derive(Clone)]
pub struct SharedCounts {
    link: RedisLink,
    secret: Arc<[u8]>,
}

impl fmt::Debug for SharedCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedCounts")
    }
}

impl SharedCounts {
    /// Counts there; the secret is the same in every process.
    #[must_use]
    pub fn new(link: RedisLink, secret: &[u8]) -> Self {
        Self { link, secret: secret.into() }
    }

    /// Adds whether it answers. Everything is served without it.
    pub(super) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        let link = self.link.clone();
        health.optional("redis", PING_MAX, move || {
            let link = link.clone();
            async move {
                let answered = link.send(&redis::cmd("PING")).await;
                answered.map(drop).map_err(|_| Unhealthy::because("does not answer"))
            }
        })
    }
}

/// A share for each key.
#[derive(Debug, Clone)]
pub(super) struct Count<K> {
    place: Place<K>,
    headers: Arc<RateHeaders>,
}

#[derive(Debug, Clone)]
enum Place<K> {
    Here(KeyedRateLimit<K>),
    /// And here, where many wait for what one of them asks of a Redis that has just gone.
    Shared(RedisRateLimit, KeyedRateLimit<K>),
}

impl<K: AsRef<[u8]> + Hash + Eq + Clone> Count<K> {
    /// Counted here, or in a Redis. While that is away each process gives out the whole share by itself: people work on.
    pub(super) fn new(
        name: &'static str,
        rate: Rate,
        shared: Option<&SharedCounts>,
    ) -> Result<Self, BoxError> {
        let quota = match rate.per {
            RatePeriod::Second => Quota::per_second(rate.requests),
            RatePeriod::Minute => Quota::per_minute(rate.requests),
            RatePeriod::Hour => Quota::per_hour(rate.requests),
        };
        let here = KeyedRateLimit::builder(name).quota(quota).build()?;
        let place = match shared {
            None => Place::Here(here),
            Some(SharedCounts { link, secret }) => {
                let shared = RedisRateLimit::builder(name)
                    .quota(quota)
                    .secret(secret)
                    .link(link.clone())
                    .lease((rate.requests / 100).clamp(1, LEASE_MAX))
                    .while_away(WhileAway::LocalShare { instances: 1 });
                Place::Shared(shared.build()?, here)
            }
        };
        Ok(Self { place, headers: Arc::new(RateHeaders::new(name, &quota)) })
    }

    /// Counts one, and says in the headers what is left.
    pub(super) async fn admit(&self, key: &K, headers: &mut HeaderMap) -> Result<(), Rejection> {
        match self.take(key).await {
            Ok(decision) => self.headers.write(&decision, headers),
            Err(refused) => {
                self.headers.write_policy(headers);
                return Err(refused);
            }
        }
        Ok(())
    }

    async fn take(&self, key: &K) -> Result<RateDecision, Rejection> {
        match &self.place {
            Place::Here(limit) => limit.try_acquire(key),
            Place::Shared(limit, here) => match limit.acquire(key).await {
                // Not refused for its rate: nobody has decided.
                Err(undecided) if !is_rate(undecided.reason()) => here.try_acquire(key),
                decided => decided,
            },
        }
    }

    pub(super) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        match &self.place {
            Place::Here(_) => health,
            Place::Shared(limit, _) => health.component(limit.clone()),
        }
    }
}

const fn is_rate(reason: RejectReason) -> bool {
    matches!(reason, RejectReason::RateLimited | RejectReason::TooManyKeys)
}
