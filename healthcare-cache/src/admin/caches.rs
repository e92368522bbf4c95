use crate::{Cache, CacheNode, CacheStatistics, CacheUsage, CachedAs, EntryInfo, Mark, Reach};
use async_trait::async_trait;
use healthcare_core::ClinicId;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A cache of whatever type, as the router sees it.
#[async_trait]
pub(super) trait Administered: Send + Sync {
    fn node(&self) -> &CacheNode;

    fn statistics(&self) -> CacheStatistics;

    fn usage(&self) -> CacheUsage;

    /// The key that is written there, if it is one of this cache's.
    fn key(&self, written: Value) -> Option<Box<dyn AdministeredKey>>;
}

/// A key of a cache, and the cache.
#[async_trait]
pub(super) trait AdministeredKey: Send + Sync {
    fn clinic(&self) -> ClinicId;

    fn mark(&self) -> Mark;

    fn inspect(&self) -> Option<EntryInfo>;

    async fn purge(&self) -> Reach;
}

/// One whose keys can be read from JSON.
pub(super) struct Keyed<K, V>(pub(super) Cache<K, V>);

/// One whose keys cannot.
pub(super) struct Keyless<K, V>(pub(super) Cache<K, V>);

struct Key<K, V> {
    cache: Cache<K, V>,
    key: K,
}

#[async_trait]
impl<K: CachedAs + DeserializeOwned, V: Send + Sync + 'static> Administered for Keyed<K, V> {
    fn node(&self) -> &CacheNode {
        self.0.node()
    }

    fn statistics(&self) -> CacheStatistics {
        self.0.statistics()
    }

    fn usage(&self) -> CacheUsage {
        self.0.usage()
    }

    fn key(&self, written: Value) -> Option<Box<dyn AdministeredKey>> {
        // The error would show what was written.
        let key: K = serde_json::from_value(written).ok()?;
        Some(Box::new(Key { cache: self.0.clone(), key }))
    }
}

#[async_trait]
impl<K: CachedAs, V: Send + Sync + 'static> Administered for Keyless<K, V> {
    fn node(&self) -> &CacheNode {
        self.0.node()
    }

    fn statistics(&self) -> CacheStatistics {
        self.0.statistics()
    }

    fn usage(&self) -> CacheUsage {
        self.0.usage()
    }

    fn key(&self, _written: Value) -> Option<Box<dyn AdministeredKey>> {
        None
    }
}

#[async_trait]
impl<K: CachedAs, V: Send + Sync + 'static> AdministeredKey for Key<K, V> {
    fn clinic(&self) -> ClinicId {
        self.key.clinic()
    }

    fn mark(&self) -> Mark {
        self.cache.node().key_mark(&self.key)
    }

    fn inspect(&self) -> Option<EntryInfo> {
        self.cache.inspect(&self.key)
    }

    async fn purge(&self) -> Reach {
        self.cache.purge(&self.key).await
    }
}
