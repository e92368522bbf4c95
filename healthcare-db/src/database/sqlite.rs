//! SQLite: one writer, several readers, one file.

use super::{ACQUIRE_LIMIT, DatabaseOptions};
use crate::{DbError, schema, transaction::Mode};
use sqlx::{
    Sqlite, SqliteConnection, SqlitePool,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{str::FromStr, time::Duration};

/// How long a writer waits for another process's writer.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

pub(crate) struct Pools {
    writer: SqlitePool,
    /// None when the writer reads as well: in memory, and with a pool of the user's own.
    readers: Option<SqlitePool>,
    /// Whether connections may lack the clinic views: they are then added when a connection is first used.
    foreign: bool,
}

impl Pools {
    pub(super) async fn acquire(&self, mode: Mode) -> Result<PoolConnection<Sqlite>, DbError> {
        let pool = match (&self.readers, mode) {
            (Some(readers), Mode::Read) => readers,
            _ => &self.writer,
        };
        let mut conn = pool.acquire().await?;
        if self.foreign {
            isolate_once(&mut conn).await?;
        }
        Ok(conn)
    }

    pub(super) fn connections(&self) -> (u32, usize) {
        let readers = self.readers.as_ref().map_or((0, 0), |readers| (readers.size(), readers.num_idle()));
        (self.writer.size() + readers.0, self.writer.num_idle() + readers.1)
    }

    pub(super) async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.close().await;
        }
        // The writer last: the last connection that closes checkpoints the log and removes it.
        self.writer.close().await;
    }
}

async fn isolate_once(conn: &mut SqliteConnection) -> Result<(), DbError> {
    let ready: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM temp.sqlite_schema WHERE name = 'clinic_isolated'")
            .fetch_optional(&mut *conn)
            .await?;
    if ready.is_none() {
        sqlx::raw_sql("PRAGMA foreign_keys = ON").execute(&mut *conn).await?;
        schema::isolate(conn).await?;
    }
    Ok(())
}

fn pool(options: &DatabaseOptions, connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_limit)
        // Nothing can go stale in this process.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(|conn, _| {
            Box::pin(async move {
                schema::isolate(conn).await.map_err(|error| sqlx::Error::Configuration(error.into()))
            })
        })
}

pub(super) async fn open(options: &DatabaseOptions, url: &str) -> Result<Pools, DbError> {
    let connect = SqliteConnectOptions::from_str(url)
        .map_err(|_| DbError::Configuration("a SQLite URL is sqlite://path or sqlite::memory:".into()))?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY_LIMIT)
        .pragma("temp_store", "memory")
        .pragma("trusted_schema", "off");
    if url.contains(":memory:") || url.contains("mode=memory") {
        // One connection is the whole database; it serves reading and writing.
        let connect = connect.shared_cache(false);
        let bare = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let writer = bare
            .acquire_timeout(options.acquire_limit)
            .test_before_acquire(false)
            .connect_with(connect)
            .await?;
        let mut conn = writer.acquire().await?;
        schema::migrate_sqlite(&mut conn).await?;
        schema::isolate(&mut conn).await?;
        drop(conn);
        return Ok(Pools { writer, readers: None, foreign: true });
    }
    let connect = connect.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut migrating = sqlx::ConnectOptions::connect(&connect).await?;
    schema::migrate_sqlite(&mut migrating).await?;
    let writer = pool(options, 1).connect_with(connect.clone()).await?;
    sqlx::Connection::close(migrating).await?;
    let readers = pool(options, options.max_connections).connect_with(connect.read_only(true)).await?;
    Ok(Pools { writer, readers: Some(readers), foreign: false })
}

pub(super) async fn from_pool(pool: SqlitePool) -> Result<Pools, DbError> {
    let limit = pool.options().get_acquire_timeout();
    if limit > ACQUIRE_LIMIT * 12 {
        return Err(DbError::Configuration("give the pool an acquire time-out of at most a minute".into()));
    }
    schema::migrate_sqlite(&mut *pool.acquire().await?).await?;
    Ok(Pools { writer: pool, readers: None, foreign: true })
}
