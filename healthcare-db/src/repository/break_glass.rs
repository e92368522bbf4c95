//! Emergency accesses: which are open, and which nobody has looked at.

use super::{
    page,
    read::{filter_of, id_of},
    select::Select,
    store::SqlStore,
};
use crate::{
    clinic_sql,
    statement::{Clinic, Statement},
};
use async_trait::async_trait;
use healthcare_core::{
    AccessError, BreakGlass, BreakGlassStore, Grant, List, PageRequest, RequestContext, Rows, UserId, Value,
};
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) const OPEN_UNTIL: Statement<Clinic> = clinic_sql!(
    "SELECT ends FROM break_glass WHERE clinic_id = $1 AND user_id = $2 AND subject_id = $3 \
     AND starts <= $4 AND ends > $4 AND ended_at IS NULL ORDER BY ends DESC LIMIT 1"
);
pub(crate) const OPEN_COUNT: Statement<Clinic> = clinic_sql!(
    "SELECT COUNT(*) AS count FROM break_glass WHERE clinic_id = $1 AND user_id = $2 \
     AND starts <= $3 AND ends > $3 AND ended_at IS NULL"
);

fn key(user: UserId) -> Value {
    Value::Uuid(user.as_uuid())
}

#[async_trait]
impl BreakGlassStore for SqlStore {
    async fn open_until(
        &self,
        context: &RequestContext,
        subject: Uuid,
        at: Timestamp,
    ) -> Result<Option<Timestamp>, AccessError> {
        let scope = self.door.scope(context)?;
        let Some(user) = context.actor().user() else { return Ok(None) };
        let mut transaction = self.database.read(scope).await?;
        let values = vec![key(user), Value::Uuid(subject), Value::Time(at)];
        let row = transaction.fetch_optional(&OPEN_UNTIL, values).await?;
        Ok(row.map(|row| row.get(0)).transpose()?)
    }

    async fn open_count(&self, context: &RequestContext, at: Timestamp) -> Result<u32, AccessError> {
        let scope = self.door.scope(context)?;
        let Some(user) = context.actor().user() else { return Ok(0) };
        let mut transaction = self.database.read(scope).await?;
        let row = transaction.fetch_optional(&OPEN_COUNT, vec![key(user), Value::Time(at)]).await?;
        let count: i64 = row.map(|row| row.get(0)).transpose()?.unwrap_or_default();
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    async fn unreviewed(
        &self,
        grant: &Grant<List<BreakGlass>>,
        page: &PageRequest,
    ) -> Result<Rows<BreakGlass>, AccessError> {
        let entry = self.door.enter(grant)?;
        let keys = self.keys(entry.scope()).await?;
        let query = page::query(&[b"unreviewed", &filter_of(&entry)]);
        let mut select = unreviewed(Select::of::<BreakGlass>(entry.rows())?);
        if let Some(subject) = entry.subject() {
            select.and_subject(subject);
        }
        if let Some(after) = page::after_id(&keys, &query, page)? {
            select.and_after(after);
        }
        select.order_by_id(page.limit() as usize + 1);
        let rows = self.fetch(&entry, select).await?;
        self.cut((&keys, &entry), rows, page, (&query, id_of))
    }
}

pub(super) fn unreviewed(mut select: Select) -> Select {
    select.and("t.reviewed_at IS NULL");
    select
}
