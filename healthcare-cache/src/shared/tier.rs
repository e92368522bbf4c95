use super::{
    error::SharedError,
    types::{
        Fetched, Filled, Forget, Lease, LeaseToken, Leased, NewEntry, Seen, SharedBar, Sought, Verb, Verdict,
    },
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
/// - Each method is one round trip, whatever it names; a look-up that does not find all at once may take two more. When its future is dropped or fails, what was asked has happened
///   entirely or not at all, and the tier stays usable.
/// - A lease is held by one token at a time, until it is given back, ends, or what it would load was purged or expired
///   meanwhile by key or clinic. Nobody needs one to fill.
/// - A notice is told to all who listen once what it goes with has happened; nothing is told when it is empty. It may be
///   lost, and notices may arrive in another order than they were sent in.
#[async_trait]
pub trait SharedTier: fmt::Debug + Send + Sync {
    /// Looks up several values of a clinic. One answer for each key, in their order; each was true at a moment between the
    /// call and its return.
    ///
    /// # Errors
    /// [`SharedError`]: load without it, and fill nothing.
    async fn fetch_many(&self, scope: ScopeMark, sought: &[Sought<'_>]) -> Result<Vec<Fetched>, SharedError>;

    /// Looks up one value.
    ///
    /// # Errors
    /// As for [`fetch_many`](Self::fetch_many).
    async fn fetch(&self, scope: ScopeMark, key: Mark) -> Result<Fetched, SharedError> {
        self.fetch_many(scope, &[key.into()]).await?.pop().ok_or(SharedError::Garbled)
    }

    /// Looks up one value, and asks for the turn to load it when there is none.
    ///
    /// # Errors
    /// As for [`fetch_many`](Self::fetch_many). There may be a lease: asking again with its token gives it, too.
    async fn fetch_or_lease(
        &self,
        scope: ScopeMark,
        sought: Sought<'_>,
        lease: Lease,
    ) -> Result<Leased, SharedError>;

    /// Gives a lease back without a value, if this token holds it.
    ///
    /// # Errors
    /// [`SharedError`]: it may be held until it ends by itself.
    async fn release(&self, scope: ScopeMark, key: Mark, token: LeaseToken) -> Result<(), SharedError>;

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

    /// Forgets values of a clinic by what they depend on, or by their keys, and tells `notice`.
    ///
    /// # Errors
    /// [`SharedError`]: it may have happened or not, and the notice may have gone out. Ask again.
    async fn forget(&self, scope: ScopeMark, forget: Forget<'_>, notice: &[u8]) -> Result<Seen, SharedError>;

    /// Forgets all of a clinic, and tells `notice`.
    ///
    /// # Errors
    /// As for [`forget`](Self::forget).
    async fn forget_clinic(&self, scope: ScopeMark, verb: Verb, notice: &[u8]) -> Result<Seen, SharedError>;

    /// Forgets everything of every clinic, and gives the new generation. What is told is `notice` and then the generation
    /// in eight bytes, the highest first.
    ///
    /// # Errors
    /// As for [`forget`](Self::forget).
    async fn purge_all(&self, notice: &[u8]) -> Result<u64, SharedError>;

    /// Asks for the generation, and goes by it from then on.
    ///
    /// # Errors
    /// [`SharedError`]: ask again.
    async fn generation(&self) -> Result<u64, SharedError>;

    /// Goes by a generation that another node gave out, from now on. A lower one than is known changes nothing, nor does
    /// one above 2^53.
    fn hear(&self, generation: u64);

    /// Bars some marks of a clinic for at most so long, and tells `notice`.
    ///
    /// # Errors
    /// [`SharedError`]: there may be a bar that nobody can lift; it runs out.
    async fn bar(
        &self,
        scope: ScopeMark,
        marks: &[Mark],
        longest: Duration,
        notice: &[u8],
    ) -> Result<SharedBar, SharedError>;

    /// Ends a bar, purges its marks, and tells `notice`. Ending it again does no harm.
    ///
    /// # Errors
    /// [`SharedError`]: it may be there still. Ask again, or let it run out.
    async fn lift(&self, bar: &SharedBar, notice: &[u8]) -> Result<Seen, SharedError>;

    /// Tells a notice.
    ///
    /// # Errors
    /// [`SharedError`]: it may have gone out or not.
    async fn say(&self, notice: &[u8]) -> Result<(), SharedError>;

    /// Begins to listen: what is told after this returned is heard, what this node tells, too.
    ///
    /// # Errors
    /// [`SharedError::Deaf`] when this tier has nothing to listen to; else ask again.
    async fn listen(&self) -> Result<Box<dyn Listener>, SharedError>;
}

/// Hears what is told, from [`SharedTier::listen`] on until the link is lost or it is dropped.
#[async_trait]
pub trait Listener: fmt::Debug + Send {
    /// Waits for the next notice. When its future is dropped, nothing is lost. A link that is dead without being closed
    /// looks as when nobody says anything: who must know says something himself now and then.
    ///
    /// # Errors
    /// [`SharedError`]: the link was lost, and what was told since with it. Listen again.
    async fn next(&mut self) -> Result<Vec<u8>, SharedError>;
}
