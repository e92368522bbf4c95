//! What a process remembers of the database: which rows, for how long, and where.
//!
//! | what | life | level | why |
//! | --- | --- | --- | --- |
//! | patients | 30 minutes | sensitive | read again and again during a visit |
//! | practitioners with their hours | one hour | sensitive | each booking reads one |
//! | locations, clinics | one hour | standard | nothing about a person |
//! | who treats whom | 5 minutes | restricted | it decides who sees a chart: each look asks the Redis, and where that cannot say, the database |
//!
//! Lists, charts, free times and what is about to be changed are read anew each time.

mod admin;
mod watch;

pub(crate) use admin::router;
pub(crate) use watch::describe;

use healthcare_cache::{
    Cache, CacheLevel, CacheNode, CachePolicy, CacheStatistics, Related, RelationKey, RowKey, TtlClass,
};
use healthcare_core::{Clinic, Location, Patient, Practitioner, Record, Sealed, StorageDoor};
use healthcare_resilience::BoxError;
use std::{fmt, sync::Arc};

/// How much memory each cache may take, and how much of it one clinic.
const PATIENT_BYTES: u64 = 32 << 20;
const OTHER_BYTES: u64 = 8 << 20;
const CLINIC_SHARE: f64 = 0.5;

/// The caches of a process. Cheap to clone; clones share what they hold.
#[derive(Clone)]
pub struct Caches {
    node: CacheNode,
    kept: Option<Arc<Kept>>,
}

/// One cache for each kind that is remembered.
pub(crate) struct Kept {
    pub(crate) patients: Cache<RowKey<Patient>, Sealed<Patient>>,
    pub(crate) practitioners: Cache<RowKey<Practitioner>, Sealed<Practitioner>>,
    pub(crate) locations: Cache<RowKey<Location>, Sealed<Location>>,
    pub(crate) clinics: Cache<RowKey<Clinic>, Sealed<Clinic>>,
    pub(crate) relations: Cache<RelationKey, Related>,
}

impl Caches {
    /// Caches of a node, for rows that this door seals.
    ///
    /// # Errors
    /// When a number above makes no sense.
    pub(crate) fn keeping(node: CacheNode, door: &StorageDoor) -> Result<Self, BoxError> {
        let relations = CachePolicy::of(TtlClass::Appointment).level(CacheLevel::Restricted).build()?;
        let relations = RelationKey::cache(relations).node(&node).capacity(OTHER_BYTES);
        let clinic = |level| CachePolicy::of(TtlClass::Clinic).level(level).build();
        let patient = CachePolicy::of(TtlClass::Patient).level(CacheLevel::Sensitive).build()?;
        let kept = Kept {
            patients: rows(&node, door, patient, PATIENT_BYTES)?,
            practitioners: rows(&node, door, clinic(CacheLevel::Sensitive)?, OTHER_BYTES)?,
            locations: rows(&node, door, clinic(CacheLevel::Standard)?, OTHER_BYTES)?,
            clinics: rows(&node, door, clinic(CacheLevel::Standard)?, OTHER_BYTES)?,
            relations: relations.clinic_share(CLINIC_SHARE).build()?,
        };
        Ok(Self { node, kept: Some(Arc::new(kept)) })
    }

    /// Nothing is remembered. Where others may write, this one could not be told of it.
    pub(crate) const fn none(node: CacheNode) -> Self {
        Self { node, kept: None }
    }

    /// What purges and bars, and hears the others.
    #[must_use]
    pub const fn node(&self) -> &CacheNode {
        &self.node
    }

    /// What is remembered, if anything is.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        self.kept.as_deref()
    }

    /// What each cache counted; nothing where nothing is remembered.
    #[must_use]
    pub fn statistics(&self) -> Vec<CacheStatistics> {
        self.kept().map(Kept::statistics).into_iter().flatten().collect()
    }
}

impl Kept {
    fn statistics(&self) -> [CacheStatistics; 5] {
        [
            self.patients.statistics(),
            self.practitioners.statistics(),
            self.locations.statistics(),
            self.clinics.statistics(),
            self.relations.statistics(),
        ]
    }
}

fn rows<T: Record>(
    node: &CacheNode,
    door: &StorageDoor,
    policy: CachePolicy,
    bytes: u64,
) -> Result<Cache<RowKey<T>, Sealed<T>>, BoxError> {
    let cache = RowKey::cache(policy).node(node).shared_rows(door);
    Ok(cache.capacity(bytes).clinic_share(CLINIC_SHARE).build()?)
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches").field("is_kept", &self.kept.is_some()).finish_non_exhaustive()
    }
}
