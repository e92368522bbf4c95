//! Where servers run: a directory, and a database of its own.

use super::server::{Process, Server};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    future::Future,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

pub(crate) struct Site {
    dir: TempDir,
    postgres: Option<Postgres>,
}

impl Site {
    pub(crate) fn sqlite() -> Self {
        Self { dir: TempDir::new().unwrap(), postgres: None }
    }

    /// With a database and logins of its own, prepared by the program's `migrate`.
    pub(crate) fn postgres() -> Self {
        Self { dir: TempDir::new().unwrap(), postgres: Some(Postgres::create()) }
    }

    pub(crate) const fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.data().join("demo-master.key")
    }

    /// The program with this data directory and this database.
    pub(crate) fn command(&self, data: &Path) -> Command {
        let mut command = program();
        command.arg("--data-dir").arg(data).args(["--listen", "127.0.0.1:0"]);
        match &self.postgres {
            Some(postgres) => {
                command.args(["--database-url", &postgres.application, "--relay-url", &postgres.relay])
            }
            None => command.arg("--database-url").arg(format!("sqlite:{}", self.database_file().display())),
        };
        command
    }

    fn database_file(&self) -> PathBuf {
        self.data().join("clinic.db")
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(&mut self.command(&self.data()))
    }

    /// A second server on the same database with the same keys: an audit log has one writer, so the directory is another.
    pub(crate) fn start_second(&self) -> Server {
        let mut command = self.command(&self.path("second"));
        Server::start(command.arg("--key-file").arg(self.key_file()))
    }

    /// Runs a command of the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Process {
        let mut process = Process::spawn(self.command(&self.data()).args(arguments));
        process.wait();
        process
    }

    pub(crate) fn owner_url(&self) -> String {
        self.postgres.as_ref().unwrap().owner.clone()
    }

    pub(crate) fn relay_url(&self) -> String {
        self.postgres.as_ref().unwrap().relay.clone()
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.column(sql).first().expect("a row").parse().expect("a number")
    }

    /// The first column of every row, as text.
    pub(crate) fn column(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(format!("WITH q(c) AS ({sql}) SELECT CAST(c AS text) FROM q"));
        block_on(async {
            match &self.postgres {
                Some(postgres) => {
                    let mut connection = PgConnection::connect(&postgres.owner).await.unwrap();
                    sqlx::query("SET search_path = main").execute(&mut connection).await.unwrap();
                    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                    rows.iter().map(|row| row.get::<Option<String>, _>(0).unwrap_or_default()).collect()
                }
                None => {
                    let mut connection = self.sqlite_connection().await;
                    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                    rows.iter().map(|row| row.get::<Option<String>, _>(0).unwrap_or_default()).collect()
                }
            }
        })
    }

    /// Changes something behind the server's back.
    pub(crate) fn execute(&self, sql: &str) {
        block_on(async {
            match &self.postgres {
                Some(postgres) => {
                    let mut connection = PgConnection::connect(&postgres.owner).await.unwrap();
                    sqlx::query("SET search_path = main").execute(&mut connection).await.unwrap();
                    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
                }
                None => {
                    let mut connection = self.sqlite_connection().await;
                    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
                }
            }
        });
    }

    async fn sqlite_connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.database_file());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Every row of every table, as text.
    pub(crate) fn dump(&self) -> String {
        let tables = "SELECT schemaname || '.' || quote_ident(tablename) AS c FROM pg_tables
            WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        let tables = self.column(tables);
        assert!(tables.len() > 15, "{tables:?}");
        let rows = |table: &String| self.column(&format!("SELECT CAST(t AS text) AS c FROM {table} t"));
        tables.iter().flat_map(rows).collect::<Vec<_>>().join("\n")
    }
}

/// The program, without this process's settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clinic-server"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CLINIC_") || ["DATABASE_URL", "REDIS_URL"].contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1");
    command
}

struct Postgres {
    server: String,
    name: String,
    owner: String,
    application: String,
    relay: String,
}

impl Postgres {
    fn create() -> Self {
        let server = std::env::var("HEALTHCARE_TEST_POSTGRES_URL")
            .expect("set HEALTHCARE_TEST_POSTGRES_URL, or run cargo xtask test");
        let name = format!("process_{}", uuid::Uuid::now_v7().simple());
        block_on(async {
            let mut connection = PgConnection::connect(&server).await.unwrap();
            sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
                .execute(&mut connection)
                .await
                .unwrap();
        });
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        let login = |role: &str| {
            let mut url = url.clone();
            url.set_username(&format!("{name}_{role}")).unwrap();
            url.set_password(Some("a-password-of-the-test")).unwrap();
            url.to_string()
        };
        let made =
            Self { owner: url.to_string(), application: login("app"), relay: login("relay"), server, name };
        let mut migrate = program();
        migrate.args(["migrate", "--owner-url", &made.owner]);
        migrate.args(["--database-url", &made.application, "--relay-url", &made.relay]);
        let mut process = Process::spawn(&mut migrate);
        assert_eq!(process.wait().code(), Some(0), "{}", process.err.whole());
        made
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        block_on(async {
            let Ok(mut connection) = PgConnection::connect(&self.server).await else { return };
            let name = &self.name;
            for sql in [
                format!("DROP DATABASE {name} WITH (FORCE)"),
                format!("DROP ROLE IF EXISTS {name}_app"),
                format!("DROP ROLE IF EXISTS {name}_relay"),
            ] {
                if let Err(error) = sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await {
                    eprintln!("not removed: {error}");
                }
            }
        });
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
