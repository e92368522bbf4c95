//! Rate limits: in this process, by key, and over Redis.

mod address;
mod decision;
mod direct;
mod error;
mod event;
mod gate;
mod gcra;
#[cfg(feature = "http")]
mod headers;
mod keyed;
mod layer;
mod quota;
#[cfg(feature = "redis")]
mod redis;
mod table;
mod wait;

#[cfg(feature = "http")]
pub(crate) use self::headers::write_refusal;
#[cfg(feature = "redis")]
pub use self::redis::{RateToken, RedisRateLimit, RedisRateLimitBuilder, WhileAway};
pub use self::{
    address::AddressKey,
    decision::RateDecision,
    direct::{RateLimit, RateLimitBuilder},
    error::RateConfigError,
    event::RateLimitEvent,
    gate::{Admission, ByKey, RateGate},
    keyed::{KeyedRateLimit, KeyedRateLimitBuilder, WhenFull},
    layer::{AsError, RateAnswer, RateLimitFuture, RateLimitLayer, RateLimitService},
    quota::Quota,
};
#[cfg(feature = "http")]
pub use self::{headers::RateHeaders, layer::AsResponse};
