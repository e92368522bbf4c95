//! The command line.

use super::settings;
use clap::{ArgAction, Parser, Subcommand};
use std::path::PathBuf;

/// A clinic's backend: HTTP API, pages, audit.
///
/// Without a command it does everything in one process, and without a flag it serves a demonstration: SQLite, generated keys, invented patients, this
/// machine only.
#[derive(Debug, Parser)]
#[command(name = "clinic-server", version, propagate_version = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where everything is.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in one process (the default).
    All,
    /// The API and the pages. What runs on its own is another process's: see `worker`.
    Serve,
    /// What runs on its own: the outbox's relay, plugins that are told of events, housekeeping. Answers health alone.
    Worker,
    /// What holds connections open. It answers health alone until there are any.
    Realtime,
    /// Print the settings that are in force and where each came from. Secrets are hidden.
    Config,
    /// Prepare a PostgreSQL database: schema, row-level security, the application's and the relay's logins.
    Migrate(MigrateArgs),
    /// Read FHIR R4 bundles (.json, .json.gz) into a clinic. Works while the server runs.
    Import(ImportArgs),
    /// Make a clinic and its first user.
    #[command(subcommand)]
    Clinic(ClinicCommand),
    /// Look at the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// What can be done with the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum AuditCommand {
    /// Check every entry's hash, order and seal, and say which entry is wrong.
    Verify,
}

/// What can be done with clinics.
#[derive(Debug, Subcommand)]
pub enum ClinicCommand {
    /// Make a clinic and its first administrator, whose password is read from standard input: its first line.
    Create(CreateArgs),
}

/// Settings of `clinic create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// The clinic's name.
    #[arg(long)]
    pub name: String,
    /// A short name: small letters, digits and hyphens.
    #[arg(long)]
    pub slug: String,
    /// The clinic's time zone.
    #[arg(long, value_name = "IANA")]
    pub zone: String,
    /// The address with which the first administrator signs in.
    #[arg(long, value_name = "ADDRESS")]
    pub admin_email: String,
    /// The plugins of its appointments and their settings: a JSON object. [default: eligibility, notification and reminder, as in a demonstration]
    #[arg(long, value_name = "JSON")]
    pub plugins: Option<String>,
}

/// Settings of `migrate`.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// The owner's URL of the PostgreSQL database. Only this command takes it. [env: CLINIC_OWNER_URL]
    #[arg(long, value_name = "URL")]
    pub owner_url: Option<String>,
}

/// Settings of `import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The clinic's id. In a demonstration the first clinic, unless another is named.
    #[arg(long, value_name = "ID")]
    pub clinic: Option<String>,
    /// Bundles, or folders of bundles.
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,
}

/// Settings of every command. All are texts here: they are checked together, so that one run names every mistake.
#[derive(Debug, Default, clap::Args)]
pub struct ServerArgs {
    /// `demo` (the default): invented data, generated keys, this machine only. `production`: none of these, and no dot-env file is read. [env: CLINIC_ENVIRONMENT]
    #[arg(long, global = true, value_name = "demo|production")]
    pub environment: Option<String>,
    /// `sqlite:PATH` or `postgres://…`, the application's login. [env: CLINIC_DATABASE_URL, DATABASE_URL] [default: SQLite in the data directory]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The relay's login on PostgreSQL. [env: CLINIC_RELAY_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub relay_url: Option<String>,
    /// A Redis that the processes share: `redis://…` on this machine, else `rediss://…`. [env: CLINIC_REDIS_URL, REDIS_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub redis_url: Option<String>,
    /// The mail server: `smtps://[user:password@]host`, or `smtp://…` for STARTTLS; on this machine plain text. [env: CLINIC_SMTP_URL] [default: none, the log tells of e-mails]
    #[arg(long, global = true, value_name = "URL")]
    pub smtp_url: Option<String>,
    /// Who writes e-mail: `Quay Practice <post@quay.example>`. [env: CLINIC_MAIL_FROM]
    #[arg(long, global = true, value_name = "MAILBOX")]
    pub mail_from: Option<String>,
    /// Where a payer is asked whether a visit is covered, for clinics that want it: `https://…`, on this machine `http://…`. A token is CLINIC_ELIGIBILITY_TOKEN. [env: CLINIC_ELIGIBILITY_URL] [default: nobody is asked]
    #[arg(long, global = true, value_name = "URL")]
    pub eligibility_url: Option<String>,
    /// The address to serve on. [env: CLINIC_LISTEN] [default: 127.0.0.1:8088]
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Where operators find /metrics, /health/detailed and /health/api; off this machine with CLINIC_OPS_TOKEN. [env: CLINIC_OPS_LISTEN] [default: nowhere]
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub ops_listen: Option<String>,
    /// Where the database, the audit log and the demonstration's key live. [env: CLINIC_DATA_DIR] [default: clinic-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// A directory on another disk, for the records of emergency access that the audit log cannot take. [env: CLINIC_AUDIT_SPILL] [default: none, such access is refused then]
    #[arg(long, global = true, value_name = "DIR")]
    pub audit_spill: Option<String>,
    /// The master key's file, readable by its owner alone. [env: CLINIC_KEY_FILE] [default: generated in a demonstration]
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<String>,
    /// The certificate chain, PEM. [env: CLINIC_TLS_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// The certificate's private key, PEM. [env: CLINIC_TLS_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// A proxy that ends TLS before this server; its X-Forwarded-For is believed. May be repeated. [env: CLINIC_TRUSTED_PROXY, commas between]
    #[arg(long, global = true, value_name = "IP[/BITS]", action = ArgAction::Append)]
    pub trusted_proxy: Vec<String>,
    /// An origin whose scripts may call the API from a browser. May be repeated. [env: CLINIC_ALLOWED_ORIGIN, commas between] [default: none]
    #[arg(long, global = true, value_name = "ORIGIN", action = ArgAction::Append)]
    pub allowed_origin: Vec<String>,
    /// Requests from one address. [env: CLINIC_RATE_ADDRESS] [default: 12000/m]
    #[arg(long, global = true, value_name = "N/s|m|h")]
    pub rate_address: Option<String>,
    /// Requests of one user. [env: CLINIC_RATE_USER] [default: 3000/m]
    #[arg(long, global = true, value_name = "N/s|m|h")]
    pub rate_user: Option<String>,
    /// Requests of one clinic. [env: CLINIC_RATE_CLINIC] [default: 30000/m]
    #[arg(long, global = true, value_name = "N/s|m|h")]
    pub rate_clinic: Option<String>,
    /// How many requests are worked on at once; emergencies have the last of them. [env: CLINIC_MAX_REQUESTS] [default: 512]
    #[arg(long, global = true, value_name = "N")]
    pub max_requests: Option<String>,
    /// What is logged: a level, or directives. [env: CLINIC_LOG] [default: info]
    #[arg(long, global = true, value_name = "DIRECTIVES")]
    pub log: Option<String>,
    /// How. [env: CLINIC_LOG_FORMAT] [default: text in a demonstration, json in production]
    #[arg(long, global = true, value_name = "text|json")]
    pub log_format: Option<String>,
    /// The owner's URL, which `migrate` alone takes.
    #[arg(skip)]
    pub owner_url: Option<String>,
}

impl ServerArgs {
    /// The flags that were given, by their names.
    pub(super) fn flags(&self) -> impl Iterator<Item = (&'static str, String)> {
        let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
        let given = [
            (settings::ENVIRONMENT, self.environment.clone()),
            (settings::DATABASE_URL, self.database_url.clone()),
            (settings::RELAY_URL, self.relay_url.clone()),
            (settings::OWNER_URL, self.owner_url.clone()),
            (settings::REDIS_URL, self.redis_url.clone()),
            (settings::SMTP_URL, self.smtp_url.clone()),
            (settings::MAIL_FROM, self.mail_from.clone()),
            (settings::ELIGIBILITY_URL, self.eligibility_url.clone()),
            (settings::LISTEN, self.listen.clone()),
            (settings::OPS_LISTEN, self.ops_listen.clone()),
            (settings::DATA_DIR, self.data_dir.clone()),
            (settings::AUDIT_SPILL, self.audit_spill.clone()),
            (settings::KEY_FILE, self.key_file.clone()),
            (settings::TLS_CERT, self.tls_cert.clone()),
            (settings::TLS_KEY, self.tls_key.clone()),
            (settings::TRUSTED_PROXY, joined(&self.trusted_proxy)),
            (settings::ALLOWED_ORIGIN, joined(&self.allowed_origin)),
            (settings::RATE_ADDRESS, self.rate_address.clone()),
            (settings::RATE_USER, self.rate_user.clone()),
            (settings::RATE_CLINIC, self.rate_clinic.clone()),
            (settings::MAX_REQUESTS, self.max_requests.clone()),
            (settings::LOG, self.log.clone()),
            (settings::LOG_FORMAT, self.log_format.clone()),
        ];
        given.into_iter().filter_map(|(setting, value)| Some((setting.name(), value?)))
    }
}
