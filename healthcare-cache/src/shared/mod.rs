//! The seam of the tier that several processes share, and what implements it.

mod chaos;
mod error;
mod limits;
mod memory;
mod null;
#[cfg(feature = "redis")]
mod redis;
mod tier;
mod types;

#[cfg(feature = "redis")]
pub use self::redis::{RedisShared, RedisSharedBuilder, RedisSharedError};
pub use self::{
    chaos::{ChaosShared, Mishap, NoticeMishap},
    error::SharedError,
    limits::{SharedLimits, SharedLimitsError},
    memory::{MemoryServer, MemoryServerBuilder, MemoryShared},
    null::NullShared,
    tier::{Listener, SharedTier},
    types::{
        Fetched, Filled, Forget, Lease, LeaseToken, Leased, NewEntry, Seen, SharedBar, SharedEntry, Sought,
        Verb, Verdict,
    },
};
