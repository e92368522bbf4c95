//! One connection of either engine.

use super::{Row, bind};
use crate::{DbError, statement::Dialect};
use healthcare_core::Value;
use sqlx::{AssertSqlSafe, SqlStr, pool::PoolConnection};

pub(crate) enum Conn {
    #[cfg(feature = "postgres")]
    Postgres(PoolConnection<sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(PoolConnection<sqlx::Sqlite>),
}

impl Conn {
    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(_) => Dialect::Postgres,
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    pub(crate) async fn fetch_all(&mut self, sql: SqlStr, values: Vec<Value>) -> Result<Vec<Row>, DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                let query = sqlx::query_with(sql, bind::postgres(values)?);
                Ok(query.fetch_all(&mut **conn).await?.into_iter().map(Row::Postgres).collect())
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => {
                let query = sqlx::query_with(sql, bind::sqlite(values)?);
                Ok(query.fetch_all(&mut **conn).await?.into_iter().map(Row::Sqlite).collect())
            }
        }
    }

    pub(crate) async fn execute(&mut self, sql: SqlStr, values: Vec<Value>) -> Result<u64, DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                let query = sqlx::query_with(sql, bind::postgres(values)?);
                Ok(query.execute(&mut **conn).await?.rows_affected())
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => {
                let query = sqlx::query_with(sql, bind::sqlite(values)?);
                Ok(query.execute(&mut **conn).await?.rows_affected())
            }
        }
    }

    /// Runs statements that this crate wrote itself, without values.
    pub(crate) async fn script(&mut self, text: String) -> Result<(), DbError> {
        let script = sqlx::raw_sql(AssertSqlSafe(text));
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => script.execute(&mut **conn).await?.rows_affected(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => script.execute(&mut **conn).await?.rows_affected(),
        };
        Ok(())
    }

    pub(crate) async fn rollback(&mut self) -> Result<(), DbError> {
        let result = self.script("ROLLBACK".to_owned()).await;
        match (self.dialect(), result) {
            // SQLite rolls back by itself on some errors, and calls a second time an error.
            (Dialect::Sqlite, Err(DbError::Statement(_))) => Ok(()),
            (_, result) => result,
        }
    }

    /// Gives the connection up: its pool may open another.
    pub(crate) async fn close(self) {
        let closed: Result<(), sqlx::Error> = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(mut conn) => {
                conn.close_on_drop();
                Ok(())
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => conn.close().await,
        };
        if let Err(error) = closed {
            tracing::warn!(error = %DbError::from(error), "a connection did not close cleanly");
        }
    }
}
