//! Relations, remembered for a while.

mod key;

pub use self::key::{Related, RelationKey};

use crate::{Cache, Look};
use async_trait::async_trait;
use healthcare_core::{Profile, RelationError, RelationSource, RequestContext};
use std::fmt;
use uuid::Uuid;

/// A [`RelationSource`] that remembers who *is* related to whom, and asks `R` for the rest.
///
/// A *no* is never remembered: somebody may relate the two at any moment, and a clinician who has just become the patient's
/// must not be turned away. A *yes* is remembered for the life of the cache's policy, and forgotten when its subject is purged: a
/// [`PurgingWriter`](crate::PurgingWriter) on the same node does that with each change about the subject, for nodes that are joined
/// within their bound.
///
/// What a process writes that tells nobody is found out when the life is over, no earlier. So where several processes write,
/// join their nodes, or shorten the life to what the policy can bear.
///
/// ```
/// use healthcare_cache::{CacheNode, CachePolicy, CachedRelations, RelationKey, TtlClass};
/// # fn wire<R: healthcare_core::RelationSource>(source: R) -> Result<CachedRelations<R>, Box<dyn std::error::Error>> {
/// let node = CacheNode::new();
/// let policy = CachePolicy::of(TtlClass::Patient).build()?;
/// let cache = RelationKey::cache(policy).node(&node).capacity(1 << 20).build()?;
/// Ok(CachedRelations::new(source, cache))
/// # }
/// ```
pub struct CachedRelations<R> {
    source: R,
    known: Cache<RelationKey, Related>,
}

impl<R: RelationSource> CachedRelations<R> {
    /// `source`, whose answers are remembered in this cache.
    pub const fn new(source: R, known: Cache<RelationKey, Related>) -> Self {
        Self { source, known }
    }
}

#[async_trait]
impl<R: RelationSource> RelationSource for CachedRelations<R> {
    async fn related(
        &self,
        context: &RequestContext,
        party: &Profile,
        subject: Uuid,
    ) -> Result<bool, RelationError> {
        let key = RelationKey::new(context.clinic(), party.clone(), subject);
        let vacancy = match self.known.look_up(&key).await {
            Look::Hit(_) => return Ok(true),
            Look::Miss(vacancy) => vacancy,
        };
        let is_related = self.source.related(context, party, subject).await?;
        if is_related {
            // Not being kept only costs the next one a look-up.
            vacancy.keep(Related).await;
        }
        Ok(is_related)
    }
}

impl<R: fmt::Debug> fmt::Debug for CachedRelations<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedRelations")
            .field("source", &self.source)
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}
