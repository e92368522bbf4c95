use crate::{laboratory::Laboratory, laws::lawful};
use healthcare_resilience::{
    AsError, ByKey, KeyedRateLimit, Quota, RateLimit, RateLimitFuture, RateLimitLayer,
};
use std::{fmt::Debug, time::Duration};

type Key = fn(&Duration) -> Option<Duration>;

fn keyed() -> RateLimitLayer<ByKey<KeyedRateLimit<Duration>, Key>> {
    let limit = KeyedRateLimit::builder("x").quota(Quota::per_second(1_000)).build().unwrap();
    RateLimitLayer::by_key(limit, |takes| Some(*takes))
}

lawful!(laws, keyed());

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + Debug>() {}
    all::<RateLimitLayer<RateLimit>>();
    fn send<T: Send + Debug>() {}
    send::<RateLimitFuture<Laboratory, Duration, AsError>>();
}
