//! How a database is opened.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use super::Engine;
use super::{ACQUIRE_LIMIT, Database};
use crate::DbError;
use std::{sync::Arc, time::Duration};

/// Sizes and limits of a database's connections.
///
/// ```
/// # async fn open() -> Result<(), healthcare_db::DbError> {
/// use healthcare_db::DatabaseOptions;
/// let database = DatabaseOptions::new().max_connections(4).connect("sqlite::memory:").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    pub(super) max_connections: u32,
    pub(super) acquire_limit: Duration,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self { max_connections: 10, acquire_limit: ACQUIRE_LIMIT }
    }
}

impl DatabaseOptions {
    /// Ten connections, five seconds to wait for one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most connections; at least one. Of SQLite the readers: there is one writer besides.
    #[must_use]
    pub fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most.max(1);
        self
    }

    /// How long to wait for a connection before [`DbError::Unavailable`].
    #[must_use]
    pub const fn acquire_limit(mut self, limit: Duration) -> Self {
        self.acquire_limit = limit;
        self
    }

    /// Opens the database at `url`: see [`Database::connect`].
    ///
    /// # Errors
    /// As [`Database::connect`].
    pub async fn connect(self, url: &str) -> Result<Database, DbError> {
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "sqlite")]
            "sqlite" => super::sqlite::open(&self, url).await.map(Engine::Sqlite).map(Arc::new).map(Database),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => {
                super::postgres::open(&self, url).await.map(Engine::Postgres).map(Arc::new).map(Database)
            }
            _ => Err(DbError::Configuration(
                "the URL must begin with sqlite: or postgres: and the feature of that name must be on".into(),
            )),
        }
    }
}
