//! Eligibility: who may book what, how early and how late, and whether the payer has to confirm it.

use super::{
    AppointmentPlugin, CoverageAnswer, CoverageInquiry, Hook, Payer, PrepareContext, Prepared, Step,
    Unanswered,
};
use crate::{Patient, Read, Reader, Refusal, Released, patient};
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
    /// The payer that has to confirm that coverage is in force on the day.
    #[serde(default)]
    pub coverage: Option<CoverageRule>,
}

/// Which payer is asked, and what becomes of who books when it does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CoverageRule {
    /// The payer's name for itself: 1 to 64 visible ASCII characters.
    pub insurer: String,
    /// Whether appointments are booked while the payer gives no answer; refused unless said otherwise. One that says no is believed
    /// either way.
    #[serde(default)]
    pub book_unanswered: bool,
}

/// The longest name of a payer.
const INSURER_LENGTH_MAX: usize = 64;

impl CoverageRule {
    fn is_good(&self) -> bool {
        (1..=INSURER_LENGTH_MAX).contains(&self.insurer.len())
            && self.insurer.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

/// Refuses appointments that a clinic's rules do not permit. What it does not know, it refuses: a rule about age refuses a
/// patient whose date of birth is unknown, or hidden from who books, and a rule about coverage one about whom the payer does not answer,
/// unless the clinic books them nevertheless.
///
/// A payer is asked last, and never about somebody whose record who books may not read: that decision is durable before anything is sent.
#[derive(Debug, Clone)]
pub struct Eligibility {
    patients: Arc<dyn Reader<Patient>>,
    payer: Option<Arc<dyn Payer>>,
}

impl Eligibility {
    /// Reads patients here, under the caller's own grant. There is no payer to ask, which is as good as one that gives no answer.
    #[must_use]
    pub const fn new(patients: Arc<dyn Reader<Patient>>) -> Self {
        Self { patients, payer: None }
    }

    /// Asks this payer for the clinics that want it. Give [`Plugins`](super::Plugins) more time to prepare than the payer takes at most.
    #[must_use]
    pub fn asking(self, payer: Arc<dyn Payer>) -> Self {
        Self { payer: Some(payer), ..self }
    }

    async fn patient(&self, context: &PrepareContext<'_>) -> Result<Released<Patient>, Refusal> {
        let unknown = |_| refusal("the patient's record cannot be read");
        let grant = context.gate.open(context.context, Read::new(context.patient)).await.map_err(unknown)?;
        let row = self.patients.find(&grant).await.map_err(unknown)?;
        grant.release(row).await.map_err(unknown)
    }

    async fn covered(&self, rule: &CoverageRule, inquiry: CoverageInquiry) -> Result<(), Refusal> {
        let answer = match &self.payer {
            Some(payer) => payer.ask(&inquiry).await,
            None => Err(NOBODY),
        };
        match answer {
            Ok(CoverageAnswer::InForce) => Ok(()),
            // The reason names the rule, as that of age does.
            Ok(CoverageAnswer::NotInForce) => {
                Err(refusal("the clinic books what the payer confirms, and it did not"))
            }
            Err(unanswered) if rule.book_unanswered => {
                tracing::warn!(class = unanswered.0, "booked without the payer's answer");
                Ok(())
            }
            Err(NOBODY) => {
                Err(refusal("the clinic books what its payer confirms, and there is none to ask here"))
            }
            Err(_) => Err(refusal("the payer cannot be asked at present: try again later")),
        }
    }
}

fn refusal(reason: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal { by: Cow::Borrowed(NAME), reason: reason.into() }
}

const NAME: &str = "eligibility";
const NOBODY: Unanswered = Unanswered("payer.none");

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
        let rules = EligibilityRules::deserialize(settings).map_err(|error| error.to_string())?;
        match &rules.coverage {
            Some(rule) if !rule.is_good() => {
                Err(format!("`insurer` has 1 to {INSURER_LENGTH_MAX} visible ASCII characters"))
            }
            _ => Ok(()),
        }
    }

    async fn prepare(&self, context: &PrepareContext<'_>) -> Result<Prepared, Refusal> {
        let rules = EligibilityRules::deserialize(context.settings)
            .map_err(|_| refusal("the clinic's rules cannot be read"))?;
        notice(&rules, context.interval.starts().duration_since(context.now))?;
        let asks_age = rules.minimum_age.is_some() || rules.maximum_age.is_some();
        if asks_age || rules.coverage.is_some() {
            let patient = self.patient(context).await?;
            let day = context.interval.starts().to_zoned(context.appointment.zone.as_jiff().clone()).date();
            if asks_age {
                let born = patient.reveal(patient::BirthDate).ok().copied().flatten();
                age(&rules, born.and_then(|born| years(born, day)))?;
            }
            if let Some(rule) = &rules.coverage {
                let clinic = context.context.clinic();
                self.covered(rule, CoverageInquiry::new(clinic, context.patient, day, &rule.insurer)).await?;
            }
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
