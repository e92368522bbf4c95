//! Transactions that cannot be left open.
//!
//! The guard exists before BEGIN is sent, so that whatever is dropped at whatever await, the connection is rolled back before
//! it returns to its pool, or is closed. sqlx's own `begin()` leaves an open transaction behind when it is cancelled
//! (transact-rs/sqlx#4393): it is not used.

mod bind;
mod conn;
mod row;

pub(crate) use conn::Conn;
pub use row::Row;

use crate::{
    DbError,
    statement::{ClinicText, Dialect, House, Statement, sealed::Text},
};
use healthcare_core::{ClinicId, ClinicScope, Value};
use std::{fmt, time::Duration};
use tokio::runtime::Handle;

/// How long a rollback may take before its connection is given up.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(5);

/// What every transaction has: a connection between BEGIN and its end.
struct Open {
    conn: Option<Conn>,
    runtime: Handle,
    /// Whether a statement failed or was cut off. PostgreSQL answers the COMMIT of such a transaction with a rollback and no
    /// error, so it is refused here.
    spoilt: bool,
}

impl Open {
    async fn begin(conn: Conn, text: String) -> Result<Self, DbError> {
        let mut open = Self { conn: Some(conn), runtime: Handle::current(), spoilt: false };
        open.conn()?.script(text).await?;
        Ok(open)
    }

    async fn fetch_all(&mut self, text: &impl Text, values: Vec<Value>) -> Result<Vec<Row>, DbError> {
        let values = counted(text, values)?;
        let before = std::mem::replace(&mut self.spoilt, true);
        let conn = self.conn()?;
        let rows = conn.fetch_all(text.sql(conn.dialect()), values).await?;
        self.spoilt = before;
        Ok(rows)
    }

    async fn execute(&mut self, text: &impl Text, values: Vec<Value>) -> Result<u64, DbError> {
        let values = counted(text, values)?;
        let before = std::mem::replace(&mut self.spoilt, true);
        let conn = self.conn()?;
        let changed = conn.execute(text.sql(conn.dialect()), values).await?;
        self.spoilt = before;
        Ok(changed)
    }

    fn conn(&mut self) -> Result<&mut Conn, DbError> {
        self.conn.as_mut().ok_or_else(|| DbError::Statement("the transaction has ended".into()))
    }

    /// The commit runs in a task of its own: once it was asked for it is not cut off by whoever stops waiting.
    async fn commit(mut self) -> Result<(), DbError> {
        if self.spoilt {
            return Err(DbError::Statement(
                "a statement of this transaction failed: it was rolled back".into(),
            ));
        }
        let conn = self.conn.take();
        let sent = self.runtime.spawn(commit(Self { conn, runtime: self.runtime.clone(), spoilt: false }));
        sent.await.unwrap_or_else(|lost| Err(DbError::CommitUnknown(lost.into())))
    }
}

async fn commit(mut open: Open) -> Result<(), DbError> {
    let conn = open.conn()?;
    match conn.script(conn.dialect().commit().to_owned()).await {
        Ok(()) => {
            drop(open.conn.take());
            Ok(())
        }
        // The server's own answer is certain: it did not commit. No answer is not.
        Err(error @ (DbError::Unavailable(_) | DbError::Statement(_))) => {
            if let Some(conn) = open.conn.take() {
                conn.close().await;
            }
            Err(DbError::CommitUnknown(error.into()))
        }
        Err(certain) => Err(certain),
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            self.runtime.spawn(async move {
                let mut conn = conn;
                match tokio::time::timeout(ROLLBACK_LIMIT, conn.rollback()).await {
                    Ok(Ok(())) => drop(conn),
                    _ => conn.close().await,
                }
            });
        }
    }
}

impl Dialect {
    const fn commit(self) -> &'static str {
        match self {
            Self::Postgres => "COMMIT",
            // The scope leaves with the transaction, so that a connection at rest sees no clinic.
            Self::Sqlite => "DELETE FROM temp.clinic_scope; COMMIT",
        }
    }
}

/// Whether a transaction writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    Write,
}

/// The text that begins a transaction in a clinic, or, without one, on the house's tables alone.
///
/// One simple query: on PostgreSQL one round trip. The id is hexadecimal digits and dashes by its type.
pub(crate) fn begin_text(dialect: Dialect, mode: Mode, clinic: Option<ClinicId>) -> String {
    let id = clinic.map(|clinic| clinic.as_uuid());
    match dialect {
        Dialect::Postgres => {
            let begin =
                if mode == Mode::Read { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" };
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            format!(
                "{begin}; SELECT set_config('app.clinic_id', '{id}', true), set_config('search_path', 'main, pg_temp', true), \
                 set_config('statement_timeout', '30s', true), set_config('lock_timeout', '10s', true), \
                 set_config('idle_in_transaction_session_timeout', '60s', true)"
            )
        }
        Dialect::Sqlite => {
            let begin = if mode == Mode::Read { "BEGIN" } else { "BEGIN IMMEDIATE" };
            let scope = id
                .map(|id| format!("; INSERT INTO temp.clinic_scope (clinic_id) VALUES (x'{}')", id.simple()));
            format!("{begin}; DELETE FROM temp.clinic_scope{}", scope.unwrap_or_default())
        }
    }
}

/// A transaction in one clinic: what it reads and writes is that clinic's, by its type, by its statements and by the database.
///
/// Dropped without [`commit`](Self::commit) it is rolled back, whenever that happens.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct Transaction {
    open: Open,
    scope: ClinicScope,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({})", self.scope.clinic())
    }
}

impl Transaction {
    pub(crate) async fn begin(conn: Conn, mode: Mode, scope: ClinicScope) -> Result<Self, DbError> {
        let text = begin_text(conn.dialect(), mode, Some(scope.clinic()));
        Ok(Self { open: Open::begin(conn, text).await?, scope })
    }

    /// The clinic.
    #[must_use]
    pub const fn scope(&self) -> ClinicScope {
        self.scope
    }

    /// The SQL its connection speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.open.conn.as_ref().map_or(Dialect::Sqlite, Conn::dialect)
    }

    fn values(&self, values: Vec<Value>) -> Vec<Value> {
        let mut all = Vec::with_capacity(values.len() + 1);
        all.push(Value::Uuid(self.scope.clinic().as_uuid()));
        all.extend(values);
        all
    }

    /// All rows of a query. `values` are bound from `$2` on; `$1` is the clinic.
    ///
    /// # Errors
    /// [`DbError`] as the database says.
    pub async fn fetch_all(
        &mut self,
        text: &impl ClinicText,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        let values = self.values(values);
        self.open.fetch_all(text, values).await
    }

    /// The first row of a query, if any.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn fetch_optional(
        &mut self,
        text: &impl ClinicText,
        values: Vec<Value>,
    ) -> Result<Option<Row>, DbError> {
        Ok(self.fetch_all(text, values).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it changed.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn execute(&mut self, text: &impl ClinicText, values: Vec<Value>) -> Result<u64, DbError> {
        let values = self.values(values);
        self.open.execute(text, values).await
    }

    /// Waits until this transaction alone holds each of these locks; they go with it. On SQLite the writer has them all.
    pub(crate) async fn lock(&mut self, mut keys: Vec<i64>) -> Result<(), DbError> {
        keys.sort_unstable();
        keys.dedup();
        if self.dialect() == Dialect::Sqlite || keys.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
        self.open.fetch_all(&Lock, vec![Value::Text(keys.join(","))]).await.map(drop)
    }

    /// Commits.
    ///
    /// # Errors
    /// [`DbError::CommitUnknown`] when the connection broke while the commit was in flight; any other error says that nothing
    /// was done.
    pub async fn commit(self) -> Result<(), DbError> {
        self.open.commit().await
    }
}

/// Takes locks in the order of the list, so that two bookings of the same resources do not wait for each other. No table.
struct Lock;

impl Text for Lock {
    fn sql(&self, _: Dialect) -> sqlx::SqlStr {
        sqlx::SqlSafeStr::into_sql_str(
            "SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(string_to_array($1, ',') AS bigint[])) AS key",
        )
    }
    fn count(&self) -> usize {
        1
    }
}

fn counted(text: &impl Text, values: Vec<Value>) -> Result<Vec<Value>, DbError> {
    // The SQLite driver binds a missing value as NULL in silence.
    if text.count() == values.len() {
        Ok(values)
    } else {
        Err(DbError::Parameters { expected: text.count(), given: values.len() })
    }
}

/// A transaction on the tables that belong to no clinic: see [`HOUSE_TABLES`](crate::HOUSE_TABLES). It sees no clinic's rows.
#[must_use = "a transaction that is not committed is rolled back"]
pub struct HouseTransaction(Open);

impl fmt::Debug for HouseTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HouseTransaction")
    }
}

impl HouseTransaction {
    pub(crate) async fn begin(conn: Conn, mode: Mode) -> Result<Self, DbError> {
        let text = begin_text(conn.dialect(), mode, None);
        Open::begin(conn, text).await.map(Self)
    }

    /// All rows of a query; `values` are bound from `$1` on.
    ///
    /// # Errors
    /// [`DbError`] as the database says.
    pub async fn fetch_all(
        &mut self,
        text: &Statement<House>,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, DbError> {
        self.0.fetch_all(text, values).await
    }

    /// The first row of a query, if any.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn fetch_optional(
        &mut self,
        text: &Statement<House>,
        values: Vec<Value>,
    ) -> Result<Option<Row>, DbError> {
        Ok(self.fetch_all(text, values).await?.into_iter().next())
    }

    /// Runs a statement and says how many rows it changed.
    ///
    /// # Errors
    /// As [`fetch_all`](Self::fetch_all).
    pub async fn execute(&mut self, text: &Statement<House>, values: Vec<Value>) -> Result<u64, DbError> {
        self.0.execute(text, values).await
    }

    /// Commits.
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    pub async fn commit(self) -> Result<(), DbError> {
        self.0.commit().await
    }
}
