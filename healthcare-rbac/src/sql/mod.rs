//! Users and sessions in SQLite or PostgreSQL, in the tables `app_user`, `membership` and `session` of healthcare-db.

mod sessions;
mod users;

use crate::session::StoreError;
use healthcare_core::{Clock, UserId, Value};
use healthcare_db::{Database, DbError, HouseTransaction, Row, house_sql};
use std::{fmt, sync::Arc};

/// Users and their sessions in a database. Clones share it.
///
/// These tables belong to no clinic: they hold ids, keyed hashes, role codes and times. See `HOUSE_TABLES` of healthcare-db.
#[derive(Clone)]
pub struct SqlAccounts {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SqlAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqlAccounts")
    }
}

impl SqlAccounts {
    /// Accounts in this database; the clock dates the rows.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    fn now(&self) -> Value {
        Value::Time(self.clock.now())
    }
}

fn id(user: UserId) -> Value {
    Value::Uuid(user.as_uuid())
}

fn failed(error: DbError) -> StoreError {
    match error {
        DbError::Column(_) => StoreError::Unreadable,
        error => StoreError::failed(error),
    }
}

/// A hash of 32 bytes.
fn hash(row: &Row, at: usize) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = row.get(at).map_err(failed)?;
    bytes.try_into().map_err(|_| StoreError::Unreadable)
}

/// Holds the user's row until the transaction ends, when they are active and of this epoch.
async fn hold(transaction: &mut HouseTransaction, user: UserId, epoch: u64) -> Result<bool, StoreError> {
    let text = house_sql! {
        postgres: "SELECT id FROM main.app_user WHERE id = $1 AND epoch = $2 AND status = 'active' FOR SHARE",
        sqlite: "SELECT id FROM main.app_user WHERE id = $1 AND epoch = $2 AND status = 'active'",
        why: "SQLite has one writer and no row locks",
    };
    let epoch = Value::I64(i64::try_from(epoch).map_err(|_| StoreError::Unreadable)?);
    Ok(transaction.fetch_optional(&text, vec![id(user), epoch]).await.map_err(failed)?.is_some())
}
