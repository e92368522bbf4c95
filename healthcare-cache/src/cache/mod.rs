//! The cache: what is kept, read, loaded and forgotten.

mod beyond;
mod build;
mod entry;
mod fill;
mod forget;
mod inspect;
mod load;
mod look;
mod many;
mod put;
mod quota;
mod read;
mod store;
mod task;
#[cfg(feature = "testing")]
mod validate;

pub use self::{
    build::{CacheBuilder, CacheConfigError},
    entry::Cached,
    inspect::EntryInfo,
    load::{Load, Loaded},
    look::{Look, Vacancy},
    put::Put,
    read::{Cache, CacheUsage},
};
