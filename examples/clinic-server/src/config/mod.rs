//! Configuration: flags over the process's variables over `.env.local`, `.env.{environment}` and `.env`, then what a demonstration needs.
//!
//! [`Args`] is the command line as it was written. [`Config::resolve`] and its siblings turn it, with the environment, into checked
//! values, and report everything that is wrong at once. Production reads no dot-env file.

mod args;
mod database;
mod edge;
mod eligibility;
mod email;
mod environment;
mod log;
mod network;
mod redis;
mod resolve;
mod settings;
mod transport;
mod variables;

pub use args::{Args, AuditCommand, ClinicCommand, Command, CreateArgs, ImportArgs, MigrateArgs, ServerArgs};
pub use database::{DatabaseConfig, DatabaseUrl};
pub use edge::{
    EdgeLimits, InvalidOrigin, InvalidRate, InvalidRequests, OpsConfig, Rate, RatePeriod, Requests, WebOrigin,
};
pub use eligibility::{EligibilityConfig, EligibilityUrl, InvalidEligibilityUrl};
pub use email::EmailConfig;
pub use environment::Environment;
pub use log::{LogConfig, LogFormat, UnknownFormat};
pub use network::Network;
pub use redis::{InvalidRedisUrl, RedisUrl};
pub(crate) use resolve::Shown;
pub use resolve::{Config, KeySource, MigrateUrls};
pub use transport::Transport;
pub use variables::Variables;
