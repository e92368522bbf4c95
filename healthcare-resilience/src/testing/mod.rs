//! Redis servers of a test's own, and connections that lose answers. For tests alone, and not covered by semver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
#[cfg(feature = "redis")]
mod connection;
mod server;

#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::connection::FaultyRedis;
pub use self::{cluster::RedisCluster, server::RedisServer};
