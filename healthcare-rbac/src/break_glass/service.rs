//! The steps of an emergency access.

use super::{BreakGlassError, places::Place};
use crate::policy::EmergencySource;
use async_trait::async_trait;
use healthcare_core::{
    AccessError, BreakGlass, BreakGlassStore, Change, Claims, Clock, Committed, Create, Draft, Gate, Id,
    Justification, List, Page, PageRequest, Patient, Phi, Read, Released, RequestContext, Undecided, Update,
    UserId, break_glass,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use uuid::Uuid;

/// Breaks glass, ends and reviews what was broken, and tells the policy for whom it is broken.
///
/// Every step is an access like any other: decided by the policy, recorded before it happens, committed with its outcome. The record of the
/// beginning holds the reason. Clones share the store.
#[derive(Debug, Clone)]
pub struct BreakGlasses {
    gate: Gate,
    store: Arc<dyn BreakGlassStore>,
    clock: Arc<dyn Clock>,
}

impl BreakGlasses {
    /// How long one gives access: by the wall clock, which all processes share.
    pub const LIFE: SignedDuration = SignedDuration::from_mins(15);
    /// How many one user may have open at once.
    pub const OPEN_MAX: u32 = 8;

    /// Over this store. The clock says when one is over.
    #[must_use]
    pub const fn new(gate: Gate, store: Arc<dyn BreakGlassStore>, clock: Arc<dyn Clock>) -> Self {
        Self { gate, store, clock }
    }

    /// Breaks the glass for a patient: from its commit on, reads of them may ask for the purpose `ETREAT`.
    ///
    /// # Errors
    /// [`BreakGlassError::TooMany`] beyond [`OPEN_MAX`](Self::OPEN_MAX), as far as it is known before the commit, which decides; otherwise as the
    /// gate says.
    pub async fn begin(
        &self,
        context: &RequestContext,
        patient: Id<Patient>,
        reason: Justification,
    ) -> Result<Change<BreakGlass>, BreakGlassError> {
        let text = reason.as_str().to_owned();
        let id = Id::random();
        let access = Create::about(id, patient.as_uuid());
        let grant = self.gate.open(&context.because(reason), access).await?;
        // After the decision, so that who may not learns nothing and is in the log.
        let (by, now) = (user(context)?, self.clock.now());
        if self.store.open_count(context, now).await? >= Self::OPEN_MAX {
            return Err(BreakGlassError::TooMany { limit: Self::OPEN_MAX });
        }
        let plain = break_glass::Plain {
            user_id: by,
            starts: now,
            ends: now.saturating_add(Self::LIFE).map_err(AccessError::storage)?,
            ended_at: None,
            ended_by: None,
            reviewed_at: None,
            reviewed_by: None,
        };
        let protected = break_glass::Protected { reason: Phi::new(text) };
        let row = BreakGlass::new(id, context.clinic(), patient, plain, protected);
        let change = grant.fill(row).await?.event("break_glass.begun");
        Ok(change.claiming(Place::in_turn(by, id.as_uuid())?))
    }

    /// Ends one before its time: its own user, or who the policy lets.
    ///
    /// # Errors
    /// [`BreakGlassError::Over`] when it is over; otherwise as the gate says.
    pub async fn end(
        &self,
        context: &RequestContext,
        id: Id<BreakGlass>,
    ) -> Result<Change<BreakGlass>, BreakGlassError> {
        let (by, now) = (user(context)?, self.clock.now());
        let mut draft = self.edit(context, id).await?;
        if !draft.is_open(now) {
            return Err(BreakGlassError::Over);
        }
        let plain = draft.plain_mut();
        (plain.ended_at, plain.ended_by) = (Some(now), Some(by));
        // Its place is free again.
        let free = Claims { release: true, place: Vec::new() };
        Ok(draft.change().await?.event("break_glass.ended").claiming(free))
    }

    /// Marks one as looked at by this context's user, who must be another than its own.
    ///
    /// # Errors
    /// [`BreakGlassError::OwnReview`], [`BreakGlassError::Open`] and [`BreakGlassError::Reviewed`]; otherwise as the gate says.
    pub async fn review(
        &self,
        context: &RequestContext,
        id: Id<BreakGlass>,
    ) -> Result<Change<BreakGlass>, BreakGlassError> {
        let (by, now) = (user(context)?, self.clock.now());
        let mut draft = self.edit(context, id).await?;
        if draft.user_id == by {
            return Err(BreakGlassError::OwnReview);
        }
        if draft.is_open(now) {
            return Err(BreakGlassError::Open);
        }
        if draft.reviewed_at.is_some() {
            return Err(BreakGlassError::Reviewed);
        }
        let plain = draft.plain_mut();
        (plain.reviewed_at, plain.reviewed_by) = (Some(now), Some(by));
        Ok(draft.change().await?.event("break_glass.reviewed"))
    }

    async fn edit(
        &self,
        context: &RequestContext,
        id: Id<BreakGlass>,
    ) -> Result<Draft<BreakGlass>, AccessError> {
        let grant = self.gate.open(context, Update::new(id)).await?;
        let row = self.store.find_for_update(&grant).await?;
        grant.edit(row).await
    }

    /// Stores a step.
    ///
    /// # Errors
    /// [`BreakGlassError::TooMany`] when its user has so many open meanwhile; otherwise as the store says. A patient who is not there is not
    /// found.
    pub async fn commit(&self, change: Change<BreakGlass>) -> Result<Committed, BreakGlassError> {
        let glass = change.preview();
        let begins = glass.ended_at.is_none() && glass.reviewed_at.is_none();
        let place = if begins { Some(Place::of(&glass)?) } else { None };
        let committed = match &place {
            Some(place) => self.store.commit_guarded(change, place).await,
            None => self.store.commit(change).await,
        };
        committed.map_err(|error| match error {
            AccessError::Dangling(_) => AccessError::NotFound.into(),
            error if Place::is_missing(&error) => BreakGlassError::TooMany { limit: Self::OPEN_MAX },
            error => error.into(),
        })
    }

    /// One.
    ///
    /// # Errors
    /// As the gate and the store say.
    pub async fn read(
        &self,
        context: &RequestContext,
        id: Id<BreakGlass>,
    ) -> Result<Released<BreakGlass>, AccessError> {
        let grant = self.gate.open(context, Read::new(id)).await?;
        let row = self.store.find(&grant).await?;
        grant.release(row).await
    }

    /// One page of what the caller may see, oldest first: all, or those that nobody else has looked at.
    ///
    /// # Errors
    /// As the gate and the store say.
    pub async fn list(
        &self,
        context: &RequestContext,
        unreviewed: bool,
        page: &PageRequest,
    ) -> Result<Page<BreakGlass>, AccessError> {
        let grant = self.gate.open(context, List::<BreakGlass>::all()).await?;
        let rows = if unreviewed {
            self.store.unreviewed(&grant, page).await?
        } else {
            self.store.list(&grant, page).await?
        };
        grant.release(rows).await
    }

    /// Until when this context's user may see this patient in an emergency, if at all. It says nothing of the patient, and is not recorded.
    ///
    /// # Errors
    /// As the store says.
    pub async fn open_until(
        &self,
        context: &RequestContext,
        patient: Id<Patient>,
    ) -> Result<Option<Timestamp>, AccessError> {
        self.store.open_until(context, patient.as_uuid(), self.clock.now()).await
    }
}

/// A job has no emergencies.
fn user(context: &RequestContext) -> Result<UserId, AccessError> {
    context.actor().user().ok_or(AccessError::NotFound)
}

#[async_trait]
impl EmergencySource for BreakGlasses {
    async fn is_open(&self, context: &RequestContext, subject: Uuid) -> Result<bool, Undecided> {
        let until = self.store.open_until(context, subject, self.clock.now()).await;
        until.map(|until| until.is_some()).map_err(|error| Undecided(Box::new(error)))
    }
}
