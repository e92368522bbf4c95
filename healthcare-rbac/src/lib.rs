#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod bounded;
mod memory;
mod secret;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;

#[cfg(feature = "clinic")]
pub mod break_glass;
#[cfg(feature = "axum")]
pub mod edge;
pub mod login;
pub mod password;
pub mod policy;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
pub mod token;
pub mod user;

pub use memory::MemoryAccounts;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::SqlAccounts;
