#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod memory;
mod relation;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod tier;

pub use crate::{
    memory::{MemoryTier, MemoryTierBuilder, TierConfigError, Usage},
    relation::{CachedRelations, PurgingWriter, RELATION_LIFE, Related, RelationKey},
    tier::{Bar, CacheKey, CacheTier, Fence, Lookup, Purge, PurgeScope, Put, TierError},
};
