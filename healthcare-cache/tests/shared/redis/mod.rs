//! Over a real Redis: the shared one, and ones of their own that are killed, filled up and set back.

mod contract;
mod gaps;
mod hearing;
mod leases;
mod model;
mod refused;
mod setbacks;
mod wire;

use healthcare_cache::{
    Fetched, Filled, Forget, Mark, NewEntry, RedisShared, ScopeMark, Seen, SharedTier as _, Verb,
    testing::shared_limits,
};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use std::time::Duration;

const CLINIC: ScopeMark = ScopeMark([0xc1; 16]);
const KEY: Mark = Mark([2; 16]);
const TAG: Mark = Mark([3; 16]);

async fn connect(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn url() -> String {
    std::env::var("HEALTHCARE_TEST_REDIS_URL").expect("HEALTHCARE_TEST_REDIS_URL: cargo xtask test")
}

/// A prefix that no other test and no other run uses.
fn fresh() -> String {
    format!("{:032x}", fastrand::u128(..))
}

fn tier<C: ConnectionLike + Clone + Send + Sync + 'static>(connection: C, prefix: &str) -> RedisShared {
    RedisShared::builder().connection(connection).prefix(prefix).limits(shared_limits()).build().unwrap()
}

async fn fence(tier: &RedisShared) -> Seen {
    match tier.fetch(CLINIC, KEY).await.unwrap() {
        Fetched::Miss(seen) => seen,
        Fetched::Hit(entry) => entry.now,
    }
}

async fn fill(tier: &RedisShared, seen: Seen) -> Filled {
    let life = Duration::from_secs(3_000);
    tier.fill(CLINIC, NewEntry { key: KEY, seen, marks: &[TAG], bytes: b"x", life, lease: None })
        .await
        .unwrap()
}

async fn keep(tier: &RedisShared) {
    let seen = fence(tier).await;
    assert_eq!(fill(tier, seen).await, Filled::Stored);
    assert!(is_kept(tier).await);
}

async fn is_kept(tier: &RedisShared) -> bool {
    matches!(tier.fetch(CLINIC, KEY).await.unwrap(), Fetched::Hit(_))
}

async fn purge(tier: &RedisShared) {
    tier.forget(CLINIC, Forget { marks: &[TAG], keys: &[], verb: Verb::Purge }, &[]).await.unwrap();
}
