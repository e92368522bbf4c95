//! Over a real Redis, with its clock, its restarts and its silences: links, scripts and rate limits, from one process and
//! from several.
#![cfg(all(feature = "deadpool", feature = "testing"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod away;
mod cluster;
mod decide;
mod layer;
mod lease;
#[cfg(feature = "metrics")]
mod metrics;
mod processes;
mod script;

use healthcare_resilience::{Quota, RedisRateLimit, RedisRateLimitBuilder, RejectReason, Rejection};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use std::time::Duration;

pub(crate) const SECRET: &[u8] = b"a secret of the tests alone";

pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// The server that all tests share.
pub(crate) async fn shared() -> MultiplexedConnection {
    let url =
        std::env::var("HEALTHCARE_TEST_REDIS_URL").expect("HEALTHCARE_TEST_REDIS_URL: cargo xtask test");
    connect(&url).await
}

/// Patient enough for a machine that is busy with other tests.
pub(crate) fn builder<C: ConnectionLike + Clone + Send + Sync + 'static>(
    quota: Quota,
    connection: C,
) -> RedisRateLimitBuilder {
    let builder = RedisRateLimit::builder("test").quota(quota).secret(SECRET).connection(connection);
    builder.time_out(Duration::from_secs(20))
}

/// A key that no other test and no other run uses.
pub(crate) fn fresh() -> String {
    format!("{:032x}", fastrand::u128(..))
}

pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T, Rejection>) -> RejectReason {
    result.expect_err("admitted").reason()
}
