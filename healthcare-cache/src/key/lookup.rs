use healthcare_core::ClinicId;
use std::{fmt, hash::Hash};
use uuid::Uuid;

/// What a value is kept under. One type for each kind of value, so that two kinds never meet.
///
/// Its fields are ids and codes, never a name, a number on a card or anything else about a person: keys are logged.
pub trait CacheKey: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static {
    /// In which clinic. A part of the key's equality.
    fn clinic(&self) -> ClinicId;

    /// Whose change makes the value worthless; `None` when it is about nobody.
    fn subject(&self) -> Option<Uuid>;
}
