//! Relations, remembered for a while.

mod key;
mod writer;

pub use self::{
    key::{Related, RelationKey},
    writer::PurgingWriter,
};

use crate::{CacheTier, Lookup, MemoryTier, Purge, PurgeScope, Put, TierConfigError, TierError};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Clock, Profile, RelationError, RelationSource, RequestContext};
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

/// How long a relation is remembered unless told otherwise.
pub const RELATION_LIFE: Duration = Duration::from_secs(30 * 60);

/// A [`RelationSource`] that remembers who *is* related to whom, and asks `R` for the rest.
///
/// A *no* is never remembered: another process may relate the two at any moment, and a clinician who has just become
/// the patient's must not be turned away. A *yes* is remembered for at most [`RELATION_LIFE`], and forgotten at once
/// when this process ends it, if what writes relations is wrapped in a [`PurgingWriter`] or calls
/// [`purge_subject`](Self::purge_subject).
///
/// Relations that *another* process ends are found out when the life is over, no earlier. So use it where one process
/// serves, or shorten the life to what the policy can bear.
pub struct CachedRelations<R> {
    source: R,
    tier: Arc<dyn CacheTier<RelationKey, Related>>,
    life: Duration,
}

impl<R: RelationSource> CachedRelations<R> {
    /// `source`, remembered in `tier`.
    pub fn new(source: R, tier: Arc<dyn CacheTier<RelationKey, Related>>) -> Self {
        Self { source, tier, life: RELATION_LIFE }
    }

    /// `source`, remembered in `bytes` of this process's memory.
    ///
    /// # Errors
    /// [`TierConfigError`] when `bytes` is too little to be of use.
    pub fn in_memory(source: R, bytes: u64, clock: Arc<dyn Clock>) -> Result<Self, TierConfigError> {
        let tier = MemoryTier::builder()
            .capacity(bytes)
            .life_max(RELATION_LIFE)
            .clock(clock)
            .weigher(RelationKey::weight)
            .build()?;
        Ok(Self::new(source, Arc::new(tier)))
    }

    /// Remembers for `life` instead; the tier may shorten it.
    #[must_use]
    pub const fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// What a [`PurgingWriter`] must be given, so that a write of this process ends what is remembered.
    #[must_use]
    pub fn purge(&self) -> Arc<dyn Purge> {
        Arc::clone(&self.tier) as Arc<dyn Purge>
    }

    /// Forgets every relation to `subject` in `clinic`.
    ///
    /// # Errors
    /// [`TierError`] when that could not be made certain.
    pub async fn purge_subject(&self, clinic: ClinicId, subject: Uuid) -> Result<(), TierError> {
        self.tier.purge(PurgeScope::Subject(clinic, subject)).await
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
        let fence = match self.tier.get(&key).await {
            Ok(Lookup::Hit(Related)) => return Ok(true),
            Ok(Lookup::Miss(fence)) => Some(fence),
            // Without the tier the source still knows.
            Err(TierError(_)) => None,
        };
        let is_related = self.source.related(context, party, subject).await?;
        if let (true, Some(fence)) = (is_related, fence) {
            // Not being kept only costs the next one a look-up.
            let _: Result<Put, TierError> = self.tier.put(fence, Related, self.life).await;
        }
        Ok(is_related)
    }
}

impl<R: fmt::Debug> fmt::Debug for CachedRelations<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedRelations")
            .field("source", &self.source)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}
