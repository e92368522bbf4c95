//! What the caches of a process share: the clock, the names, and the numbers by which they forget.

mod handle;
mod reach;
mod versions;

pub(crate) use self::versions::{Fence, Versions};
pub use self::{handle::CacheNode, reach::Reach};
