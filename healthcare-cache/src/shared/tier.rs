use super::{
    error::SharedError,
    types::{Fetched, Filled, Forget, NewEntry, Seen, SharedBar, Verb, Verdict},
};
use crate::{Mark, ScopeMark};
use async_trait::async_trait;
use std::{fmt, time::Duration};

/// Keeps sealed values for several processes, and decides what is stale by numbers of its own.
///
/// # Contract
/// - The order in which the tier carries out calls is the only order there is: no node's clock takes part.
/// - A value is found only by the clinic and key it was filled for, with every byte as it was, until its life is over
///   or it is forgotten. A tier may shorten lives, and forget anything at any time.
/// - [`fill`](Self::fill) keeps a value only when nothing that it depends on was purged, expired or barred since the
///   [`fetch`](Self::fetch) that gave its fence, on whatever node: an old load cannot land after a purge.
/// - From the return of [`bar`](Self::bar) until [`lift`](Self::lift), or until it runs out, nothing with one of its
///   marks is found or kept, and what was kept before is never found again. Bars add up. A bar that runs out purges.
/// - A tier that lost a part of what it remembers finds nothing that was kept before. (Bars are only kept when not
///   everything of the clinic was lost at once.)
/// - After [`purge_all`](Self::purge_all) this node finds nothing older. Another node does once it has heard of the
///   generation, from [`generation`](Self::generation) or from any answer about a clinic where it is known already.
/// - Each method is one round trip, whatever it names. When its future is dropped or fails, what was asked has happened
///   entirely or not at all, and the tier stays usable.
#[async_trait]
pub trait SharedTier: fmt::Debug + Send + Sync {
    /// Looks up several values of a clinic. One answer for each key, in their order, at one moment.
    ///
    /// # Errors
    /// [`SharedError`]: load without it, and fill nothing.
    async fn fetch_many(&self, scope: ScopeMark, keys: &[Mark]) -> Result<Vec<Fetched>, SharedError>;

    /// Looks up one value.
    ///
    /// # Errors
    /// As for [`fetch_many`](Self::fetch_many).
    async fn fetch(&self, scope: ScopeMark, key: Mark) -> Result<Fetched, SharedError> {
        self.fetch_many(scope, &[key]).await?.pop().ok_or(SharedError::Garbled)
    }

    /// Keeps a value that was loaded after a miss, if its fence still holds.
    ///
    /// # Errors
    /// [`SharedError`]: it may be kept or not.
    async fn fill(&self, scope: ScopeMark, entry: NewEntry<'_>) -> Result<Filled, SharedError>;

    /// Whether a value with these marks (its key among them) that was filled with this fence is still valid.
    ///
    /// # Errors
    /// [`SharedError`]: nobody knows; what may not be stale is loaded anew.
    async fn check(&self, scope: ScopeMark, marks: &[Mark], seen: Seen) -> Result<Verdict, SharedError>;

    /// Forgets values of a clinic by what they depend on, or by their keys.
    ///
    /// # Errors
    /// [`SharedError`]: it may have happened or not. Ask again.
    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>) -> Result<Seen, SharedError>;

    /// Forgets all of a clinic.
    ///
    /// # Errors
    /// As for [`forget`](Self::forget).
    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb) -> Result<Seen, SharedError>;

    /// Forgets everything of every clinic, and gives the new generation.
    ///
    /// # Errors
    /// As for [`forget`](Self::forget).
    async fn purge_all(&self) -> Result<u64, SharedError>;

    /// Asks for the generation, and goes by it from then on.
    ///
    /// # Errors
    /// [`SharedError`]: ask again.
    async fn generation(&self) -> Result<u64, SharedError>;

    /// Bars some marks of a clinic for at most so long.
    ///
    /// # Errors
    /// [`SharedError`]: there may be a bar that nobody can lift; it runs out.
    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        longest: Duration,
    ) -> Result<SharedBar, SharedError>;

    /// Ends a bar, and purges its marks. Ending it again does no harm.
    ///
    /// # Errors
    /// [`SharedError`]: it may be there still. Ask again, or let it run out.
    async fn lift(&self, bar: &SharedBar) -> Result<Seen, SharedError>;
}
