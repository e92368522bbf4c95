//! Rate limits that several processes share.

mod away;
mod build;
mod decide;
mod lease;
mod limit;
mod reach;
mod script;

pub use self::{
    away::WhileAway,
    build::RedisRateLimitBuilder,
    limit::{RateToken, RedisRateLimit},
};
