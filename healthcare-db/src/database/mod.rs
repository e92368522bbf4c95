//! The handle on a database of either engine.

#[cfg(feature = "postgres")]
mod boot;
mod options;
#[cfg(feature = "postgres")]
mod policies;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use options::DatabaseOptions;
#[cfg(feature = "postgres")]
pub(crate) use postgres::open_options as postgres_options;

use crate::{
    DbError, HouseTransaction, Transaction,
    statement::Dialect,
    transaction::{Conn, Mode},
};
use healthcare_core::ClinicScope;
use std::{fmt, sync::Arc, time::Duration};

/// A database: SQLite or PostgreSQL, chosen by its URL. Cheap to clone.
///
/// There is no way from here to a connection: what runs, runs in a [`Transaction`] of one clinic, or in a
/// [`HouseTransaction`] on the few tables that belong to none.
#[derive(Clone)]
pub struct Database(Arc<Engine>);

pub(crate) enum Engine {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Pools),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({:?})", self.dialect())
    }
}

impl Database {
    /// Opens a database by its URL with the defaults of [`DatabaseOptions`].
    ///
    /// | URL | what happens |
    /// |---|---|
    /// | `sqlite://clinic.db`, `sqlite:///var/lib/clinic.db` | the file is created when missing, and migrated |
    /// | `sqlite::memory:` | one connection, empty, migrated; for tests and examples |
    /// | `postgres://app:secret@db.example/clinic` | an application login made by [`migrate`](crate::migrate()); refused when it could see more than its clinic |
    ///
    /// # Errors
    /// [`DbError::Configuration`] for a URL that cannot be used, or plain text to another machine; [`DbError::Unsafe`] for a
    /// PostgreSQL login that row security would not hold; [`DbError::Schema`] when migrations are missing.
    pub async fn connect(url: &str) -> Result<Self, DbError> {
        DatabaseOptions::new().connect(url).await
    }

    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match &*self.0 {
            #[cfg(feature = "postgres")]
            Engine::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(_) => Dialect::Sqlite,
        }
    }

    async fn acquire(&self, mode: Mode) -> Result<Conn, DbError> {
        match &*self.0 {
            // PostgreSQL's pool serves both; the transaction itself is read only.
            #[cfg(feature = "postgres")]
            Engine::Postgres(pool) => {
                let _ = mode;
                Ok(Conn::Postgres(pool.acquire().await?))
            }
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(pools) => Ok(Conn::Sqlite(pools.acquire(mode).await?)),
        }
    }

    /// Begins reading in a clinic. The snapshot ends when the transaction is dropped.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when no connection is free in time.
    pub async fn read(&self, scope: ClinicScope) -> Result<Transaction, DbError> {
        Transaction::begin(self.acquire(Mode::Read).await?, Mode::Read, scope).await
    }

    /// Begins reading and writing in a clinic. On SQLite there is one writer: others wait.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when no connection is free in time; [`DbError::Contention`] when another process writes for
    /// longer than the time allowed.
    pub async fn write(&self, scope: ClinicScope) -> Result<Transaction, DbError> {
        Transaction::begin(self.acquire(Mode::Write).await?, Mode::Write, scope).await
    }

    /// Begins reading the tables that belong to no clinic.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn house_read(&self) -> Result<HouseTransaction, DbError> {
        HouseTransaction::begin(self.acquire(Mode::Read).await?, Mode::Read).await
    }

    /// Begins reading and writing the tables that belong to no clinic.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn house_write(&self) -> Result<HouseTransaction, DbError> {
        HouseTransaction::begin(self.acquire(Mode::Write).await?, Mode::Write).await
    }

    /// Whether the database answers, for a readiness check.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        let mut conn = self.acquire(Mode::Read).await?;
        conn.script("SELECT 1".to_owned()).await
    }

    /// Connections that are open, and of them those at rest.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        match &*self.0 {
            #[cfg(feature = "postgres")]
            Engine::Postgres(pool) => (pool.size(), pool.num_idle()),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(pools) => pools.connections(),
        }
    }

    /// Waits for running transactions and closes every connection.
    pub async fn close(&self) {
        match &*self.0 {
            #[cfg(feature = "postgres")]
            Engine::Postgres(pool) => pool.close().await,
            #[cfg(feature = "sqlite")]
            Engine::Sqlite(pools) => pools.close().await,
        }
    }

    /// A database over a PostgreSQL pool of your own. The pool's login is checked as [`connect`](Self::connect) does.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "postgres")]
    pub async fn from_postgres_pool(pool: sqlx::PgPool) -> Result<Self, DbError> {
        postgres::from_pool(pool).await.map(Engine::Postgres).map(Arc::new).map(Self)
    }

    /// A database over a SQLite pool of your own, used for reading and writing. It is migrated. Give its connections a busy
    /// time-out; foreign keys are switched on here. Leave the pool to this crate afterwards: a connection it has used sees the
    /// clinic's views and nothing else by the tables' names.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    #[cfg(feature = "sqlite")]
    pub async fn from_sqlite_pool(pool: sqlx::SqlitePool) -> Result<Self, DbError> {
        sqlite::from_pool(pool).await.map(Engine::Sqlite).map(Arc::new).map(Self)
    }
}

/// How long whoever wants a connection waits for one.
pub(crate) const ACQUIRE_LIMIT: Duration = Duration::from_secs(5);
