//! Notification: patients are told what became of their appointments.

use super::{AppointmentPlugin, Hook, Notice, NoticeKind, PatientNotices, PluginError, Step};
use crate::DomainEvent;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value as Json;
use std::sync::Arc;

/// Of what a clinic has its patients told. What is absent is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NotificationRules {
    /// That an appointment was made.
    pub booked: bool,
    /// That it moved.
    pub rescheduled: bool,
    /// That it was cancelled.
    pub cancelled: bool,
}

impl Default for NotificationRules {
    fn default() -> Self {
        Self { booked: true, rescheduled: true, cancelled: true }
    }
}

/// Has patients told when their appointment was booked, rescheduled or cancelled. It refuses nothing: it listens after the commit.
#[derive(Debug, Clone)]
pub struct Notification {
    notices: Arc<dyn PatientNotices>,
}

impl Notification {
    /// Its name, by which clinics switch it on.
    pub const NAME: &'static str = "notification";

    /// Asks these.
    #[must_use]
    pub const fn new(notices: Arc<dyn PatientNotices>) -> Self {
        Self { notices }
    }
}

const fn kind(hook: Hook) -> Option<NoticeKind> {
    match hook {
        Hook::Create => Some(NoticeKind::Booked),
        Hook::Step(Step::Reschedule) => Some(NoticeKind::Rescheduled),
        Hook::Step(Step::Cancel) => Some(NoticeKind::Cancelled),
        _ => None,
    }
}

#[async_trait]
impl AppointmentPlugin for Notification {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn priority(&self) -> u16 {
        200
    }

    fn listens(&self, hook: Hook) -> bool {
        kind(hook).is_some()
    }

    fn validate(&self, settings: &Json) -> Result<(), String> {
        NotificationRules::deserialize(settings).map(drop).map_err(|error| error.to_string())
    }

    async fn after(&self, event: &DomainEvent, settings: &Json) -> Result<(), PluginError> {
        let Some(kind) = Hook::of(event).and_then(kind) else { return Ok(()) };
        let rules = NotificationRules::deserialize(settings).map_err(|error| PluginError(Box::new(error)))?;
        let told = match kind {
            NoticeKind::Booked => rules.booked,
            NoticeKind::Rescheduled => rules.rescheduled,
            NoticeKind::Cancelled => rules.cancelled,
        };
        if told { self.notices.notify(&Notice::of(event, kind)).await } else { Ok(()) }
    }
}
