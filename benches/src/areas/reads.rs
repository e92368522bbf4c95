//! What the access path adds to a read: 64 clients read patients by id, decided by the clinic's policy, recorded in a log on
//! disk and released, against the same rows selected by sqlx alone.
//!
//! PostgreSQL is measured when `HEALTHCARE_TEST_POSTGRES_URL` names a server, as `cargo xtask services up` prints it.

use crate::compare::{Better, Comparison, Side};
use healthcare_audit::AuditLog;
use healthcare_core::{
    AuditSink, Boundary, ClinicId, Create, Id, Identity, MemoryAudit, MemoryKeys, MemoryRelations, Patient,
    Phi, Read, Reader, RequestContext, Role, UserId, Vault, Writer, patient,
};
use healthcare_db::{Database, DatabaseOptions, Login, Logins, SqlScopeKeys, SqlStore, migrate};
use healthcare_rbac::policy::{Policy, PolicyAuthorizer};
use sqlx::{Connection, PgPool, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use std::{
    error::Error,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;
use uuid::Uuid;

type Failure = Box<dyn Error>;

const CLIENTS: usize = 64;
const READS_PER_CLIENT: usize = 4;
const PATIENTS: usize = 1000;
const CONNECTIONS: u32 = 16;
const HELD_EQUAL: &str = "64 clients, 1,000 patients, 16 connections, rows fetched by clinic and id with their wrapped key; \
                          ours also decides by the policy, sets the clinic's scope, opens the sealed column, and waits for the record's fdatasync";

pub(super) fn comparisons() -> Result<Vec<Comparison>, Failure> {
    let runtime =
        Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?);
    let mut all = Vec::new();
    for (name, audited) in [("audited read, SQLite", true), ("read recorded in memory, SQLite", false)] {
        let site = runtime.block_on(Site::sqlite())?;
        all.push(row(name, site.reads(&runtime, audited)?, site.selects_sqlite(&runtime)?));
    }
    match std::env::var("HEALTHCARE_TEST_POSTGRES_URL") {
        Ok(url) => {
            for (name, audited) in
                [("audited read, PostgreSQL", true), ("read recorded in memory, PostgreSQL", false)]
            {
                let site = runtime.block_on(Site::postgres(&url))?;
                all.push(row(name, site.reads(&runtime, audited)?, site.selects_postgres(&runtime)?));
            }
        }
        Err(_) => {
            eprintln!("reads: PostgreSQL is not measured: HEALTHCARE_TEST_POSTGRES_URL names no server")
        }
    }
    Ok(all)
}

fn row(name: &'static str, ours: Side, peer: Side) -> Comparison {
    Comparison {
        name,
        peer_name: "sqlx 0.9 alone",
        unit: "µs",
        better: Better::Lower,
        target: 4.0,
        held_equal: HELD_EQUAL,
        ours,
        peer,
    }
}

/// A database with one clinic's patients.
struct Site {
    database: Database,
    keys: MemoryKeys,
    clinic: ClinicId,
    patients: Arc<Vec<Id<Patient>>>,
    /// What a plain pool connects to.
    plain_url: String,
    directory: Arc<tempfile::TempDir>,
}

impl Site {
    async fn sqlite() -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let url = format!("sqlite://{}", directory.path().join("clinic.db").display());
        let database = DatabaseOptions::new().max_connections(CONNECTIONS).connect(&url).await?;
        Self::fill(database, url, directory).await
    }

    async fn postgres(server: &str) -> Result<Self, Failure> {
        let name = format!("bench{}", Uuid::now_v7().simple());
        let mut conn = sqlx::PgConnection::connect(server).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut conn).await?;
        let (base, _) = server.rsplit_once('/').ok_or("the server's URL names no database")?;
        let owner = format!("{base}/{name}");
        let password = Uuid::now_v7().simple().to_string();
        let (application, relay) = (format!("app_{name}"), format!("relay_{name}"));
        let logins = Logins {
            application: Login::new(&*application, &*password)?,
            relay: Login::new(&*relay, &*password)?,
        };
        migrate(&owner, &logins).await?;
        let (_, host) = base.rsplit_once('@').ok_or("the server's URL names no login")?;
        let url = format!("postgres://{application}:{password}@{host}/{name}");
        let database = DatabaseOptions::new().max_connections(CONNECTIONS).connect(&url).await?;
        Self::fill(database, owner, tempfile::tempdir()?).await
    }

    async fn fill(
        database: Database,
        plain_url: String,
        directory: tempfile::TempDir,
    ) -> Result<Self, Failure> {
        let clinic = ClinicId::random();
        let mut site = Self {
            database,
            keys: MemoryKeys::random()?,
            clinic,
            patients: Arc::default(),
            plain_url,
            directory: Arc::new(directory),
        };
        let (boundary, store) = site.boundary(Arc::new(MemoryAudit::default()))?;
        let context = boundary.system.job("bench", "IMPORT".parse()?, clinic);
        let mut ids = Vec::new();
        for _ in 0..PATIENTS {
            let id = Id::random();
            let grant = boundary.gate.open(&context, Create::new(id)).await?;
            store.commit(grant.fill(somebody(id, clinic)).await?).await?;
            ids.push(id);
        }
        site.patients = Arc::new(ids);
        Ok(site)
    }

    fn boundary(&self, sink: Arc<dyn AuditSink>) -> Result<(Boundary, SqlStore), Failure> {
        let policy = PolicyAuthorizer::new(Policy::clinic()?, Arc::new(MemoryRelations::default()));
        let boundary = Boundary::builder(policy, sink).allow_volatile_audit().build()?;
        let vault = Vault::new(&self.keys, Arc::new(SqlScopeKeys::new(self.database.clone())))?;
        let store = SqlStore::new(self.database.clone(), boundary.storage.clone(), Arc::new(vault));
        Ok((boundary, store))
    }

    fn reads(&self, runtime: &Arc<Runtime>, audited: bool) -> Result<Side, Failure> {
        let sink: Arc<dyn AuditSink> = if audited {
            let vault = Vault::new(&self.keys, Arc::new(SqlScopeKeys::new(self.database.clone())))?;
            let path = self.directory.path().join("audit");
            Arc::new(AuditLog::builder(path, Arc::new(vault.house_cipher())).open()?)
        } else {
            Arc::new(Forgetful)
        };
        let (boundary, store) = self.boundary(sink)?;
        let roles: Arc<[Role]> = Arc::new(["NURSE".parse()?]);
        let clinic = self.clinic;
        let ours = Arc::new((boundary, store, self.patients.clone()));
        let directory = self.directory.clone();
        Ok(round(runtime, move |nth| {
            let (ours, roles, _keep) = (ours.clone(), roles.clone(), directory.clone());
            async move {
                let (boundary, store, patients) = &*ours;
                let context = context(boundary, roles, clinic);
                let id = patients[nth % patients.len()];
                let grant =
                    boundary.gate.open(&context, Read::new(id)).await.expect("a nurse reads patients");
                let row = store.find(&grant).await.expect("the row");
                let released = grant.release(row).await.expect("released");
                black_box(released.reveal(patient::Family).expect("a name").len());
            }
        }))
    }

    fn selects_sqlite(&self, runtime: &Arc<Runtime>) -> Result<Side, Failure> {
        let options = SqlitePoolOptions::new().max_connections(CONNECTIONS);
        let pool: SqlitePool = runtime.block_on(options.connect(&self.plain_url))?;
        let (clinic, patients) = (self.clinic.as_uuid(), self.patients.clone());
        Ok(round(runtime, move |nth| {
            let (pool, patients) = (pool.clone(), patients.clone());
            async move {
                let id = patients[nth % patients.len()].as_uuid();
                let row = sqlx::query(SELECT).bind(clinic).bind(id).fetch_one(&pool).await.expect("the row");
                black_box(row.len());
            }
        }))
    }

    fn selects_postgres(&self, runtime: &Arc<Runtime>) -> Result<Side, Failure> {
        let options = PgPoolOptions::new().max_connections(CONNECTIONS);
        let pool: PgPool = runtime.block_on(options.connect(&self.plain_url))?;
        let (clinic, patients) = (self.clinic.as_uuid(), self.patients.clone());
        Ok(round(runtime, move |nth| {
            let (pool, patients) = (pool.clone(), patients.clone());
            async move {
                let id = patients[nth % patients.len()].as_uuid();
                let row = sqlx::query(SELECT).bind(clinic).bind(id).fetch_one(&pool).await.expect("the row");
                black_box(row.len());
            }
        }))
    }
}

const SELECT: &str = "SELECT t.id, t.version, t.subject_id, t.phi, t.active, k.wrapped FROM main.patient t \
                      LEFT JOIN main.subject_key k ON k.clinic_id = t.clinic_id AND k.subject_id = t.subject_id \
                      WHERE t.clinic_id = $1 AND t.id = $2";

use sqlx::Row as _;

/// One round: every client reads a few times, one after the other, all clients at once; a sample is one read.
fn round<F>(runtime: &Arc<Runtime>, read: impl Fn(usize) -> F + Clone + Send + 'static) -> Side
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = runtime.clone();
    Box::new(move || {
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let read = read.clone();
                runtime.spawn(async move {
                    let mut samples = Vec::with_capacity(READS_PER_CLIENT);
                    for turn in 0..READS_PER_CLIENT {
                        let start = Instant::now();
                        read(client * 13 + turn * 101).await;
                        samples.push(micros(start.elapsed()));
                    }
                    samples
                })
            })
            .collect();
        runtime.block_on(async {
            let mut samples = Vec::new();
            for task in tasks {
                samples.extend(task.await.expect("a client ended"));
            }
            samples
        })
    })
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

/// Acknowledges and forgets.
#[derive(Debug)]
struct Forgetful;

impl AuditSink for Forgetful {
    fn submit(&self, event: healthcare_core::AuditEvent) -> healthcare_core::Receipt {
        black_box(event);
        healthcare_core::Receipt::ready(Ok(()))
    }
}

fn context(boundary: &Boundary, roles: Arc<[Role]>, clinic: ClinicId) -> RequestContext {
    let identity = Identity { user: UserId::random(), clinic, roles, profile: None, session: None };
    boundary.edge.request(identity, &healthcare_core::Clues::default()).expect("no clue contradicts")
}

fn somebody(id: Id<Patient>, clinic: ClinicId) -> Patient {
    let protected = patient::Protected {
        family: Phi::new("Lovelace".into()),
        given: Phi::new("Ada".into()),
        birth_date: Phi::new(None),
        gender: Phi::new(None),
        phone: Phi::new(Some("+442079460018".into())),
        email: Phi::new(None),
        address: Phi::new(None),
        record_number: Phi::new(None),
        deceased: Phi::new(None),
    };
    Patient::new(id, clinic, patient::Plain { active: true }, protected)
}
