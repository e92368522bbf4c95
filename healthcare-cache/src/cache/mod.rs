//! The cache: what is kept, read, loaded and forgotten.

mod build;
mod entry;
mod fill;
mod forget;
mod load;
mod node;
mod quota;
mod read;
mod store;
mod task;
#[cfg(feature = "testing")]
mod validate;
mod versions;

pub(crate) use self::versions::Fence;
pub use self::{
    build::{CacheBuilder, CacheConfigError},
    entry::Cached,
    load::{Load, Loaded},
    node::CacheNode,
    read::{Cache, CacheUsage},
};
