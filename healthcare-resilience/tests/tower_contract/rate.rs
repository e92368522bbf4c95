use crate::{laboratory::Laboratory, laws::lawful};
use healthcare_resilience::{
    AsError, ByKey, KeyedRateLimit, Quota, RateLimit, RateLimitFuture, RateLimitLayer,
};
use std::{fmt::Debug, time::Duration};

fn direct() -> RateLimitLayer<RateLimit> {
    RateLimitLayer::new(RateLimit::builder("x").quota(Quota::per_second(1_000)).build().unwrap())
}

/// Every request after the first has to wait for its permit.
fn waiting() -> RateLimitLayer<RateLimit> {
    let builder = RateLimit::builder("x").quota(Quota::per_second(10).burst(1));
    RateLimitLayer::new(builder.max_waiting(1_000).max_wait(Duration::from_secs(600)).build().unwrap())
}

type Key = fn(&Duration) -> Option<Duration>;

fn keyed() -> RateLimitLayer<ByKey<KeyedRateLimit<Duration>, Key>> {
    let limit = KeyedRateLimit::builder("x").quota(Quota::per_second(1_000)).build().unwrap();
    RateLimitLayer::by_key(limit, |takes| Some(*takes))
}

lawful!(direct_laws, direct());
lawful!(waiting_laws, waiting());
lawful!(keyed_laws, keyed());

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + Debug>() {}
    all::<RateLimitLayer<RateLimit>>();
    fn send<T: Send + Debug>() {}
    send::<RateLimitFuture<Laboratory, Duration, AsError>>();
}
