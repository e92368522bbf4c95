//! Why a server does not start.

use healthcare_core::KeyError;
use healthcare_db::DbError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A server that does not start, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("the data directory cannot be made or written: choose another with --data-dir")]
    DataDir(#[source] std::io::Error),
    /// The data directory is open to others.
    #[error("others may enter the data directory: chmod 700 it")]
    OpenDataDir,
    /// The database's path is not text.
    #[error("the path of the database file is not Unicode: choose another with --database-url")]
    DatabasePath,
    /// The database's file cannot be made.
    #[error(
        "the database file cannot be made: see that its directory exists and can be written, or choose another with --database-url"
    )]
    DatabaseFile(#[source] std::io::Error),
    /// The database cannot be used.
    #[error("--database-url: {0}")]
    Database(#[source] DbError),
    /// The relay's login cannot be used.
    #[error("--relay-url: {0}")]
    RelayDatabase(#[source] DbError),
    /// The Redis's URL cannot be used.
    #[error("--redis-url: the driver does not take it: write redis://host:6379/0 or rediss://host:6379/0")]
    Redis,
    /// Others share a Redis.
    #[error(
        "--redis-url: other processes on this database share a Redis, and would not be told what this one changes: give it the same one, or end \
         the others. Those that were killed count as ended in {seconds} s"
    )]
    WithRedis {
        /// When to try again at the latest.
        seconds: i64,
    },
    /// Others have none.
    #[error(
        "--redis-url: other processes on this database have none, and would not tell this one what they change: give it to all of them, or to none. \
         Those that were killed count as ended in {seconds} s"
    )]
    WithoutRedis {
        /// When to try again at the latest.
        seconds: i64,
    },
    /// E-mail cannot be sent so.
    #[error("--smtp-url: {0}")]
    Email(#[source] healthcare_messaging::SmtpConfigError),
    /// Nobody can be asked about coverage so.
    #[error("--eligibility-url: {0}")]
    Eligibility(#[source] Cause),
    /// The keys cannot be used.
    #[error("the master key cannot be used: {0}")]
    Keys(#[source] KeyError),
    /// The second place of the audit log cannot be used.
    #[error("the directory of --audit-spill cannot be used: {0}")]
    AuditSpill(#[source] Box<Self>),
    /// The audit log cannot be used.
    #[error("the audit log cannot be opened: {0}")]
    Audit(#[source] healthcare_audit::OpenError),
    /// The policy does not load.
    #[error("the policy does not load: {0}")]
    Policy(#[source] healthcare_rbac::policy::PolicyError),
    /// A clinic's plugins are not configured well.
    #[error("a clinic's plugins: {0}")]
    Plugins(String),
    /// A part does not fit another.
    #[error("the server could not be put together: {0}")]
    Wiring(#[source] Cause),
    /// The demonstration's data could not be written.
    #[error("the demonstration could not be seeded: {0}")]
    Seed(#[source] Cause),
    /// Production would serve invented data.
    #[error("this database holds a demonstration: use another --database-url, or --environment demo")]
    DemoData,
    /// The address cannot be served on.
    #[error("cannot serve on this address: is another server running there? Choose another with --listen")]
    Listen(#[source] std::io::Error),
    /// The operators' address cannot be listened on.
    #[error(
        "operators cannot be served on this address: is something running there? Choose another with --ops-listen"
    )]
    OpsListen(#[source] std::io::Error),
    /// The TLS files cannot be used.
    #[error("the TLS certificate or key cannot be used: give PEM files with --tls-cert and --tls-key")]
    Tls(#[source] std::io::Error),
}
