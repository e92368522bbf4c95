//! Emergency access to one patient's chart: who broke the glass, when, why, and who looked at it afterwards.

use super::Patient;
use crate::{
    AccessError, Grant, List, MemoryStore, PageRequest, Reader, Record, RequestContext, Rows, UserId, Writer,
    record,
};
use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

record! {
    /// That somebody broke the glass for one patient. It is never removed, and is reviewed by somebody else.
    pub struct BreakGlass in break_glass = "break_glass" {
        subject: Patient,
        plain {
            /// Who.
            user_id: UserId,
            /// From when.
            starts: Timestamp,
            /// Until when, unless it was ended before.
            ends: Timestamp,
            /// When it was ended before its time.
            ended_at: Option<Timestamp>,
            /// By whom.
            ended_by: Option<UserId>,
            /// When somebody else had looked at it.
            reviewed_at: Option<Timestamp>,
            /// Who.
            reviewed_by: Option<UserId>,
        },
        protected {
            /// Why, in their own words.
            Reason = reason: String,
        },
    }
}

impl break_glass::Plain {
    /// Whether it gives access at this time.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.ended_at.is_none() && self.starts <= at && at < self.ends
    }
}

/// Reads and writes emergency accesses, and says which are open.
///
/// # Contract
/// What is looked up is of the context's clinic and user alone, and comes from ids and times: no protected field is opened. It is never
/// older than the last commit.
#[async_trait]
pub trait BreakGlassStore: Reader<BreakGlass> + Writer<BreakGlass> {
    /// Until when this context's user may see this person, if at all.
    async fn open_until(
        &self,
        context: &RequestContext,
        subject: Uuid,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, AccessError>;

    /// How many this context's user has open.
    async fn open_count(&self, context: &RequestContext, at: Timestamp) -> Result<u32, AccessError>;

    /// One page of those that nobody else has looked at, oldest first.
    async fn unreviewed(
        &self,
        grant: &Grant<List<BreakGlass>>,
        page: &PageRequest,
    ) -> Result<Rows<BreakGlass>, AccessError>;
}

#[async_trait]
impl BreakGlassStore for MemoryStore {
    async fn open_until(
        &self,
        context: &RequestContext,
        subject: Uuid,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, AccessError> {
        let user = context.actor().user();
        let about = |row: &BreakGlass| {
            (Some(row.user_id) == user && row.subject() == Some(subject) && row.is_open(at))
                .then_some(row.ends)
        };
        Ok(self.look_up(context, about)?.into_iter().max())
    }

    async fn open_count(&self, context: &RequestContext, at: Timestamp) -> Result<u32, AccessError> {
        let user = context.actor().user();
        let own = |row: &BreakGlass| (Some(row.user_id) == user && row.is_open(at)).then_some(());
        Ok(u32::try_from(self.look_up(context, own)?.len()).unwrap_or(u32::MAX))
    }

    async fn unreviewed(
        &self,
        grant: &Grant<List<BreakGlass>>,
        page: &PageRequest,
    ) -> Result<Rows<BreakGlass>, AccessError> {
        self.list_where(grant, page, &|row: &BreakGlass| row.reviewed_at.is_none(), |row| row.id().as_uuid())
    }
}
