//! From a configuration to a running server: which part is made of which, in order.
//!
//! ```text
//! master key ─ vault ─┬─ audit log ────────┐
//! database ───────────┤                    ├─ boundary ─┬─ gate, edge, system
//!                     ├─ relations (cached)┘            └─ store (cached) ── repositories, appointments, relay
//!                     └─ users, sessions ── sign-in, tokens
//! Redis, if any ──────── caches, shares of users and clinics
//! ```

mod accounts;
mod cache;
mod cipher;
mod email;
mod emergency;
mod error;
mod health;
mod housekeeping;
mod jobs;
mod late;
mod live;
mod payer;
mod plugins;
mod process;
mod ready;
mod redis;
mod tier;

pub(crate) use accounts::email_key;
pub use error::StartError;
pub use housekeeping::Housekeeping;
pub(crate) use jobs::start_worker;
pub(crate) use live::feed_live;
pub use process::Process;
use ready::own_file;
pub use ready::{check_directory, prepare_directory};

use crate::{
    App, Caches, EdgeSettings, JobRepository, LogWatch,
    config::{Config, DatabaseConfig, Environment, KeySource, Transport},
    http::Limits,
    live::Feed,
    pages::PageSessions,
    stores::{ClinicStore, Stores, Told},
};
use cipher::HouseBodies;
use email::Post;
use emergency::LateEmergencies;
use health::health;
use healthcare_audit::AuditLog;
use healthcare_cache::{CachedRelations, Coherence, PurgingSink};
use healthcare_core::{
    Appointment, Appointments, Boundary, Clock, KeyFile, KeyProvider, KeyVariable, Plugins, SystemClock,
    Vault,
};
use healthcare_db::{Database, SqlOutbox, SqlRelations, SqlScopeKeys, SqlStore};
use healthcare_messaging::{InProcessBus, Relay, Wake};
use healthcare_rbac::policy::{Policy, PolicyAuthorizer};
use healthcare_resilience::Shutdown;
use late::LateRelations;
use redis::SharedRedis;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// A server, wired and not yet serving.
#[derive(Debug)]
pub struct Server {
    /// What handlers share.
    pub app: Arc<App>,
    /// Ends it in order.
    pub shutdown: Shutdown,
    /// Carries committed events to their listeners and outcomes to the audit log. Taken by whoever serves.
    pub relay: Option<Relay>,
    /// Forgets what was kept long enough. Taken by whoever serves.
    pub housekeeping: Option<Housekeeping>,
    /// Tells open pages what was committed. Taken by whoever serves.
    pub feed: Option<Feed>,
    /// Hears what other processes change. Taken by [`hear`](Self::hear).
    pub coherence: Option<Coherence>,
    /// The plugins of appointments, to be told of events.
    pub plugins: Arc<Plugins>,
    /// The events of this process.
    pub bus: InProcessBus,
    /// The database.
    pub database: Database,
    tier: tier::Tier,
}

/// Wires a server.
///
/// # Errors
/// [`StartError`], which says what to set or repair.
pub async fn wire(config: &Config, process: Process) -> Result<Server, StartError> {
    wire_with(config, process, Arc::new(SystemClock::default())).await
}

/// Wires a server by a clock of one's own.
///
/// # Errors
/// As [`wire`].
pub async fn wire_with(
    config: &Config,
    process: Process,
    clock: Arc<dyn Clock>,
) -> Result<Server, StartError> {
    prepare_directory(&config.data_dir)?;
    let (database, relay_database) = connect(&config.database).await?;
    let tier = tier::Tier::enter(config, &database, &clock).await?;
    let (scope_keys, vault) = keys(config, &database, &clock)?;

    let (audit, audit_dir) = open_audit(config, process, &vault, &clock)?;
    let (policy, late, emergencies) = policy()?;
    let boundary = boundary(&policy, &audit, &clock)?;
    let redis = config.redis.as_ref().map(redis::connect).transpose()?;
    let (caches, coherence) = cache::wire(redis.as_ref(), (&database, process), &boundary, (&vault, &clock))?;
    relations(&late, &database, &boundary, &caches);

    let jobs = jobs::jobs((&database, &relay_database), &vault, &boundary.system, &clock);
    let wake = Wake::new();
    let sql = records(&database, &boundary, &vault);
    let store = Arc::new(Told::new(Arc::clone(&sql), &boundary.storage, &caches, wake.clone()));
    let payer = payer::of(config, &clock)?;
    let plugins = Arc::new(plugins::plugins(&store, payer.as_ref(), &jobs, (&boundary, &clock)));
    let appointments = appointments(&boundary, &store, &plugins, &clock);

    let shutdown = shutdown(&tier)?;
    let bus = InProcessBus::new();
    let outbox = Arc::new(SqlOutbox::new(relay_database, Arc::clone(&vault), boundary.system.clone()));
    let relay = relay(&outbox, &bus, PurgingSink::new(audit.clone(), caches.node()), (&clock, &wake))?;
    let accounts = accounts::wire(&vault, &database, &boundary.edge, &clock)?;
    let (live, feed) = live::live(&shutdown, &accounts.guard, (&clock, &outbox), process)?;
    let kept = (sql, outbox, scope_keys);
    let housekeeping = Housekeeping::of(kept, &jobs, accounts.sessions, (&boundary.system, &clock))?;
    let limits = limits(config, redis.as_ref(), &vault)?;
    let post = Post::of(config)?;
    let (relayed, watched) = ((relay.status(), &clock), (&limits, &caches, &live));
    let health = health(&shutdown, &database, &audit, relayed, watched, (&jobs, &post, payer.as_ref()))?;
    let app = App {
        emergencies: emergencies.wire(&boundary.gate, Arc::clone(&store) as _, &clock),
        gate: boundary.gate,
        policy,
        edge: boundary.edge,
        system: boundary.system,
        stores: Stores::of(&store),
        appointments,
        login: accounts.login,
        tokens: accounts.tokens,
        live,
        sessions: accounts.guard,
        users: accounts.users,
        health,
        queues: JobRepository::new(jobs.clone(), boundary.storage, audit.clone()),
        jobs,
        email: post.transport(),
        limits,
        caches,
        audit,
        log_watch: Arc::new(LogWatch::new(audit_dir, &vault).map_err(StartError::Wiring)?),
        pages: PageSessions::new(&vault, config.is_https()).map_err(StartError::Keys)?,
        keys: vault,
        clock,
        requests: shutdown.stage("http").map_err(|error| StartError::Wiring(error.into()))?,
        settings: settings(config),
    };
    Ok(Server {
        app: Arc::new(app),
        shutdown,
        relay: Some(relay),
        housekeeping: Some(housekeeping),
        feed,
        coherence,
        plugins,
        bus,
        database,
        tier,
    })
}

/// The clinics' keys, wrapped in the database by the master key.
fn keys(
    config: &Config,
    database: &Database,
    clock: &Arc<dyn Clock>,
) -> Result<(Arc<SqlScopeKeys>, Arc<Vault>), StartError> {
    let scopes = Arc::new(SqlScopeKeys::with_clock(database.clone(), Arc::clone(clock)));
    let vault = Vault::new(&*provider(&config.key)?, Arc::clone(&scopes) as _).map_err(StartError::Keys)?;
    Ok((scopes, Arc::new(vault)))
}

/// Where records live; charts have all that belongs to a patient.
fn records(database: &Database, boundary: &Boundary, vault: &Arc<Vault>) -> Arc<SqlStore> {
    let sql = SqlStore::new(database.clone(), boundary.storage.clone(), Arc::clone(vault));
    Arc::new(sql.charting_all().charting::<Appointment>())
}

/// Who may do what: by relations and emergency accesses that are known only after the boundary was built.
fn policy() -> Result<(PolicyAuthorizer, Arc<LateRelations>, Arc<LateEmergencies>), StartError> {
    let (relations, emergencies) = (Arc::new(LateRelations::default()), Arc::new(LateEmergencies::default()));
    let policy = Policy::clinic().map_err(StartError::Policy)?;
    let policy = PolicyAuthorizer::new(policy, Arc::clone(&relations) as _);
    Ok((policy.with_emergencies(Arc::clone(&emergencies) as _), relations, emergencies))
}

/// Books appointments in this store.
fn appointments(
    boundary: &Boundary,
    store: &Arc<impl ClinicStore>,
    plugins: &Arc<Plugins>,
    clock: &Arc<dyn Clock>,
) -> Appointments {
    let (gate, plugins) = (boundary.gate.clone(), Arc::clone(plugins));
    Appointments::new(gate, Arc::clone(store) as _, Arc::clone(store), plugins, Arc::clone(clock))
}

/// Who decides, and where decisions are recorded.
fn boundary(
    policy: &PolicyAuthorizer,
    audit: &AuditLog,
    clock: &Arc<dyn Clock>,
) -> Result<Boundary, StartError> {
    Boundary::builder(policy.clone(), audit.clone())
        .shared_clock(Arc::clone(clock))
        .build()
        .map_err(|error| StartError::Wiring(error.into()))
}

fn relay(
    outbox: &Arc<SqlOutbox>,
    bus: &InProcessBus,
    outcomes: PurgingSink<AuditLog>,
    (clock, wake): (&Arc<dyn Clock>, &Wake),
) -> Result<Relay, StartError> {
    Relay::builder(Arc::clone(outbox) as _, Arc::new(bus.clone()), Arc::new(outcomes))
        .clock(Arc::clone(clock))
        .wake(wake)
        .build()
        .map_err(|error| StartError::Wiring(error.into()))
}

/// What is counted for every process together where there is a Redis, and else in each.
fn limits(config: &Config, redis: Option<&SharedRedis>, vault: &Vault) -> Result<Limits, StartError> {
    let shared = redis.map(|redis| redis.counts(vault)).transpose()?;
    Limits::new(&config.limits, shared).map_err(StartError::Wiring)
}

fn settings(config: &Config) -> EdgeSettings {
    let trusted_proxies = match &config.transport {
        Transport::BehindProxy(networks) => networks.clone(),
        Transport::Loopback | Transport::Tls { .. } => Vec::new(),
    };
    EdgeSettings {
        https: config.is_https(),
        demo: config.environment == Environment::Demo,
        trusted_proxies,
        allowed_origins: config.allowed_origins.clone(),
    }
}

/// The application's database, and the relay's: on SQLite the same.
async fn connect(database: &DatabaseConfig) -> Result<(Database, Database), StartError> {
    match database {
        DatabaseConfig::Sqlite(path) => {
            own_file(path)?;
            let path = path.to_str().ok_or(StartError::DatabasePath)?;
            // A path is not a URL: these three would end it, or be decoded.
            let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
            let database =
                Database::connect(&format!("sqlite://{path}")).await.map_err(StartError::Database)?;
            Ok((database.clone(), database))
        }
        DatabaseConfig::Postgres { application, relay } => {
            let application = Database::connect(application.expose()).await.map_err(StartError::Database)?;
            let relay = Database::connect(relay.expose()).await.map_err(StartError::RelayDatabase)?;
            Ok((application, relay))
        }
    }
}

fn provider(key: &KeySource) -> Result<Box<dyn KeyProvider>, StartError> {
    Ok(match key {
        KeySource::File(path) => Box::new(KeyFile::at(path)),
        KeySource::Variable(_) => Box::new(KeyVariable::named("CLINIC_MASTER_KEY")),
        KeySource::Generated(path) => {
            let file = KeyFile::at(path);
            file.create_absent().map_err(StartError::Keys)?;
            Box::new(file)
        }
    })
}

fn open_audit(
    config: &Config,
    process: Process,
    vault: &Vault,
    clock: &Arc<dyn Clock>,
) -> Result<(AuditLog, PathBuf), StartError> {
    let dir = process.audit_dir(&config.data_dir);
    std::fs::create_dir_all(&dir).map_err(StartError::DataDir)?;
    let bodies = Arc::new(HouseBodies(vault.house_cipher()));
    let mut log = AuditLog::builder(&dir, bodies).clock(Arc::clone(clock));
    if let Some(second) = &config.audit_spill {
        prepare_directory(second).map_err(|error| StartError::AuditSpill(Box::new(error)))?;
        let second = process.spill_dir(second);
        std::fs::create_dir_all(&second).map_err(StartError::DataDir)?;
        log = log.spill(second);
    }
    Ok((log.open().map_err(StartError::Audit)?, dir))
}

/// The policy asks for relations, relations are read through the boundary's storage door, and the boundary is built with the policy: the
/// circle is closed here, once.
fn relations(late: &LateRelations, database: &Database, boundary: &Boundary, caches: &Caches) {
    let source = SqlRelations::new(database.clone(), boundary.storage.clone());
    late.set(match caches.kept() {
        Some(kept) => Arc::new(CachedRelations::new(source, kept.relations.clone())),
        None => Arc::new(source),
    });
}

fn shutdown(tier: &tier::Tier) -> Result<Shutdown, StartError> {
    let shutdown = Shutdown::builder()
        .stage("live", Duration::from_secs(3))
        .stage("http", Duration::from_secs(20))
        .stage("worker", jobs::STAGE)
        .stage("relay", Duration::from_secs(5))
        .stage("housekeeping", Duration::from_secs(2))
        .stage(cache::STAGE, cache::GOODBYE_MAX)
        .stage("ops", Duration::from_secs(1))
        .build()
        .map_err(|error| StartError::Wiring(error.into()))?;
    tier.keep(&shutdown)?;
    Ok(shutdown)
}
