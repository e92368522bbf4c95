//! What the caches of a process share: the clock, the names, and the numbers by which they forget.

mod handle;
mod versions;

pub use self::handle::CacheNode;
pub(crate) use self::versions::{Fence, Versions};
