//! The plugin seam.

use super::{Appointment, Step};
use crate::{
    AccessError, ClinicId, DomainEvent, Gate, Id, Interval, Patient, Refusal, RequestContext, TransactionView,
};
use async_trait::async_trait;
use serde_json::Value as Json;
use std::{any::Any, fmt};

/// What happens to an appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hook {
    /// It is made.
    Create,
    /// It takes a step: confirm, check-in, start, complete, cancel, reschedule, no-show.
    Step(Step),
    /// A time is held for it.
    Hold,
    /// Something about it changes that is no step.
    Update,
}

impl Hook {
    /// The hook that a domain event tells of, if any.
    #[must_use]
    pub fn of(event: &DomainEvent) -> Option<Self> {
        match event.kind.as_ref() {
            "appointment.booked" => Some(Self::Create),
            "appointment.held" => Some(Self::Hold),
            "appointment.updated" => Some(Self::Update),
            kind => Step::ALL.iter().copied().find(|step| step.event() == kind).map(Self::Step),
        }
    }
}

/// What a plugin may know before the transaction.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PrepareContext<'a> {
    /// The request, so that the plugin reads under the caller's own grant.
    pub context: &'a RequestContext,
    /// Opens that grant.
    pub gate: &'a Gate,
    /// What is to happen.
    pub hook: Hook,
    /// To which appointment.
    pub appointment: &'a Appointment,
    /// Whose it is.
    pub patient: Id<Patient>,
    /// For when.
    pub interval: Interval,
    /// Now.
    pub now: jiff::Timestamp,
    /// The plugin's settings in this clinic.
    pub settings: &'a Json,
}

/// What a plugin found out before the transaction, for itself inside it.
#[derive(Default)]
pub struct Prepared(Option<Box<dyn Any + Send + Sync>>);

impl Prepared {
    /// Nothing.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(None)
    }
    /// This.
    pub fn with<T: Any + Send + Sync>(found: T) -> Self {
        Self(Some(Box::new(found)))
    }
    /// What was found, if it is a `T`.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }
}
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
}

/// What a plugin sees inside the transaction and afterwards.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Moment<'a> {
    /// The clinic.
    pub clinic: ClinicId,
    /// What happens.
    pub hook: Hook,
    /// To which appointment.
    pub appointment: &'a Appointment,
    /// For when.
    pub interval: Interval,
    /// The plugin's settings in this clinic.
    pub settings: &'a Json,
}

impl<'a> Moment<'a> {
    pub(super) const fn of(context: &PrepareContext<'a>) -> Self {
        Self {
            clinic: context.context.clinic(),
            hook: context.hook,
            appointment: context.appointment,
            interval: context.interval,
            settings: context.settings,
        }
    }
}

/// A plugin's work after the commit failed; the outbox tries it again.
#[derive(Debug, thiserror::Error)]
#[error("a plugin failed after the commit")]
pub struct PluginError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Has a say in what happens to appointments. A plugin is a value, given to [`Plugins`](super::Plugins) when the service is
/// built; its rules apply only in clinics that switched it on.
///
/// | when | where | may refuse | may call out |
/// | --- | --- | --- | --- |
/// | `prepare` | before the transaction, under a time limit | yes | yes |
/// | `before` | inside the transaction, after rows and claims are placed | yes, which rolls it back | no: milliseconds, the transaction's handle alone |
/// | `after` | after the commit, through the outbox, at least once | no | yes |
/// | `failed` | when the change did not happen | no | no |
///
/// A plugin that panics or runs out of time refuses.
#[async_trait]
pub trait AppointmentPlugin: fmt::Debug + Send + Sync {
    /// Its name, by which clinics switch it on.
    fn name(&self) -> &'static str;

    /// Its place: lower runs first.
    fn priority(&self) -> u16 {
        100
    }

    /// Whether it has anything to say to this.
    fn listens(&self, hook: Hook) -> bool {
        let _ = hook;
        true
    }

    /// Checks the settings a clinic gives it, when they are loaded.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    fn validate(&self, settings: &Json) -> Result<(), String> {
        let _ = settings;
        Ok(())
    }

    /// Before the transaction.
    ///
    /// # Errors
    /// A [`Refusal`] with the reason for the caller.
    async fn prepare(&self, context: &PrepareContext<'_>) -> Result<Prepared, Refusal> {
        let _ = context;
        Ok(Prepared::nothing())
    }

    /// Inside the transaction.
    ///
    /// # Errors
    /// A [`Refusal`] with the reason for the caller.
    async fn before(
        &self,
        moment: &Moment<'_>,
        prepared: &Prepared,
        transaction: &mut dyn TransactionView,
    ) -> Result<(), Refusal> {
        let _ = (moment, prepared, transaction);
        Ok(())
    }

    /// After the commit, with the settings of the clinic at that time. The event names the appointment; whoever needs more reads it under a
    /// grant of their own.
    ///
    /// # Errors
    /// [`PluginError`], to be called again later.
    async fn after(&self, event: &DomainEvent, settings: &Json) -> Result<(), PluginError> {
        let _ = (event, settings);
        Ok(())
    }

    /// The change did not happen.
    fn failed(&self, hook: Hook, error: &AccessError) {
        let _ = (hook, error);
    }
}
