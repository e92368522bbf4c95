//! Rate limits: in this process, by key, and over Redis.

mod address;
mod decision;
mod direct;
mod error;
mod gcra;
mod keyed;
mod quota;
#[cfg(feature = "redis")]
mod redis;
mod table;
mod wait;

#[cfg(feature = "redis")]
pub use self::redis::{RateLimitEvent, RateToken, RedisRateLimit, RedisRateLimitBuilder, WhileAway};
pub use self::{
    address::AddressKey,
    decision::RateDecision,
    direct::{RateLimit, RateLimitBuilder},
    error::RateConfigError,
    keyed::{KeyedRateLimit, KeyedRateLimitBuilder, WhenFull},
    quota::Quota,
};
