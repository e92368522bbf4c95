//! Eligibility: who may book what, how early and how late.

use super::{AppointmentPlugin, Hook, PrepareContext, Prepared, Step};
use crate::{Patient, Read, Reader, Refusal, patient};
use async_trait::async_trait;
use jiff::{SignedDuration, Unit, civil::Date};
use serde::Deserialize;
use serde_json::Value as Json;
use std::{borrow::Cow, sync::Arc};

/// What a clinic asks for. What is absent is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EligibilityRules {
    /// The youngest patient, in years on the day.
    #[serde(default)]
    pub minimum_age: Option<u16>,
    /// The oldest patient, in years on the day.
    #[serde(default)]
    pub maximum_age: Option<u16>,
    /// How long before the start it must be booked, in minutes.
    #[serde(default)]
    pub minimum_notice_minutes: Option<u32>,
    /// How far ahead it may be booked, in days.
    #[serde(default)]
    pub maximum_days_ahead: Option<u16>,
}

/// Refuses appointments that a clinic's rules do not permit. What it does not know, it refuses: a rule about age refuses a
/// patient whose date of birth is unknown, or hidden from who books.
#[derive(Debug, Clone)]
pub struct Eligibility {
    patients: Arc<dyn Reader<Patient>>,
}

impl Eligibility {
    /// Reads patients here, under the caller's own grant.
    #[must_use]
    pub const fn new(patients: Arc<dyn Reader<Patient>>) -> Self {
        Self { patients }
    }

    async fn birth_date(&self, context: &PrepareContext<'_>) -> Result<Option<Date>, Refusal> {
        let unknown = |_| refusal("the patient's date of birth cannot be read");
        let grant = context.gate.open(context.context, Read::new(context.patient)).await.map_err(unknown)?;
        let row = self.patients.find(&grant).await.map_err(unknown)?;
        let patient = grant.release(row).await.map_err(unknown)?;
        Ok(patient.reveal(patient::BirthDate).ok().copied().flatten())
    }
}

fn refusal(reason: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal { by: Cow::Borrowed(NAME), reason: reason.into() }
}

const NAME: &str = "eligibility";

#[async_trait]
impl AppointmentPlugin for Eligibility {
    fn name(&self) -> &'static str {
        NAME
    }

    fn priority(&self) -> u16 {
        10
    }

    fn listens(&self, hook: Hook) -> bool {
        matches!(hook, Hook::Create | Hook::Hold | Hook::Step(Step::Reschedule))
    }

    fn validate(&self, settings: &Json) -> Result<(), String> {
        EligibilityRules::deserialize(settings).map(drop).map_err(|error| error.to_string())
    }

    async fn prepare(&self, context: &PrepareContext<'_>) -> Result<Prepared, Refusal> {
        let rules = EligibilityRules::deserialize(context.settings)
            .map_err(|_| refusal("the clinic's rules cannot be read"))?;
        notice(&rules, context.interval.starts().duration_since(context.now))?;
        if rules.minimum_age.is_some() || rules.maximum_age.is_some() {
            let born =
                self.birth_date(context).await?.ok_or_else(|| refusal("the date of birth is not known"))?;
            let day = context.interval.starts().to_zoned(context.appointment.zone.as_jiff().clone()).date();
            age(&rules, years(born, day))?;
        }
        Ok(Prepared::nothing())
    }
}

fn notice(rules: &EligibilityRules, ahead: SignedDuration) -> Result<(), Refusal> {
    if let Some(minutes) = rules.minimum_notice_minutes
        && ahead < SignedDuration::from_mins(i64::from(minutes))
    {
        return Err(refusal(format!("book at least {minutes} minutes ahead")));
    }
    if let Some(days) = rules.maximum_days_ahead
        && ahead > SignedDuration::from_hours(24 * i64::from(days))
    {
        return Err(refusal(format!("book at most {days} days ahead")));
    }
    Ok(())
}

// The reasons name the rule and not the patient's age.
fn age(rules: &EligibilityRules, years: Option<i64>) -> Result<(), Refusal> {
    let years = years.ok_or_else(|| refusal("the date of birth is not known"))?;
    if let Some(minimum) = rules.minimum_age
        && years < i64::from(minimum)
    {
        return Err(refusal(format!("the clinic sees patients from {minimum} years")));
    }
    if let Some(maximum) = rules.maximum_age
        && years > i64::from(maximum)
    {
        return Err(refusal(format!("the clinic sees patients up to {maximum} years")));
    }
    Ok(())
}

fn years(born: Date, day: Date) -> Option<i64> {
    born.until((Unit::Year, day)).ok().map(|span| i64::from(span.get_years()))
}
