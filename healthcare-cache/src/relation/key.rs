use crate::CacheKey;
use healthcare_core::{ClinicId, Profile};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Related;

impl RelationKey {
    /// `party` and `subject` in `clinic`.
    #[must_use]
    pub const fn new(clinic: ClinicId, party: Profile, subject: Uuid) -> Self {
        Self { clinic, party, subject }
    }

    /// Bytes, with what the party's kind holds on the heap.
    pub(super) fn weight(&self, _: &Related) -> usize {
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
