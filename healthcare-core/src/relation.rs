//! Relations: whether a party has to do with a person.

use crate::{Profile, RequestContext};
use async_trait::async_trait;
use std::{
    collections::HashSet,
    fmt,
    sync::{Mutex, PoisonError},
};
use uuid::Uuid;

/// Why a relation could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("the relation could not be looked up")]
pub struct RelationError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Knows who has to do with whom: in a clinic, which practitioner treats which patient.
///
/// # Contract
/// The answer is of the context's clinic alone. An error is not an answer: who asks must treat it as no.
#[async_trait]
pub trait RelationSource: fmt::Debug + Send + Sync {
    /// Whether `party` is related to `subject` in the context's clinic.
    ///
    /// # Errors
    /// [`RelationError`] when it could not be looked up.
    async fn related(
        &self,
        context: &RequestContext,
        party: &Profile,
        subject: Uuid,
    ) -> Result<bool, RelationError>;
}

/// Relations in memory: those that were added.
#[derive(Debug, Default)]
pub struct MemoryRelations(Mutex<HashSet<(Uuid, Profile, Uuid)>>);

impl MemoryRelations {
    /// Adds a relation in a clinic.
    pub fn add(&self, clinic: crate::ClinicId, party: Profile, subject: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert((clinic.as_uuid(), party, subject));
    }
    /// Ends a relation in a clinic.
    pub fn remove(&self, clinic: crate::ClinicId, party: Profile, subject: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(clinic.as_uuid(), party, subject));
    }
}

#[async_trait]
impl RelationSource for MemoryRelations {
    async fn related(
        &self,
        context: &RequestContext,
        party: &Profile,
        subject: Uuid,
    ) -> Result<bool, RelationError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.contains(&(context.clinic().as_uuid(), party.clone(), subject)))
    }
}
