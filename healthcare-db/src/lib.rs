#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
compile_error!("healthcare-db needs at least one engine: switch on the feature `sqlite` or `postgres`");

#[cfg(all(test, feature = "sqlite", feature = "postgres"))]
extern crate self as healthcare_db;

mod database;
mod error;
mod house;
mod repository;
mod schema;
mod statement;
#[cfg(all(test, feature = "sqlite", feature = "postgres"))]
mod tests;
mod transaction;

pub use database::{Database, DatabaseOptions};
pub use error::DbError;
pub use house::{HOUSE_TABLES, HouseTable};
pub use repository::{
    MemoryTier, OtherTiers, OutboxTail, Remembered, SqlMemoryTiers, SqlOutbox, SqlRelations, SqlScopeKeys,
    SqlStore, Tailed,
};
pub use schema::{CLINIC_TABLES, ClinicTable};
#[cfg(feature = "postgres")]
pub use schema::{Login, Logins, migrate};
pub use statement::{Clinic, ClinicText, Dialect, House, Statement};
pub use transaction::{HouseTransaction, Row, Transaction};
