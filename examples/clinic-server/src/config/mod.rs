//! Configuration: flags first, then `CLINIC_…` variables, then what a demonstration needs.
//!
//! [`Args`] is the command line as it was written. [`Config::resolve`] and its siblings turn it, with the environment, into checked
//! values, and report everything that is wrong at once.

mod args;
mod database;
mod environment;
mod error;
mod network;
mod resolve;
mod variables;

pub use args::{Args, AuditCommand, Command, ImportArgs, MigrateArgs, ServerArgs};
pub use database::{DatabaseConfig, DatabaseUrl};
pub use environment::Environment;
pub use error::{ConfigErrors, ConfigProblem};
pub use network::Network;
pub use resolve::{Config, KeySource, Transport};
pub use variables::Variables;
