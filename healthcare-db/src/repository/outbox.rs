//! The reading side of the outbox.

use crate::{
    Database, DbError, Row, house_sql,
    statement::{House, Statement},
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Outbox, OutboxEntry, OutboxError, OutboxMessage, System, Value, Vault};
use jiff::{SignedDuration, Timestamp};
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

/// `$1` now, `$2` until, `$3` limit. Events wait for events and outcome records for outcome records: a listener that fails must not
/// keep the audit log from learning what was committed.
///
/// On PostgreSQL the ids are an array, which is made once. Of `IN (SELECT ..)` the planner may make a join that runs the subquery again for every
/// row outside it; each run passes over the rows that this same statement has updated and locks the next ones, and the limit is none.
pub(crate) const LEASE: Statement<House> = house_sql! {
    postgres: "UPDATE main.outbox SET lease = lease + 1, attempts = attempts + 1, due_at = $2 WHERE id = ANY (ARRAY( \
         SELECT o.id FROM main.outbox o WHERE o.delivered_at IS NULL AND o.due_at <= $1 AND NOT EXISTS ( \
             SELECT 1 FROM main.outbox e WHERE e.delivered_at IS NULL AND e.clinic_id = o.clinic_id \
             AND e.kind = o.kind AND e.aggregate_kind = o.aggregate_kind AND e.aggregate_id = o.aggregate_id \
             AND (e.aggregate_version, e.position) < (o.aggregate_version, o.position)) \
         ORDER BY o.created_at, o.id LIMIT $3 FOR UPDATE SKIP LOCKED)) \
     RETURNING id, clinic_id, body, lease, attempts, created_at",
    sqlite: "UPDATE main.outbox SET lease = lease + 1, attempts = attempts + 1, due_at = $2 WHERE id IN ( \
         SELECT o.id FROM main.outbox o WHERE o.delivered_at IS NULL AND o.due_at <= $1 AND NOT EXISTS ( \
             SELECT 1 FROM main.outbox e WHERE e.delivered_at IS NULL AND e.clinic_id = o.clinic_id \
             AND e.kind = o.kind AND e.aggregate_kind = o.aggregate_kind AND e.aggregate_id = o.aggregate_id \
             AND (e.aggregate_version, e.position) < (o.aggregate_version, o.position)) \
         ORDER BY o.created_at, o.id LIMIT $3) \
     RETURNING id, clinic_id, body, lease, attempts, created_at",
    why: "SQLite has one writer, no row locks and no arrays",
};
pub(crate) const DELIVERED: Statement<House> = house_sql!(
    "UPDATE main.outbox SET delivered_at = $3 WHERE id = $1 AND lease = $2 AND delivered_at IS NULL"
);
pub(crate) const RETRY: Statement<House> =
    house_sql!("UPDATE main.outbox SET due_at = $3 WHERE id = $1 AND lease = $2 AND delivered_at IS NULL");
pub(crate) const PURGE: Statement<House> = house_sql!(
    "DELETE FROM main.outbox WHERE id IN (SELECT o.id FROM main.outbox o WHERE o.delivered_at < $1 LIMIT $2)"
);

/// The outbox in the table of that name. On PostgreSQL it takes the relay's login: it sees headers and ciphertext of all clinics
/// and no other table.
pub struct SqlOutbox {
    pub(super) database: Database,
    vault: Arc<Vault>,
    system: System,
}

impl fmt::Debug for SqlOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlOutbox({:?})", self.database)
    }
}

impl SqlOutbox {
    /// The outbox of a database. The vault's own scope keys come from the application's database, not from this one.
    #[must_use]
    pub const fn new(database: Database, vault: Arc<Vault>, system: System) -> Self {
        Self { database, vault, system }
    }

    /// Forgets at most `limit` entries that were delivered before `before`, and says how many.
    ///
    /// # Errors
    /// [`OutboxError`] when the database fails.
    pub async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, OutboxError> {
        self.settle(&PURGE, vec![Value::Time(before), Value::I64(limit.into())]).await.map_err(failed)
    }

    async fn settle(&self, text: &Statement<House>, values: Vec<Value>) -> Result<u64, DbError> {
        let mut transaction = self.database.house_write().await?;
        let changed = transaction.execute(text, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    async fn take(&self, limit: u32, until: Timestamp, now: Timestamp) -> Result<Vec<Row>, DbError> {
        let mut transaction = self.database.house_write().await?;
        let values = vec![Value::Time(now), Value::Time(until), Value::I64(limit.into())];
        let rows = transaction.fetch_all(&LEASE, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn open(&self, row: &Row) -> Result<OutboxEntry, OutboxError> {
        let (id, message) = self.open_body(row, 0).await?;
        // The number counts this lease as well.
        let attempts: u32 = row.get(4).map_err(failed)?;
        Ok(OutboxEntry::new(id, row.get(3).map_err(failed)?, attempts.saturating_sub(1), message))
    }

    /// Id and message of a row that has id, clinic and body from this column on.
    pub(super) async fn open_body(&self, row: &Row, at: usize) -> Result<(Uuid, OutboxMessage), OutboxError> {
        let id: Uuid = row.get(at).map_err(failed)?;
        let clinic: ClinicId = row.get(at + 1).map_err(failed)?;
        let body: Vec<u8> = row.get(at + 2).map_err(failed)?;
        let keys = self.vault.scope(self.system.scope(clinic)).await.map_err(failed)?;
        Ok((id, keys.open_message(id, &body).map_err(failed)?))
    }
}

pub(super) fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> OutboxError {
    OutboxError(cause.into())
}

#[async_trait]
impl Outbox for SqlOutbox {
    async fn lease(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<OutboxEntry>, OutboxError> {
        let span = SignedDuration::try_from(lease).map_err(failed)?;
        let until = now.checked_add(span).map_err(failed)?;
        let mut rows = Vec::new();
        for row in self.take(limit, until, now).await.map_err(failed)? {
            let place: (Timestamp, Uuid) = (row.get(5).map_err(failed)?, row.get(0).map_err(failed)?);
            rows.push((place, row));
        }
        // RETURNING has no order.
        rows.sort_by_key(|(place, _)| *place);
        let mut entries = Vec::with_capacity(rows.len());
        for (_, row) in &rows {
            match self.open(row).await {
                Ok(entry) => entries.push(entry),
                // One that does not open must not stop the others; it comes again when its lease is over, and is seen in the log.
                Err(error) => tracing::error!(%error, "an outbox entry could not be opened"),
            }
        }
        Ok(entries)
    }

    async fn delivered(&self, entry: &OutboxEntry, now: Timestamp) -> Result<bool, OutboxError> {
        let values = vec![Value::Uuid(entry.id), Value::I64(entry.lease), Value::Time(now)];
        self.settle(&DELIVERED, values).await.map(|changed| changed == 1).map_err(failed)
    }

    async fn retry(&self, entry: &OutboxEntry, retry_at: Timestamp) -> Result<bool, OutboxError> {
        let values = vec![Value::Uuid(entry.id), Value::I64(entry.lease), Value::Time(retry_at)];
        self.settle(&RETRY, values).await.map(|changed| changed == 1).map_err(failed)
    }
}
