//! Repositories: the seams of healthcare-core over a [`Database`](crate::Database).

mod appointments;
mod break_glass;
mod claims;
mod filter;
mod keys;
mod outbox;
mod page;
mod read;
#[cfg(all(test, feature = "sqlite", feature = "postgres"))]
pub(crate) mod registry;
mod relation;
mod rows;
mod select;
mod store;
mod tail;
mod tiers;
mod write;

pub use keys::SqlScopeKeys;
pub use outbox::SqlOutbox;
pub use relation::SqlRelations;
pub use store::{Remembered, SqlStore};
pub use tail::{OutboxTail, Tailed};
pub use tiers::{MemoryTier, OtherTiers, SqlMemoryTiers};
