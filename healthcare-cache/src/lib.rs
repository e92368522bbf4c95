#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "axum")]
mod admin;
mod cache;
mod flight;
#[cfg(feature = "http")]
mod http;
mod key;
mod mark;
mod node;
mod policy;
mod relation;
mod report;
mod repository;
mod shared;
mod sync;
mod template;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod wire;

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use crate::admin::{
    AdminAct, AdminAudit, AdminEvent, CacheAdmin, CacheAdminBuilder, CacheAdminError, Operator,
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use crate::http::{
    Cacheable, FreeOfPhi, KeptResponse, ResponseCache, ResponseCacheBody, ResponseCacheBuilder,
    ResponseCacheError, ResponseCacheFuture, ResponseCacheLayer, ResponseKey, Viewer,
};
#[cfg(feature = "statistics")]
#[cfg_attr(docsrs, doc(cfg(feature = "statistics")))]
pub use crate::report::{CacheStatistics, NodeStatistics};
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use crate::shared::{RedisShared, RedisSharedBuilder, RedisSharedError};
pub use crate::{
    cache::{
        Cache, CacheBuilder, CacheConfigError, CacheUsage, Cached, EntryInfo, Load, Loaded, Look, Put,
        Vacancy,
    },
    flight::LoadError,
    key::{CacheKey, CachedAs},
    mark::{KeyWriter, Mark, Namer, ScopeMark},
    node::{CacheNode, Coherence, NodeBar, NodeBarError, NodeBuilder, NodeConfigError, Reach},
    policy::{CacheLevel, CachePolicy, CachePolicyBuilder, PolicyError, TtlClass},
    relation::{CachedRelations, Related, RelationKey},
    repository::{CachedReader, PurgingSink, PurgingWriter, RowKey, rows_tag},
    shared::{
        ChaosShared, Fetched, Filled, Forget, Lease, LeaseToken, Leased, Listener, MemoryServer,
        MemoryServerBuilder, MemoryShared, Mishap, NewEntry, NoticeMishap, NullShared, Seen, SharedBar,
        SharedEntry, SharedError, SharedLimits, SharedLimitsError, SharedTier, Sought, Verb, Verdict,
    },
    template::{KeyPart, SubjectPart},
    wire::{CacheCodec, CodecError, JsonCodec},
};

/// What [`cache_key!`] writes into other crates. Not covered by semver.
#[doc(hidden)]
pub mod __private {
    pub use uuid::Uuid;
}

/// The guide's code, compiled.
#[cfg(all(doctest, feature = "redis"))]
#[doc = include_str!("../../docs/caching.md")]
struct Guide;
