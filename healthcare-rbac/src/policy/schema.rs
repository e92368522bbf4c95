//! What a policy may name: the kinds of records there are, their fields and their id columns.

use healthcare_core::{Record, ValueKind};

/// The kinds of records that a policy knows by text. A policy that names anything else does not load.
///
/// ```
/// # #[cfg(feature = "clinic")] {
/// let schema = healthcare_rbac::policy::Schema::clinic();
/// assert!(schema.kinds().any(|kind| kind == "appointment"));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub(super) kinds: Vec<Kind>,
}

#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) fields: &'static [&'static str],
    pub(super) facts: Vec<&'static str>,
    /// Its rows are part of a person's chart.
    pub(super) charted: bool,
}

/// A schema that cannot serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a schema holds each kind once, and at most 256")]
pub struct InvalidSchema;

impl Schema {
    /// No kind yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With the kind of `T`.
    #[must_use]
    pub fn record<T: Record>(self) -> Self {
        self.add::<T>(false)
    }

    /// With the kind of `T`, whose rows are part of a person's chart.
    #[must_use]
    pub fn charted<T: Record>(self) -> Self {
        self.add::<T>(true)
    }

    /// With a kind that is no record of the kernel and has no protected fields: users, the audit log.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.kinds.push(Kind { name, fields: &[], facts: vec!["id"], charted: false });
        self
    }

    /// The kinds' names.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.iter().map(|kind| kind.name)
    }

    fn add<T: Record>(mut self, charted: bool) -> Self {
        let ids = T::COLUMNS.iter().filter(|column| column.kind == ValueKind::Uuid).map(|column| column.name);
        let facts = ["id", "subject_id"].into_iter().chain(ids).collect();
        self.kinds.push(Kind { name: T::KIND, fields: T::FIELDS, facts, charted });
        self
    }

    pub(super) fn check(&self) -> Result<(), InvalidSchema> {
        let doubled = self
            .kinds
            .iter()
            .enumerate()
            .any(|(at, kind)| self.kinds.iter().take(at).any(|other| other.name == kind.name));
        if doubled || self.kinds.len() > 256 { Err(InvalidSchema) } else { Ok(()) }
    }

    pub(super) fn at(&self, name: &str) -> Option<usize> {
        self.kinds.iter().position(|kind| kind.name == name)
    }
}

#[cfg(feature = "clinic")]
impl Schema {
    /// The records of a clinic, and the three kinds that are none: `user`, `audit` and `job`.
    #[must_use]
    pub fn clinic() -> Self {
        use healthcare_core::{
            AllergyIntolerance, Appointment, BreakGlass, Clinic, Condition, Encounter, Immunization,
            Location, MedicationRequest, Observation, Patient, Practitioner, Procedure, Service,
        };
        Self::new()
            .record::<Clinic>()
            .record::<Location>()
            .record::<Service>()
            .record::<Practitioner>()
            .record::<Patient>()
            .charted::<Appointment>()
            .charted::<Encounter>()
            .charted::<Condition>()
            .charted::<Observation>()
            .charted::<MedicationRequest>()
            .charted::<AllergyIntolerance>()
            .charted::<Procedure>()
            .charted::<Immunization>()
            .record::<BreakGlass>()
            .named("user")
            .named("audit")
            .named("job")
    }
}
