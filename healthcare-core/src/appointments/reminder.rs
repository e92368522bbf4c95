//! Reminder: patients are reminded some time before.

use super::{AppointmentPlugin, Hook, PatientNotices, PluginError, ReminderChange, Step};
use crate::DomainEvent;
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value as Json;
use std::sync::Arc;

/// When a clinic has its patients reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReminderRules {
    /// How long before the start, in minutes: 15 to 20,160 (two weeks), a day unless said otherwise.
    pub minutes_before: u32,
}

impl Default for ReminderRules {
    fn default() -> Self {
        Self { minutes_before: 24 * 60 }
    }
}

/// Has patients reminded of their appointments. What is booked later than the reminder would be due has none; what is cancelled or moved
/// loses it; whatever else happens, it is looked again before anything is sent. It refuses nothing: it listens after the commit.
#[derive(Debug, Clone)]
pub struct Reminder {
    notices: Arc<dyn PatientNotices>,
}

impl Reminder {
    /// Its name, by which clinics switch it on.
    pub const NAME: &'static str = "reminder";

    /// Asks these.
    #[must_use]
    pub const fn new(notices: Arc<dyn PatientNotices>) -> Self {
        Self { notices }
    }
}

#[async_trait]
impl AppointmentPlugin for Reminder {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn priority(&self) -> u16 {
        210
    }

    fn listens(&self, hook: Hook) -> bool {
        matches!(hook, Hook::Create | Hook::Step(Step::Reschedule | Step::Cancel))
    }

    fn validate(&self, settings: &Json) -> Result<(), String> {
        let rules = ReminderRules::deserialize(settings).map_err(|error| error.to_string())?;
        let good = (15..=14 * 24 * 60).contains(&rules.minutes_before);
        if good { Ok(()) } else { Err("minutes_before must be 15 to 20160".to_owned()) }
    }

    async fn after(&self, event: &DomainEvent, settings: &Json) -> Result<(), PluginError> {
        let rules = ReminderRules::deserialize(settings).map_err(|error| PluginError(Box::new(error)))?;
        self.notices.follow(&ReminderChange::of(event, rules.minutes_before)).await
    }
}
