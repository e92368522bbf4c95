use crate::{Mark, ScopeMark};
use std::{fmt, time::Duration};

/// Up to where a clinic had forgotten when someone looked. Given out by the shared tier, and handed back to it as the
/// fence of what is loaded then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    /// Drawn at random when the clinic's marks were first made, or were lost. Nothing of one epoch is valid in another.
    pub epoch: u64,
    /// The clinic's last number: each purge takes the next.
    pub number: u64,
    /// How often everything was forgotten, over all clinics, as far as this clinic has heard.
    pub generation: u64,
}

/// What is looked for in the shared tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought<'a> {
    /// The value's key.
    pub key: Mark,
    /// What the value probably depends on besides, such as its subject: a tier may then need one round trip where it would
    /// need two. What is found is the same whatever is said here.
    pub likely: &'a [Mark],
}

impl From<Mark> for Sought<'_> {
    fn from(key: Mark) -> Self {
        Self { key, likely: &[] }
    }
}

/// What a look-up in the shared tier found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// A valid value.
    Hit(SharedEntry),
    /// Nothing valid. What is loaded now is filled with this fence.
    Miss(Seen),
}

/// Who holds a lease: drawn for each load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub [u8; 16]);

impl LeaseToken {
    /// One that nobody else holds.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::u128(..).to_be_bytes())
    }
}

/// The turn to load a value, so that of several nodes one does. It saves work and keeps nothing right or wrong: what is
/// kept is for the fence to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// By which it is given back. Who asks again with the same one keeps it.
    pub token: LeaseToken,
    /// When it ends by itself, for whoever holds it may be gone: at least a millisecond and at most
    /// [`SharedLimits::LEASE_MAX`](super::SharedLimits::LEASE_MAX), else it is cut to that.
    pub longest: Duration,
    /// A valid value with less left than this is to be loaded anew: it is found, and the turn is given as well. Zero for
    /// none.
    pub renew: Duration,
}

/// What a look-up with a lease found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leased {
    /// A valid value.
    Hit {
        /// It.
        entry: SharedEntry,
        /// It is over, or has less left than [`Lease::renew`], and it is the asker's turn to load the next. When it is
        /// not, nobody has to, or somebody does already.
        is_leased: bool,
    },
    /// Nothing valid, and it is the asker's turn. What is loaded now is filled with this fence. Also when there is nothing
    /// to wait for, because what is loaded now could not be kept.
    Yours(Seen),
    /// Nothing valid, and another's turn: ask again in a while. Who does not wait fills with this fence.
    Theirs(Seen),
}

/// A value of the shared tier.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedEntry {
    /// The bytes, as they were filled.
    pub bytes: Vec<u8>,
    /// The fence that it was filled with: [`check`](super::SharedTier::check) asks about it again later.
    pub seen: Seen,
    /// What it depends on, its own key left out.
    pub marks: Vec<Mark>,
    /// How long the shared tier still keeps it. A copy must not outlive that.
    pub left: Duration,
    /// It was expired, not purged: it may be served only while a new one is loaded or cannot be.
    pub is_over: bool,
    /// What the clinic's last number is now: the fence of a load that is to replace it.
    pub now: Seen,
}

impl fmt::Debug for SharedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bytes that somebody forgot to seal must not end up in a log.
        f.debug_struct("SharedEntry")
            .field("bytes", &self.bytes.len())
            .field("seen", &self.seen)
            .field("marks", &self.marks)
            .field("left", &self.left)
            .field("is_over", &self.is_over)
            .field("now", &self.now)
            .finish()
    }
}

/// A value to be kept.
#[derive(Clone, Copy)]
pub struct NewEntry<'a> {
    /// What it is looked up by.
    pub key: Mark,
    /// The fence of the miss before the load.
    pub seen: Seen,
    /// What else it depends on: subjects and tags, at most [`SharedLimits::MARKS_PER_ENTRY`](super::SharedLimits::MARKS_PER_ENTRY).
    pub marks: &'a [Mark],
    /// The bytes, sealed already: the shared tier keeps them as they are.
    pub bytes: &'a [u8],
    /// How long it may be kept. The tier may shorten it.
    pub life: Duration,
    /// The lease it was loaded under, which ends with this, whatever becomes of the value.
    pub lease: Option<LeaseToken>,
}

impl fmt::Debug for NewEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEntry")
            .field("key", &self.key)
            .field("seen", &self.seen)
            .field("marks", &self.marks)
            .field("bytes", &self.bytes.len())
            .field("life", &self.life)
            .field("lease", &self.lease)
            .finish()
    }
}

/// What became of a value that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filled {
    /// It is kept.
    Stored,
    /// Something it depends on was purged or expired since the fence was taken, or the fence is of another epoch.
    Stale,
    /// Something it depends on is barred.
    Barred,
    /// It is larger than the tier lets one value be.
    TooLarge,
    /// Its life is less than a millisecond.
    NoLife,
}

/// How thoroughly something is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Never again, from any tier or path.
    Purge,
    /// Its time is over: only to be served while a new value is loaded or cannot be.
    Expire,
}

/// What is to be forgotten in one clinic.
#[derive(Debug, Clone, Copy)]
pub struct Forget<'a> {
    /// Subjects and tags: every value that depends on one of them.
    pub marks: &'a [Mark],
    /// Single values.
    pub keys: &'a [Mark],
    /// How thoroughly.
    pub verb: Verb,
}

/// Whether a value that someone holds is still valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Current,
    /// It was expired.
    Over,
    /// Something it depends on was purged.
    Stale,
    /// Something it depends on is barred.
    Barred,
}

/// Keeps the shared tier from serving or keeping anything about some marks until it is lifted or runs out.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a bar that is not lifted stays until it runs out"]
pub struct SharedBar {
    pub(crate) scope: ScopeMark,
    pub(crate) marks: Vec<Mark>,
    pub(crate) token: [u8; 16],
}

impl SharedBar {
    /// A bar that the tier knows by its token. For implementers.
    pub const fn new(scope: ScopeMark, marks: Vec<Mark>, token: [u8; 16]) -> Self {
        Self { scope, marks, token }
    }

    /// In which clinic.
    #[must_use]
    pub const fn scope(&self) -> ScopeMark {
        self.scope
    }

    /// What it bars.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// What the tier knows it by.
    #[must_use]
    pub const fn token(&self) -> &[u8; 16] {
        &self.token
    }
}
