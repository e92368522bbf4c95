//! The schema: its tables, its migrations, and the isolation that is generated from it.

mod isolation;
mod migrate;
mod tables;

pub use tables::{CLINIC_TABLES, ClinicTable};

#[cfg(feature = "sqlite")]
pub(crate) use isolation::isolate;
#[cfg(feature = "postgres")]
pub(crate) use isolation::{Policy, QUEUES, policies, printed};
#[cfg(feature = "postgres")]
pub(crate) use migrate::expected_version;
#[cfg(feature = "sqlite")]
pub(crate) use migrate::migrate_sqlite;
#[cfg(feature = "postgres")]
pub use migrate::{Login, Logins, migrate};
