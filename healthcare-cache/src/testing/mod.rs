//! The contract suite of [`CacheTier`]. Run it against every implementation.
//!
//! ```
//! use healthcare_cache::{MemoryTier, testing::{self, Rig}};
//! use healthcare_core::ManualClock;
//! use std::{sync::Arc, time::Duration};
//!
//! struct InMemory { clock: Arc<ManualClock>, tier: MemoryTier<testing::SampleKey, Vec<u8>> }
//! impl Rig for InMemory {
//!     type Tier = MemoryTier<testing::SampleKey, Vec<u8>>;
//!     fn tier(&self) -> &Self::Tier { &self.tier }
//!     async fn pass(&self, time: Duration) { self.clock.advance(time) }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! testing::tier_contract(async || {
//!     let clock = Arc::new(ManualClock::at(Default::default()));
//!     let tier = MemoryTier::builder().clock(clock.clone()).build().expect("valid");
//!     InMemory { clock, tier }
//! }).await;
//! # }
//! ```
//!
//! Not covered by semver: a case may be added whenever the contract is found to leave something open.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cases;
mod schedules;
mod shared;

pub use self::shared::{Loss, SharedRig, shared_contract, shared_limits};

use crate::{CacheKey, CacheTier};
use healthcare_core::ClinicId;
use std::{future::Future, time::Duration};
use uuid::Uuid;

/// A tier under test and its clock.
pub trait Rig {
    /// The tier.
    type Tier: CacheTier<SampleKey, Vec<u8>>;
    /// The tier, empty at first.
    fn tier(&self) -> &Self::Tier;
    /// Lets this much time pass for the tier: moves its clock.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;
}

/// A key of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// The clinic.
    pub clinic: ClinicId,
    /// The subject.
    pub subject: Option<Uuid>,
    /// Which of the subject's values.
    pub item: u32,
}

impl CacheKey for SampleKey {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        self.subject
    }
}

/// Runs every case, each on a rig of its own.
///
/// # Panics
/// When the tier breaks its contract.
pub async fn tier_contract<R: Rig>(make: impl AsyncFn() -> R) {
    cases::a_stored_value_is_found_under_its_key_alone(&make().await).await;
    cases::a_life_ends_exactly(&make().await).await;
    cases::a_life_of_zero_is_no_life(&make().await).await;
    cases::every_scope_forgets(&make().await).await;
    cases::a_load_that_began_before_a_purge_does_not_land(&make().await).await;
    cases::a_purge_leaves_most_others(&make().await).await;
    cases::nothing_is_kept_while_a_bar_is_held(&make().await).await;
    cases::a_bar_runs_out(&make().await).await;
    cases::bars_add_up(&make().await).await;
    cases::a_bar_that_ran_out_still_forgets_when_lifted(&make().await).await;
    cases::what_belongs_to_another_tier_changes_nothing(&make().await, &make().await).await;
    cases::dropped_futures_leave_it_usable(&make().await).await;
    schedules::no_schedule_lets_an_old_load_land(&make).await;
}
