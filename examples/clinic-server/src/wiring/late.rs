//! Relations that are known only after the policy was made.

use async_trait::async_trait;
use healthcare_core::{Profile, RelationError, RelationSource, RequestContext};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// A source that is set once, after the boundary was built. Before that it knows nothing, which means no.
#[derive(Debug, Default)]
pub(super) struct LateRelations(OnceLock<Arc<dyn RelationSource>>);

impl LateRelations {
    pub(super) fn set(&self, source: Arc<dyn RelationSource>) {
        // A second source is ignored: wiring sets it once.
        let _ = self.0.set(source);
    }
}

#[async_trait]
impl RelationSource for LateRelations {
    async fn related(
        &self,
        context: &RequestContext,
        party: &Profile,
        subject: Uuid,
    ) -> Result<bool, RelationError> {
        match self.0.get() {
            Some(source) => source.related(context, party, subject).await,
            None => Err(RelationError("relations are not wired yet".into())),
        }
    }
}
