//! Emergency accesses, through the store whose commits are told to others.

use super::Told;
use async_trait::async_trait;
use healthcare_core::{
    AccessError, BreakGlass, BreakGlassStore, Grant, List, PageRequest, RequestContext, Rows,
};
use jiff::Timestamp;
use uuid::Uuid;

#[async_trait]
impl<S: BreakGlassStore + 'static> BreakGlassStore for Told<S> {
    async fn open_until(
        &self,
        context: &RequestContext,
        subject: Uuid,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, AccessError> {
        self.store.open_until(context, subject, at).await
    }

    async fn open_count(&self, context: &RequestContext, at: Timestamp) -> Result<u32, AccessError> {
        self.store.open_count(context, at).await
    }

    async fn unreviewed(
        &self,
        grant: &Grant<List<BreakGlass>>,
        page: &PageRequest,
    ) -> Result<Rows<BreakGlass>, AccessError> {
        self.store.unreviewed(grant, page).await
    }
}
