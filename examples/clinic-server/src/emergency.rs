//! Emergency access to one patient: its steps, counted, and which of them this process knows to be open.

use crate::http::Problem;
use healthcare_core::{
    AccessError, BreakGlass, Change, ClinicId, Clock, ErrorCode, Id, Justification, Page, PageRequest,
    Patient, Purpose, Record, Released, Remember, RequestContext, UserId,
};
use healthcare_rbac::{
    break_glass::{BreakGlassError, BreakGlasses},
    policy::EMERGENCY_PURPOSE,
};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

/// How many open ones a process remembers, to let their requests in first.
const KNOWN_MAX: usize = 1_000;
/// When whoever has too many open may try again.
const LATER: Duration = Duration::from_secs(60);

type Key = (ClinicId, UserId, Uuid);

/// The steps of emergency accesses.
#[derive(Debug, Clone)]
pub struct Emergencies {
    glasses: BreakGlasses,
    clock: Arc<dyn Clock>,
    /// What was begun or seen to be open here. It widens no access: the policy looks each time.
    known: Arc<Mutex<HashMap<Key, Timestamp>>>,
}

/// What is done with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GlassStep {
    /// Ended before its time.
    End,
    /// Marked as looked at.
    Review,
}

impl GlassStep {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Review => "review",
        }
    }
}

impl Emergencies {
    /// Over these.
    #[must_use]
    pub fn new(glasses: BreakGlasses, clock: Arc<dyn Clock>) -> Self {
        Self { glasses, clock, known: Arc::default() }
    }

    /// Breaks the glass for a patient. `answer` may give an answer to be kept with it.
    pub(crate) async fn begin(
        &self,
        context: &RequestContext,
        patient: Id<Patient>,
        reason: Justification,
        answer: impl FnOnce(&Released<BreakGlass>) -> Result<Option<Remember>, Problem>,
    ) -> Result<Released<BreakGlass>, Problem> {
        let begun = self.glasses.begin(context, patient, reason).await;
        if let Err(BreakGlassError::Access(AccessError::Denied(_)) | BreakGlassError::TooMany { .. }) = &begun
        {
            count("refused");
        }
        let glass = self.committed(begun?, answer).await.map_err(|problem| {
            if problem.code == ErrorCode::BreakGlassLimit {
                count("refused");
            }
            problem.missing_is(ErrorCode::PatientNotFound)
        })?;
        count("begun");
        self.note(context, patient.as_uuid(), glass.ends);
        Ok(glass)
    }

    /// Ends one, or marks it as looked at.
    pub(crate) async fn step(
        &self,
        context: &RequestContext,
        id: Id<BreakGlass>,
        step: GlassStep,
        answer: impl FnOnce(&Released<BreakGlass>) -> Result<Option<Remember>, Problem>,
    ) -> Result<Released<BreakGlass>, Problem> {
        let change = match step {
            GlassStep::End => self.glasses.end(context, id).await?,
            GlassStep::Review => self.glasses.review(context, id).await?,
        };
        let glass = self.committed(change, answer).await?;
        match step {
            GlassStep::End => {
                count("ended");
                if let Some(patient) = glass.subject() {
                    self.known().remove(&(context.clinic(), glass.user_id, patient));
                }
            }
            GlassStep::Review => count("reviewed"),
        }
        Ok(glass)
    }

    async fn committed(
        &self,
        change: Change<BreakGlass>,
        answer: impl FnOnce(&Released<BreakGlass>) -> Result<Option<Remember>, Problem>,
    ) -> Result<Released<BreakGlass>, Problem> {
        let glass = change.preview();
        let change = match answer(&glass)? {
            Some(remember) => change.remembering(remember),
            None => change,
        };
        self.glasses.commit(change).await?;
        Ok(glass)
    }

    /// One.
    pub(crate) async fn read(
        &self,
        context: &RequestContext,
        id: Id<BreakGlass>,
    ) -> Result<Released<BreakGlass>, Problem> {
        Ok(self.glasses.read(context, id).await?)
    }

    /// One page of them.
    pub(crate) async fn list(
        &self,
        context: &RequestContext,
        unreviewed: bool,
        page: &PageRequest,
    ) -> Result<Page<BreakGlass>, Problem> {
        Ok(self.glasses.list(context, unreviewed, page).await?)
    }

    /// Until when the caller may see this patient in an emergency, and the same request as one that asks for it.
    pub(crate) async fn opened(
        &self,
        context: &RequestContext,
        patient: Id<Patient>,
    ) -> Result<Option<(Timestamp, RequestContext)>, Problem> {
        let Some(until) = self.glasses.open_until(context, patient).await? else { return Ok(None) };
        self.note(context, patient.as_uuid(), until);
        let purpose: Purpose = EMERGENCY_PURPOSE.parse().map_err(|_| Problem::of(ErrorCode::Internal))?;
        Ok(Some((until, context.asking_for(purpose))))
    }

    /// Whether this process knows of one that is open.
    pub(crate) fn is_known(&self, key: &Key) -> bool {
        self.known().get(key).is_some_and(|until| self.clock.now() < *until)
    }

    fn note(&self, context: &RequestContext, patient: Uuid, until: Timestamp) {
        let Some(user) = context.actor().user() else { return };
        let now = self.clock.now();
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.retain(|_, until| now < *until);
        }
        if known.len() < KNOWN_MAX {
            known.insert((context.clinic(), user, patient), until);
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Timestamp>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(step: &'static str) {
    metrics::counter!("break_glass_total", "step" => step).increment(1);
}

impl From<BreakGlassError> for Problem {
    fn from(error: BreakGlassError) -> Self {
        let (code, said) = (error.code(), error.to_string());
        match error {
            BreakGlassError::Access(error) => error.into(),
            BreakGlassError::TooMany { .. } => Self { retry_after: Some(LATER), ..Self::of(code) },
            _ => {
                let mut letters = said.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                Self::of(code).saying(format!("{}{}.", first.unwrap_or_default(), letters.as_str()))
            }
        }
    }
}
