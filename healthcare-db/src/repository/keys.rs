//! Wrapped scope keys.

use crate::{
    Database, DbError, house_sql,
    statement::{House, Statement},
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Clock, KeyError, ScopeKeyStore, SystemClock, Value, WrappedKey};
use std::sync::Arc;

pub(crate) const GET: Statement<House> =
    house_sql!("SELECT wrapped FROM main.scope_key WHERE clinic_id = $1");
pub(crate) const PUT: Statement<House> = house_sql!(
    "INSERT INTO main.scope_key (clinic_id, wrapped, created_at) VALUES ($1, $2, $3) ON CONFLICT (clinic_id) DO NOTHING"
);
pub(crate) const CLINICS: Statement<House> =
    house_sql!("SELECT clinic_id FROM main.scope_key ORDER BY created_at, clinic_id LIMIT $1");

/// Keeps scope keys, wrapped by the master key, in the table `scope_key`.
#[derive(Debug, Clone)]
pub struct SqlScopeKeys {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl SqlScopeKeys {
    /// The scope keys of a database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self::with_clock(database, Arc::new(SystemClock::default()))
    }

    /// As [`new`](Self::new), by a clock of your own.
    #[must_use]
    pub const fn with_clock(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// The clinics that have a key, oldest first, at most `limit`: for jobs, which act in one clinic at a time.
    ///
    /// # Errors
    /// As the database says.
    pub async fn clinics(&self, limit: u32) -> Result<Vec<ClinicId>, DbError> {
        let mut transaction = self.database.house_read().await?;
        let rows = transaction.fetch_all(&CLINICS, vec![Value::I64(limit.into())]).await?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn find(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, DbError> {
        let mut transaction = self.database.house_read().await?;
        let row = transaction.fetch_optional(&GET, vec![Value::Uuid(clinic.as_uuid())]).await?;
        row.map(|row| row.get(0).map(WrappedKey)).transpose()
    }

    async fn put(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, DbError> {
        let id = Value::Uuid(clinic.as_uuid());
        let mut transaction = self.database.house_write().await?;
        let values = vec![id.clone(), Value::Bytes(key.0), Value::Time(self.clock.now())];
        transaction.execute(&PUT, values).await?;
        let row = transaction.fetch_optional(&GET, vec![id]).await?;
        let stored = row
            .ok_or_else(|| DbError::column("a scope key that is not there after it was stored"))?
            .get(0)?;
        transaction.commit().await?;
        Ok(WrappedKey(stored))
    }
}

#[async_trait]
impl ScopeKeyStore for SqlScopeKeys {
    async fn get(&self, clinic: ClinicId) -> Result<Option<WrappedKey>, KeyError> {
        self.find(clinic).await.map_err(|error| KeyError::Store(error.into()))
    }

    async fn put_absent(&self, clinic: ClinicId, key: WrappedKey) -> Result<WrappedKey, KeyError> {
        self.put(clinic, key).await.map_err(|error| KeyError::Store(error.into()))
    }
}
