use super::{KeyedRateLimit, Quota, RateDecision, RateLimit};
use crate::Rejection;
use std::{fmt, future::Future, hash::Hash, pin::Pin};

/// What a [`RateLimitLayer`](crate::RateLimitLayer) asks about each request.
pub trait RateGate<R>: Clone {
    /// Whether `request` may go on.
    fn admit(&self, request: &R) -> Admission;

    /// The limit's name, for headers.
    fn name(&self) -> &'static str;

    /// The limit's quota, for headers.
    fn quota(&self) -> Quota;
}

/// The answer of a [`RateGate`].
pub enum Admission {
    /// The request is not limited.
    Free,
    /// Decided.
    Decided(Result<RateDecision, Rejection>),
    /// Decided later: by waiting, or by a server.
    Later(Pin<Box<dyn Future<Output = Result<RateDecision, Rejection>> + Send>>),
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("Free"),
            Self::Decided(decided) => f.debug_tuple("Decided").field(decided).finish(),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}

impl<R> RateGate<R> for RateLimit {
    fn admit(&self, _request: &R) -> Admission {
        match self.take_or_join(1) {
            Err(_) if self.may_wait() => {
                let limit = self.clone();
                Admission::Later(Box::pin(async move { limit.acquire().await }))
            }
            decided => Admission::Decided(decided),
        }
    }

    fn name(&self) -> &'static str {
        Self::name(self)
    }

    fn quota(&self) -> Quota {
        Self::quota(self)
    }
}

/// A limit by key, and how a request's key is found.
#[derive(Clone)]
pub struct ByKey<L, F> {
    limit: L,
    key: F,
}

impl<L, F> ByKey<L, F> {
    pub(super) const fn new(limit: L, key: F) -> Self {
        Self { limit, key }
    }
}

impl<L: fmt::Debug, F> fmt::Debug for ByKey<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<R, K, F> RateGate<R> for ByKey<KeyedRateLimit<K>, F>
where
    K: Hash + Eq + Clone,
    F: Fn(&R) -> Option<K> + Clone,
{
    fn admit(&self, request: &R) -> Admission {
        match (self.key)(request) {
            Some(key) => Admission::Decided(self.limit.try_acquire(&key)),
            None => Admission::Free,
        }
    }

    fn name(&self) -> &'static str {
        self.limit.name()
    }

    fn quota(&self) -> Quota {
        self.limit.quota()
    }
}

#[cfg(feature = "redis")]
impl<R, K, F> RateGate<R> for ByKey<super::RedisRateLimit, F>
where
    K: AsRef<[u8]> + Send + Sync + 'static,
    F: Fn(&R) -> Option<K> + Clone,
{
    fn admit(&self, request: &R) -> Admission {
        let Some(key) = (self.key)(request) else { return Admission::Free };
        let limit = self.limit.clone();
        Admission::Later(Box::pin(async move { limit.acquire(key).await }))
    }

    fn name(&self) -> &'static str {
        self.limit.name()
    }

    fn quota(&self) -> Quota {
        self.limit.quota()
    }
}
