//! The seam: what keeps values for a while, and how it is made to forget them.

mod cached;
mod error;
mod fence;
mod key;

pub use self::{
    cached::CachedAs,
    error::TierError,
    fence::{Bar, Fence},
    key::CacheKey,
};

use async_trait::async_trait;
use healthcare_core::ClinicId;
use std::{fmt, time::Duration};
use uuid::Uuid;

/// What a look-up found.
#[derive(Debug)]
pub enum Lookup<K, V> {
    /// The value.
    Hit(V),
    /// Nothing; what is loaded now is stored with this fence.
    Miss(Fence<K>),
}

/// What became of a value that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Put {
    /// It is kept.
    Stored,
    /// It was loaded before a purge, during a bar, or with the fence of another tier: it is not kept.
    Stale,
    /// It is larger than the tier lets one value be: it is not kept.
    TooLarge,
}

/// What to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PurgeScope {
    /// Everything about one person (or other subject) of a clinic.
    Subject(ClinicId, Uuid),
    /// Everything of one clinic.
    Clinic(ClinicId),
    /// Everything.
    All,
}

/// Forgets. Apart from [`CacheTier`] because who writes need not know what is kept.
///
/// # Contract
/// - When [`purge`](Self::purge) has returned, no look-up of this process gives a value whose load began before.
///   More than what was named may be forgotten, never less.
/// - From the return of [`bar`](Self::bar) until [`lift`](Self::lift), or until `longest` has passed, nothing about
///   the subject is kept, and what was kept before is forgotten. Bars on one subject add up.
/// - Whoever writes bars before the commit begins and lifts once its outcome is known. When the outcome stays unknown
///   or the writer is dropped, the bar is left to run out: so `longest` must be longer than a commit can take.
#[async_trait]
pub trait Purge: fmt::Debug + Send + Sync {
    /// Forgets.
    ///
    /// # Errors
    /// [`TierError`] when it could not be made certain.
    async fn purge(&self, scope: PurgeScope) -> Result<(), TierError>;

    /// Forgets what is known of a subject and keeps nothing about it until the bar is lifted or `longest` has passed.
    ///
    /// # Errors
    /// [`TierError`] when it could not be made certain.
    async fn bar(&self, clinic: ClinicId, subject: Uuid, longest: Duration) -> Result<Bar, TierError>;

    /// Ends a bar, and forgets once more in case it had run out. Lifting a bar of another tier does nothing.
    ///
    /// # Errors
    /// [`TierError`] when it could not be made certain; the bar then runs out by itself.
    async fn lift(&self, bar: Bar) -> Result<(), TierError>;
}

/// Keeps values for a while.
///
/// # Contract
/// - A value is found only under the very key, and so only in the clinic, that it was stored for.
/// - A value is not found once its `life` is over, counted from when it was stored. A tier may shorten it.
/// - A value is stored under the [`Fence`] of a miss. If anything it covers was purged or barred since that miss, the
///   value is never found: an old load cannot land after a purge.
/// - A tier may forget anything at any time. It never blocks, and holds at most what it was given room for.
/// - Dropping a future of a tier leaves it usable.
#[async_trait]
pub trait CacheTier<K: CacheKey, V: Send + 'static>: Purge {
    /// Looks up a value.
    ///
    /// # Errors
    /// [`TierError`] when the tier cannot be reached: load, and do not store.
    async fn get(&self, key: &K) -> Result<Lookup<K, V>, TierError>;

    /// Stores what was loaded after the miss that gave `fence`.
    ///
    /// # Errors
    /// [`TierError`] when the tier cannot be reached.
    async fn put(&self, fence: Fence<K>, value: V, life: Duration) -> Result<Put, TierError>;

    /// Forgets one value.
    ///
    /// # Errors
    /// [`TierError`] when it could not be made certain.
    async fn purge_key(&self, key: &K) -> Result<(), TierError>;
}
