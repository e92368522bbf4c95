//! Databases for tests: a SQLite file in a directory of its own, or a PostgreSQL database of its own.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use healthcare_core::{MemoryKeys, StorageDoor, Vault};
use healthcare_db::{Database, DatabaseOptions, Login, Logins, SqlScopeKeys, SqlStore, migrate};
use sqlx::{Connection, Executor, PgConnection};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

pub struct Site {
    /// What a server is given.
    pub url: String,
    /// Of PostgreSQL: who owns the tables, and who relays.
    pub owner_url: String,
    pub relay_url: String,
    pub keys: MemoryKeys,
    directory: Option<TempDir>,
    admin: Option<(String, String)>,
}

const PASSWORD: &str = "only-for-tests-0123456789";

pub fn logins() -> Logins {
    Logins {
        application: Login::new("healthcare_test_application", PASSWORD).unwrap(),
        relay: Login::new("healthcare_test_relay", PASSWORD).unwrap(),
    }
}

/// The URL of the server that the test command started, for a database and perhaps another login.
pub fn server_url(database: &str, login: Option<&str>) -> String {
    let url = std::env::var("HEALTHCARE_TEST_POSTGRES_URL")
        .expect("set HEALTHCARE_TEST_POSTGRES_URL, or run the tests with `cargo xtask test`");
    let (rest, _) = url.rsplit_once('/').expect("a URL with a database");
    match login {
        None => format!("{rest}/{database}"),
        Some(login) => {
            let (_, host) = rest.rsplit_once('@').expect("a URL with a login");
            format!("postgres://{login}:{PASSWORD}@{host}/{database}")
        }
    }
}

impl Site {
    pub fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}", directory.path().join("clinic.db").display());
        Self {
            owner_url: url.clone(),
            relay_url: url.clone(),
            url,
            keys: MemoryKeys::random().unwrap(),
            directory: Some(directory),
            admin: None,
        }
    }

    /// An empty database, without tables.
    pub async fn bare_postgres() -> Self {
        let name = format!("t{}", Uuid::now_v7().simple());
        let admin = server_url("postgres", None);
        let mut conn = PgConnection::connect(&admin).await.unwrap();
        conn.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        Self {
            url: server_url(&name, Some("healthcare_test_application")),
            owner_url: server_url(&name, None),
            relay_url: server_url(&name, Some("healthcare_test_relay")),
            keys: MemoryKeys::random().unwrap(),
            directory: None,
            admin: Some((admin, name)),
        }
    }

    pub async fn postgres() -> Self {
        let site = Self::bare_postgres().await;
        migrate(&site.owner_url, &logins()).await.unwrap();
        site
    }

    pub async fn open(&self) -> Database {
        Database::connect(&self.url).await.unwrap()
    }

    pub async fn open_with(&self, connections: u32) -> Database {
        DatabaseOptions::new().max_connections(connections).connect(&self.url).await.unwrap()
    }

    pub fn vault(&self, database: &Database) -> Arc<Vault> {
        Arc::new(Vault::new(&self.keys, Arc::new(SqlScopeKeys::new(database.clone()))).unwrap())
    }

    pub async fn store(&self, door: StorageDoor) -> SqlStore {
        let database = self.open().await;
        let vault = self.vault(&database);
        SqlStore::new(database, door, vault).charting_all()
    }

    /// Everything that SQLite keeps on the disk.
    pub fn files(&self) -> Vec<Vec<u8>> {
        let Some(directory) = &self.directory else { return Vec::new() };
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }

    /// Removes a PostgreSQL database. One that a failed test leaves goes with the server.
    pub async fn remove(self) {
        if let Some((admin, name)) = self.admin {
            let mut conn = PgConnection::connect(&admin).await.unwrap();
            conn.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
        }
    }
}
