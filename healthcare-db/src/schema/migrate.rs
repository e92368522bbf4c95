//! Migrations, and the logins PostgreSQL needs.

use crate::DbError;
use sqlx::migrate::{MigrateError, Migrator};

#[cfg(feature = "sqlite")]
static SQLITE: Migrator = sqlx::migrate!("./migrations/sqlite");
#[cfg(feature = "postgres")]
static POSTGRES: Migrator = sqlx::migrate!("./migrations/postgres");

impl From<MigrateError> for DbError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMismatch(version) => Self::Schema(format!(
                "migration {version} was changed after it had been applied: restore its text and write a new one"
            )),
            MigrateError::Dirty(version) => {
                Self::Schema(format!("migration {version} was applied by half: restore a backup"))
            }
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Statement(other.into()),
        }
    }
}

/// Migrations only add, so a database that is ahead of the program is left as it is.
fn tolerant(migrator: &Migrator) -> Migrator {
    let mut migrator = Migrator { migrations: migrator.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_ignore_missing(true);
    migrator
}

/// Brings a SQLite database to the newest schema. Processes that start together take turns.
#[cfg(feature = "sqlite")]
pub(crate) async fn migrate_sqlite(conn: &mut sqlx::SqliteConnection) -> Result<(), DbError> {
    let mut all = sqlx::Connection::begin_with(conn, "BEGIN IMMEDIATE").await?;
    tolerant(&SQLITE).run_direct(None, &mut *all, false).await?;
    Ok(all.commit().await?)
}

/// The version of the newest migration of this program.
#[cfg(feature = "postgres")]
pub(crate) fn expected_version() -> i64 {
    POSTGRES.iter().map(|migration| migration.version).max().unwrap_or_default()
}

#[cfg(feature = "postgres")]
pub use postgres::{Login, Logins, migrate};

#[cfg(feature = "postgres")]
mod postgres {
    use super::{DbError, POSTGRES, tolerant};
    use crate::schema::isolation::postgres_isolation;
    use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
    use std::fmt;

    /// A login to be made: name and password.
    #[derive(Clone)]
    pub struct Login {
        name: String,
        password: String,
    }

    impl fmt::Debug for Login {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Login({})", self.name)
        }
    }

    impl Login {
        /// A login.
        ///
        /// # Errors
        /// [`DbError::Configuration`] unless the name is 1 to 63 lower-case letters, digits and underscores, and the password
        /// at least 16 printable ASCII characters without quote and backslash.
        pub fn new(name: impl Into<String>, password: impl Into<String>) -> Result<Self, DbError> {
            let (name, password) = (name.into(), password.into());
            let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\'' && byte != b'\\';
            if name.is_empty() || name.len() > 63 || !name.bytes().all(letter) {
                return Err(DbError::Configuration(
                    "a login is named with lower-case letters, digits and underscores".into(),
                ));
            }
            if password.len() < 16 || !password.bytes().all(plain) {
                return Err(DbError::Configuration(
                    "a login's password needs 16 or more printable characters".into(),
                ));
            }
            Ok(Self { name, password })
        }
    }

    /// The logins a server uses.
    #[derive(Debug, Clone)]
    pub struct Logins {
        /// For requests: one clinic at a time, held by row security.
        pub application: Login,
        /// For the relay: headers and ciphertext of the outbox, and nothing else.
        pub relay: Login,
    }

    /// Brings a PostgreSQL database to the newest schema and makes the logins, with an owner's URL.
    ///
    /// It may be run again at any time, also while servers run: what is so already is left alone. Processes that migrate together
    /// take turns under an advisory lock, so the URL must lead to the server itself and not to a pooler in transaction mode.
    ///
    /// # Errors
    /// [`DbError::Configuration`] for a URL that cannot be used; [`DbError::Schema`] when an applied migration was changed;
    /// otherwise as the database says.
    pub async fn migrate(owner_url: &str, logins: &Logins) -> Result<(), DbError> {
        let options = crate::database::postgres_options(owner_url)?.application_name("healthcare-db migrate");
        let mut conn = options.connect().await?;
        let done = run(&mut conn, logins).await;
        conn.close().await?;
        done
    }

    async fn run(conn: &mut PgConnection, logins: &Logins) -> Result<(), DbError> {
        conn.execute("SET lock_timeout = '30s'").await?;
        // One at a time, from the schema to the grants. The lock ends with the session.
        conn.execute("SELECT pg_advisory_lock(7203711990312)").await?;
        conn.execute("CREATE SCHEMA IF NOT EXISTS main").await?;
        conn.execute("SET search_path = main, public").await?;
        tolerant(&POSTGRES).run_direct(None, &mut *conn, false).await?;
        for group in ["healthcare_application", "healthcare_relay"] {
            role(conn, format!("CREATE ROLE {group} NOLOGIN NOSUPERUSER NOBYPASSRLS")).await?;
        }
        login(conn, &logins.application, "healthcare_application").await?;
        login(conn, &logins.relay, "healthcare_relay").await?;
        let mut transaction = conn.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(postgres_isolation())).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn login(conn: &mut PgConnection, login: &Login, group: &str) -> Result<(), DbError> {
        let Login { name, password } = login;
        role(conn, format!("CREATE ROLE {name} NOSUPERUSER NOBYPASSRLS")).await?;
        role(conn, format!("ALTER ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{password}'"))
            .await?;
        role(conn, format!("GRANT {group} TO {name}")).await
    }

    /// Roles belong to the server, not to the database the lock is in: another database's migration may make the same one.
    async fn role(conn: &mut PgConnection, statement: String) -> Result<(), DbError> {
        let mut tries = 0;
        loop {
            let result = conn.execute(AssertSqlSafe(statement.clone())).await;
            let code = result
                .as_ref()
                .err()
                .and_then(|error| error.as_database_error())
                .and_then(|error| error.code());
            match code.as_deref() {
                // duplicate_object, and unique_violation when two are made at once.
                Some("42710" | "23505") => return Ok(()),
                // "tuple concurrently updated".
                Some("XX000") if tries < 20 => {
                    tries += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(10 * tries)).await;
                }
                _ => {
                    result?;
                    return Ok(());
                }
            }
        }
    }
}
