//! The store: one value that implements every repository seam.

use super::{rows::Reading, select::Select};
use crate::{
    Database, DbError, Row, clinic_sql,
    statement::{Clinic, Statement},
};
use healthcare_core::{
    AccessError, ChartRows, ClinicScope, Entry, Record, RequestContext, ScopeKeys, StorageDoor, UserId,
    Value, Vault,
};
use jiff::Timestamp;
use std::{fmt, sync::Arc};

/// The rows of one kind for a chart.
type ChartKind = for<'a> fn(&Reading<'a>, Vec<Row>, ChartRows) -> Result<ChartRows, AccessError>;
type ChartText = for<'a> fn(&'a Entry<'a>) -> Result<Select, AccessError>;

/// Records of a clinic in a SQL database: reader, writer, search and charts, for every record that has a table.
///
/// It sees ciphertext alone: protected fields are sealed and opened by healthcare-core with the [`Vault`]'s keys, and searches
/// compare keyed tokens.
///
/// A record kind `T` needs the table `T::KIND` with the columns `clinic_id, id, version, subject_id`, the plain columns of `T`,
/// and `phi, created_at, updated_at`.
#[derive(Clone)]
pub struct SqlStore {
    pub(super) database: Database,
    pub(super) door: StorageDoor,
    pub(super) vault: Arc<Vault>,
    pub(super) chart: Vec<(ChartText, ChartKind)>,
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlStore({:?})", self.database)
    }
}

impl SqlStore {
    /// A store of the boundary that `door` belongs to.
    #[must_use]
    pub const fn new(database: Database, door: StorageDoor, vault: Arc<Vault>) -> Self {
        Self { database, door, vault, chart: Vec::new() }
    }

    /// Makes `T` a part of charts.
    #[must_use]
    pub fn charting<T: Record>(mut self) -> Self {
        self.chart.push((
            |entry| {
                let mut select = Select::of::<T>(entry.rows())?;
                select.and_subject(entry.subject().unwrap_or_default());
                select.order_by_id(ChartRows::ROWS_MAX + 1);
                Ok(select)
            },
            |reading, rows, chart| Ok(chart.with(reading.sealed::<T>(rows)?)),
        ));
        self
    }

    /// Makes the seven clinical kinds and the patient a part of charts.
    #[must_use]
    pub fn charting_all(self) -> Self {
        use healthcare_core as core;
        self.charting::<core::Patient>()
            .charting::<core::Encounter>()
            .charting::<core::Condition>()
            .charting::<core::Observation>()
            .charting::<core::MedicationRequest>()
            .charting::<core::AllergyIntolerance>()
            .charting::<core::Procedure>()
            .charting::<core::Immunization>()
    }

    /// The database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    pub(super) async fn keys(&self, scope: ClinicScope) -> Result<Arc<ScopeKeys>, AccessError> {
        Ok(self.vault.scope(scope).await?)
    }

    /// The answer that was kept for a user's idempotency key, with the hash of the request it answered; still sealed.
    ///
    /// # Errors
    /// [`AccessError::ForeignGate`] for a context of another boundary; otherwise as the database says.
    pub async fn remembered(
        &self,
        context: &RequestContext,
        user: Option<UserId>,
        key: [u8; 32],
    ) -> Result<Option<Remembered>, AccessError> {
        let scope = self.door.scope(context)?;
        let mut transaction = self.database.read(scope).await?;
        let values = vec![Value::Uuid(actor_id(user)), Value::Bytes(key.to_vec())];
        let row = transaction.fetch_optional(&REMEMBERED, values).await?;
        Ok(row.map(|row| Remembered::read(&row)).transpose()?)
    }

    /// Forgets at most `limit` answers of the context's clinic that were kept before `before`, and says how many. A request that
    /// comes again later is done again, so `before` is at least a day ago.
    ///
    /// # Errors
    /// As [`remembered`](Self::remembered).
    pub async fn forget_replies(
        &self,
        context: &RequestContext,
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, AccessError> {
        let mut transaction = self.database.write(self.door.scope(context)?).await?;
        let forgotten =
            transaction.execute(&FORGET, vec![Value::Time(before), Value::I64(limit.into())]).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }
}

/// An answer that was kept with the change it belongs to.
#[derive(Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The hash of the request it answers.
    pub request: Vec<u8>,
    /// The answer, sealed.
    pub reply: Vec<u8>,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered")
    }
}

impl Remembered {
    fn read(row: &Row) -> Result<Self, DbError> {
        Ok(Self { request: row.get(0)?, reply: row.get(1)? })
    }
}

/// Keys are a user's own; the system's share one id that no user has.
pub(super) fn actor_id(user: Option<UserId>) -> uuid::Uuid {
    user.map(|user| user.as_uuid()).unwrap_or_default()
}

pub(crate) const FORGET: Statement<Clinic> = clinic_sql!(
    "DELETE FROM main.idempotency WHERE clinic_id = $1 AND (actor_id, key_hash) IN ( \
         SELECT i.actor_id, i.key_hash FROM idempotency i WHERE i.clinic_id = $1 AND i.created_at < $2 LIMIT $3)"
);
pub(crate) const REMEMBERED: Statement<Clinic> = clinic_sql!(
    "SELECT request_hash, reply FROM idempotency WHERE clinic_id = $1 AND actor_id = $2 AND key_hash = $3"
);
