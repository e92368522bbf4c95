//! The contract suite of [`SharedTier`](crate::SharedTier). Run it against every implementation.
//!
//! Not covered by semver: a case may be added whenever the contract is found to leave something open.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shared;

pub use self::shared::{Loss, SharedRig, shared_contract, shared_limits};
