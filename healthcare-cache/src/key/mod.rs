//! What values are kept under.

mod cached;
mod lookup;

pub use self::{cached::CachedAs, lookup::CacheKey};
