//! Claims: a resource, for a time, for one holder alone.

use jiff::Timestamp;
use std::borrow::Cow;
use uuid::Uuid;

/// Something only one holder can have at a time: a practitioner, a patient, a room, a machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource {
    /// What kind of resource.
    pub kind: Cow<'static, str>,
    /// Which.
    pub id: Uuid,
}

/// A half-open stretch of time, `[starts, ends)`: what ends at ten leaves ten free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    starts: Timestamp,
    ends: Timestamp,
}

/// An interval must end after it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time must end after it starts")]
pub struct EmptyInterval;

impl Interval {
    /// From `starts` up to, and without, `ends`, both to the microsecond.
    ///
    /// # Errors
    /// [`EmptyInterval`] when it would hold no instant.
    pub fn new(starts: Timestamp, ends: Timestamp) -> Result<Self, EmptyInterval> {
        let (starts, ends) = (micros(starts), micros(ends));
        if starts < ends { Ok(Self { starts, ends }) } else { Err(EmptyInterval) }
    }

    /// The first instant.
    #[must_use]
    pub const fn starts(&self) -> Timestamp {
        self.starts
    }
    /// The first instant after.
    #[must_use]
    pub const fn ends(&self) -> Timestamp {
        self.ends
    }
    /// Whether the two share an instant.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.starts < other.ends && other.starts < self.ends
    }
}

// Databases keep microseconds; what is compared before and after storing must be the same.
pub(crate) fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// One resource for one interval.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// What is claimed.
    pub resource: Resource,
    /// For when.
    pub interval: Interval,
}

/// What a change does to the claims of its root record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Whether the record's present claims are given up first.
    pub release: bool,
    /// The claims to place, all or none. One that overlaps another's is refused.
    pub place: Vec<Claim>,
}
