//! Whether somebody else pays for a visit, and who is asked.

use crate::{ClinicId, Id, Patient, code_enum};
use async_trait::async_trait;
use jiff::civil::Date;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

/// What a payer is asked: ids and a day, and no name, no reason and no service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoverageInquiry {
    /// The clinic that asks.
    pub clinic: ClinicId,
    /// About whom, by the clinic's own id.
    pub patient: Id<Patient>,
    /// For which day.
    pub day: Date,
    /// The payer's name for itself, as the clinic's settings have it.
    pub insurer: String,
}

impl CoverageInquiry {
    /// An inquiry.
    pub fn new(clinic: ClinicId, patient: Id<Patient>, day: Date, insurer: impl Into<String>) -> Self {
        Self { clinic, patient, day, insurer: insurer.into() }
    }
}

code_enum! {
    /// What the payer says.
    pub enum CoverageAnswer {
        /// Coverage is in force on that day.
        InForce = "in-force",
        /// It is not.
        NotInForce = "not-in-force",
    }
}

/// The payer said nothing that answers the question. Its text is a class, such as `payer.slow`, and holds nothing of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the payer gave no answer ({0})")]
pub struct Unanswered(pub &'static str);

/// Who is asked whether a visit is covered. [`Eligibility`](super::Eligibility) asks before the transaction, once for each booking and each
/// new time. `testing::payer` proves an implementation.
///
/// # Contract
/// - An answer is about what was asked, also when several are asked at once.
/// - Asking changes nothing: what is asked again is answered again.
/// - What is no answer is an error, and soon: whoever books waits for it.
#[async_trait]
pub trait Payer: fmt::Debug + Send + Sync {
    /// Asks.
    ///
    /// # Errors
    /// [`Unanswered`].
    async fn ask(&self, inquiry: &CoverageInquiry) -> Result<CoverageAnswer, Unanswered>;
}

/// Answers as it was told, and remembers what it was asked: for tests. Cheap to clone; clones are one.
#[derive(Debug, Clone, Default)]
pub struct MemoryPayer(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    answers: BTreeMap<Uuid, CoverageAnswer>,
    asked: Vec<CoverageInquiry>,
}

impl MemoryPayer {
    /// Answers so about this patient from now on.
    pub fn answer(&self, patient: Id<Patient>, answer: CoverageAnswer) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.answers.insert(patient.as_uuid(), answer);
    }

    /// What was asked, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<CoverageInquiry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

#[async_trait]
impl Payer for MemoryPayer {
    async fn ask(&self, inquiry: &CoverageInquiry) -> Result<CoverageAnswer, Unanswered> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.asked.push(inquiry.clone());
        told.answers.get(&inquiry.patient.as_uuid()).copied().ok_or(Unanswered("payer.unknown"))
    }
}
