use crate::{Cache, CacheBuilder, CacheKey, CachePolicy, CachedAs, KeyWriter};
use healthcare_core::{ClinicId, Profile};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;

/// Who may be related to whom, where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RelationKey {
    clinic: ClinicId,
    party: Profile,
    subject: Uuid,
}

/// The answer that is remembered: they are. There is no value for *no*, so it cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Related;

impl RelationKey {
    /// `party` and `subject` in `clinic`.
    #[must_use]
    pub const fn new(clinic: ClinicId, party: Profile, subject: Uuid) -> Self {
        Self { clinic, party, subject }
    }

    /// Describes a cache of such answers, for [`CachedRelations`](super::CachedRelations).
    pub fn cache(policy: CachePolicy) -> CacheBuilder<Self, Related> {
        Cache::builder(policy).weigher(Self::weight)
    }

    /// Bytes, with what the party's kind holds on the heap.
    fn weight(&self, _: &Related) -> usize {
        let heap = match &self.party.kind {
            Cow::Borrowed(_) => 0,
            Cow::Owned(kind) => kind.capacity(),
        };
        size_of::<Self>() + heap
    }
}

impl CacheKey for RelationKey {
    fn clinic(&self) -> ClinicId {
        self.clinic
    }
    fn subject(&self) -> Option<Uuid> {
        Some(self.subject)
    }
}

impl CachedAs for RelationKey {
    const KIND: &'static str = "relation";
    fn write(&self, out: &mut KeyWriter) {
        out.text(&self.party.kind).id(self.party.id).id(self.subject);
    }
}
