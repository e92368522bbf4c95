use super::{
    audit::{AdminAudit, Operator},
    caches::{Administered, Keyed, Keyless},
};
use crate::{Cache, CacheNode, CachedAs};
use http::request;
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, fmt, sync::Arc};

pub(super) type Guard = Arc<dyn Fn(&request::Parts) -> Option<Operator> + Send + Sync>;

/// The router cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheAdminError {
    /// Two caches are called the same.
    #[error("two caches are called {0}: give each a name with CacheBuilder::name")]
    SameName(&'static str),
    /// A cache belongs to another node: purges would not reach it.
    #[error(
        "the cache {0} belongs to another node: build it with this one, or give its node a router of its own"
    )]
    OtherNode(&'static str),
}

/// A router for operators: what the caches of a node count, what is known of a value beside the value, and purges.
///
/// | route | body | answer |
/// | --- | --- | --- |
/// | `GET /caches` | | what the node and each cache count |
/// | `POST /caches/{name}/look-up` | `{"key": …}` | `{"entry": …}`: age, time left, level, tags, weight; `null` when memory has none |
/// | `POST /purge` | `{"key": {"cache": …, "key": …}}`, `{"tag": {"clinic": …, "tag": …}}`, `{"subject": {"clinic": …, "subject": …}}`, `{"clinic": {"clinic": …}}` or `{"all": {}}` | `{"reach": "everyone"}`, or `"queued"` while the shared tier does not answer |
///
/// Keys are in bodies, never in addresses, which are logged on their way. Values are never shown. Errors are the
/// [`ErrorBody`](healthcare_core::ErrorBody) of every other route, and repeat nothing of the request. Every answer says
/// `Cache-Control: no-store`.
///
/// There is no default that lets anybody in: `guard` says who the operator is, or `None`, and every look-up and purge is
/// given to the [`AdminAudit`] before it is done; when that fails, it is not done. An operator of one clinic reaches that
/// clinic alone; the statistics, which have no clinic, are for all operators.
///
/// ```
/// use healthcare_cache::{AdminAudit, AdminEvent, Cache, CacheAdmin, CacheNode, CachePolicy, Operator, TtlClass, cache_key};
/// use healthcare_core::ClinicId;
/// use std::{error::Error, sync::Arc};
/// use uuid::Uuid;
///
/// cache_key! {
///     /// The bed of a patient.
///     #[derive(serde::Deserialize)]
///     struct BedKey as "bed" { clinic: ClinicId, patient: Uuid as subject }
/// }
///
/// #[derive(Debug)]
/// struct Log; // to the audit log
/// #[async_trait::async_trait]
/// impl AdminAudit for Log {
///     async fn record(&self, event: &AdminEvent) -> Result<(), Box<dyn Error + Send + Sync>> {
///         println!("{event:?}");
///         Ok(())
///     }
/// }
///
/// let node = CacheNode::new();
/// let beds: Cache<BedKey, u32> = Cache::builder(CachePolicy::of(TtlClass::Patient).build()?).node(&node).build()?;
/// let guard = |request: &http::request::Parts| request.extensions.get::<Operator>().copied();
/// let admin = CacheAdmin::builder(&node, guard, Arc::new(Log)).cache(&beds).build()?;
/// let app: axum::Router = axum::Router::new().nest("/admin", admin.router());
/// # Ok::<(), Box<dyn Error>>(())
/// ```
#[derive(Clone)]
pub struct CacheAdmin {
    pub(super) node: CacheNode,
    pub(super) guard: Guard,
    pub(super) audit: Arc<dyn AdminAudit>,
    pub(super) caches: Arc<BTreeMap<&'static str, Box<dyn Administered>>>,
}

impl CacheAdmin {
    /// Describes a router for a node's caches. The guard must not block: let it look at what authentication left behind.
    pub fn builder(
        node: &CacheNode,
        guard: impl Fn(&request::Parts) -> Option<Operator> + Send + Sync + 'static,
        audit: Arc<dyn AdminAudit>,
    ) -> CacheAdminBuilder {
        CacheAdminBuilder { node: node.clone(), guard: Arc::new(guard), audit, caches: Vec::new() }
    }
}

impl fmt::Debug for CacheAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheAdmin")
            .field("caches", &self.caches.keys())
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}

/// Describes a [`CacheAdmin`].
#[must_use = "call build()"]
pub struct CacheAdminBuilder {
    node: CacheNode,
    guard: Guard,
    audit: Arc<dyn AdminAudit>,
    caches: Vec<Box<dyn Administered>>,
}

impl CacheAdminBuilder {
    /// A cache of the node, whose keys operators can write as JSON.
    pub fn cache<K, V>(mut self, cache: &Cache<K, V>) -> Self
    where
        K: CachedAs + DeserializeOwned,
        V: Send + Sync + 'static,
    {
        self.caches.push(Box::new(Keyed(cache.clone())));
        self
    }

    /// A cache of the node whose keys cannot be written: it is counted, and purged with the rest.
    pub fn keyless_cache<K: CachedAs, V: Send + Sync + 'static>(mut self, cache: &Cache<K, V>) -> Self {
        self.caches.push(Box::new(Keyless(cache.clone())));
        self
    }

    /// The router's maker.
    ///
    /// # Errors
    /// [`CacheAdminError`] when two caches have one name, or one belongs to another node.
    pub fn build(self) -> Result<CacheAdmin, CacheAdminError> {
        let mut caches = BTreeMap::new();
        for cache in self.caches {
            let name = cache.statistics().name;
            if !cache.node().is(&self.node) {
                return Err(CacheAdminError::OtherNode(name));
            }
            if caches.insert(name, cache).is_some() {
                return Err(CacheAdminError::SameName(name));
            }
        }
        Ok(CacheAdmin { node: self.node, guard: self.guard, audit: self.audit, caches: Arc::new(caches) })
    }
}

impl fmt::Debug for CacheAdminBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheAdminBuilder")
            .field("caches", &self.caches.len())
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}
