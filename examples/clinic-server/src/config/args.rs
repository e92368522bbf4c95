//! The command line.

use clap::{ArgAction, Parser, Subcommand};
use std::path::PathBuf;

/// A clinic's backend: HTTP API, pages, audit.
///
/// Without a command it serves, and without a flag it serves a demonstration: SQLite, generated keys, invented patients, this
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
    /// Serve the API and the pages (the default).
    Serve,
    /// Prepare a PostgreSQL database: schema, row-level security, the application's and the relay's logins.
    Migrate(MigrateArgs),
    /// Read FHIR R4 bundles (.json, .json.gz) into a clinic. Works while the server runs.
    Import(ImportArgs),
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
    /// `demo` (the default): invented data, generated keys, this machine only. `production`: none of these. [env: CLINIC_ENVIRONMENT]
    #[arg(long, global = true, value_name = "demo|production")]
    pub environment: Option<String>,
    /// `sqlite:PATH` or `postgres://…`, the application's login. [env: CLINIC_DATABASE_URL, DATABASE_URL] [default: SQLite in the data directory]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The relay's login on PostgreSQL. [env: CLINIC_RELAY_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub relay_url: Option<String>,
    /// The address to serve on. [env: CLINIC_LISTEN] [default: 127.0.0.1:8088]
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub listen: Option<String>,
    /// Where the database, the audit log and the demonstration's key live. [env: CLINIC_DATA_DIR] [default: clinic-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The master key's file, readable by its owner alone. [env: CLINIC_KEY_FILE] [default: generated in a demonstration]
    #[arg(long, global = true, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The certificate chain, PEM. [env: CLINIC_TLS_CERT]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM. [env: CLINIC_TLS_KEY]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// A proxy that ends TLS before this server; its X-Forwarded-For is believed. May be repeated. [env: CLINIC_TRUSTED_PROXY, commas between]
    #[arg(long, global = true, value_name = "IP[/BITS]", action = ArgAction::Append)]
    pub trusted_proxy: Vec<String>,
}
