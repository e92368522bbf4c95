//! Databases for tests, and the jobs in them.

use healthcare_core::{
    ClinicId, KeyId, ManualClock, MasterKey, MemoryKeys, SystemClock, Vault, testing::Stage,
};
use healthcare_db::{Database, Login, Logins, SqlScopeKeys, migrate};
use healthcare_messaging::{JobStore, MemoryJobs, SqlJobs, testing::JobRig};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use uuid::Uuid;

const PASSWORD: &str = "only-for-tests-0123456789";

/// Where a database is. Known to child processes, too.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) relay_url: String,
    pub(crate) owner_url: String,
    _directory: Option<Arc<TempDir>>,
}

impl Site {
    pub(crate) fn sqlite() -> Self {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite://{}", directory.path().join("clinic.db").display());
        Self { relay_url: url.clone(), owner_url: url.clone(), url, _directory: Some(Arc::new(directory)) }
    }

    pub(crate) async fn postgres() -> Self {
        let server = server();
        let (rest, _) = server.rsplit_once('/').expect("a URL with a database");
        let (_, host) = rest.rsplit_once('@').expect("a URL with a login");
        let name = format!("t{}", Uuid::now_v7().simple());
        run(&server, format!("CREATE DATABASE {name}")).await;
        let logins = Logins {
            application: Login::new("healthcare_test_application", PASSWORD).unwrap(),
            relay: Login::new("healthcare_test_relay", PASSWORD).unwrap(),
        };
        let url = |login| format!("postgres://{login}:{PASSWORD}@{host}/{name}");
        let owner_url = format!("{rest}/{name}");
        migrate(&owner_url, &logins).await.unwrap();
        Self {
            url: url("healthcare_test_application"),
            relay_url: url("healthcare_test_relay"),
            owner_url,
            _directory: None,
        }
    }

    pub(crate) fn known(url: String, relay_url: String) -> Self {
        Self { owner_url: url.clone(), url, relay_url, _directory: None }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    pub(crate) async fn remove(self) {
        if self.is_postgres() {
            let (_, name) = self.owner_url.rsplit_once('/').unwrap();
            run(&server(), format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// Runs a statement as the owner of the tables.
    pub(crate) async fn script(&self, script: String) {
        let script = sqlx::AssertSqlSafe(script);
        if self.is_postgres() {
            PgConnection::connect(&self.owner_url).await.unwrap().execute(script).await.unwrap();
        } else {
            SqliteConnection::connect(&self.owner_url).await.unwrap().execute(script).await.unwrap();
        }
    }
}

fn server() -> String {
    std::env::var("HEALTHCARE_TEST_POSTGRES_URL")
        .expect("set HEALTHCARE_TEST_POSTGRES_URL, or run the tests with `cargo xtask test`")
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
}

/// Jobs in a database. The key is always the same, so that child processes open what was sealed here.
pub(crate) struct Sql {
    pub(crate) stage: Stage,
    pub(crate) site: Site,
    pub(crate) application: Database,
    pub(crate) jobs: SqlJobs,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn vault(application: &Database) -> Arc<Vault> {
    let keys = MemoryKeys::new([MasterKey::new(KeyId::from_bytes([7; 8]), [9; 32])]);
    Arc::new(Vault::new(&keys, Arc::new(SqlScopeKeys::new(application.clone()))).unwrap())
}

impl Sql {
    /// By a clock that stands still.
    pub(crate) async fn open(site: Site) -> Self {
        let mut sql = Self::live(site).await;
        sql.jobs = sql.jobs.clock(Arc::clone(&sql.clock) as _);
        sql
    }

    /// By the system's clock.
    pub(crate) async fn live(site: Site) -> Self {
        let stage = Stage::default();
        let application = Database::connect(&site.url).await.unwrap();
        let relay = Database::connect(&site.relay_url).await.unwrap();
        let system = stage.boundary.system.clone();
        let jobs = SqlJobs::new(application.clone(), relay, vault(&application), system)
            .clock(Arc::new(SystemClock::default()));
        Self { clock: Arc::clone(&stage.clock), stage, site, application, jobs }
    }
}

impl JobRig for Sql {
    fn jobs(&self) -> &dyn JobStore {
        &self.jobs
    }
    fn clinic(&self) -> ClinicId {
        self.stage.clinic
    }
    fn other(&self) -> ClinicId {
        self.stage.other
    }
    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        if self.site.is_postgres() {
            // Its own clock counts: everything happened that much earlier.
            let back = format!("interval '{} microseconds'", by.as_micros());
            let columns = ["created_at", "due_at", "finished_at"].map(|at| format!("{at} = {at} - {back}"));
            self.site.script(format!("UPDATE main.job SET {}", columns.join(", "))).await;
        }
    }
}

pub(crate) struct Memory {
    pub(crate) jobs: MemoryJobs,
    pub(crate) clock: Arc<ManualClock>,
    clinics: (ClinicId, ClinicId),
}

impl Memory {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
        let jobs = MemoryJobs::new(Arc::clone(&clock) as _);
        Self { jobs, clock, clinics: (ClinicId::random(), ClinicId::random()) }
    }
}

impl JobRig for Memory {
    fn jobs(&self) -> &dyn JobStore {
        &self.jobs
    }
    fn clinic(&self) -> ClinicId {
        self.clinics.0
    }
    fn other(&self) -> ClinicId {
        self.clinics.1
    }
    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
