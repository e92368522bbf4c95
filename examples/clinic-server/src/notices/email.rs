//! Queue `email`: one message, handed over at most once unawares.

use super::{
    about::About,
    desk::{Desk, unreachable},
    texts,
};
use async_trait::async_trait;
use healthcare_core::{Appointment, Record, RequestContext};
use healthcare_messaging::{
    Attempt, ClinicName, Done, EmailFailure, JobFailure, JobHandler, JobKind, NoticeValues, OutgoingEmail,
    VisitTime,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::time::Duration;
use uuid::Uuid;

/// A message to the patient of an appointment.
#[derive(Serialize, Deserialize)]
pub(super) struct SendEmail {
    pub(super) about: About,
    pub(super) appointment: Uuid,
    /// When it was to begin when this was asked for.
    pub(super) starts: Timestamp,
}

impl JobKind for SendEmail {
    const QUEUE: &'static str = "email";
    const KIND: &'static str = "appointment.email";
}

/// Tries that are a minute apart at first and an hour in the end reach over a night (RFC 5321 section 4.5.4.1).
const TRIES: u32 = 16;
const WAIT: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What a job says of itself before it hands its message over. A start that finds it does not know what became of the message.
const HANDING_OVER: u8 = 50;
const NOT_BEGUN: u8 = 0;
/// The class of a job whose worker was lost while it handed its message over.
pub(super) const IN_DOUBT: &str = "email.in-doubt";

impl SendEmail {
    pub(super) const fn tries(&self) -> u32 {
        TRIES
    }
}

/// Looks again whether there is something to tell, writes it, and hands it over.
pub(super) struct EmailJobs(pub(super) Desk);

#[async_trait]
impl JobHandler for EmailJobs {
    type Job = SendEmail;

    async fn run(&self, job: SendEmail, attempt: &Attempt) -> Result<Done, JobFailure> {
        if attempt.reached() >= HANDING_OVER {
            count(job.about, "unknown");
            return Err(JobFailure::fatal(IN_DOUBT));
        }
        let Self(desk) = self;
        let context = desk.context("email", attempt.clinic())?;
        let Some(email) = desk.written(&context, &job, attempt).await? else {
            count(job.about, "dropped");
            return Ok(Done::Complete);
        };
        attempt.progress(HANDING_OVER).await.map_err(unreachable)?;
        match desk.app.email.send(&email).await {
            Ok(()) => {
                count(job.about, if desk.app.email.delivers() { "accepted" } else { "logged" });
                Ok(Done::Complete)
            }
            Err(failure) => failed(job.about, failure, attempt).await,
        }
    }
}

impl Desk {
    /// The message; none when it is no longer true, no longer wanted, or cannot reach anybody.
    async fn written(
        &self,
        context: &RequestContext,
        job: &SendEmail,
        attempt: &Attempt,
    ) -> Result<Option<OutgoingEmail>, JobFailure> {
        let Some(appointment) = self.appointment(context, job.appointment).await? else { return Ok(None) };
        if !job.about.holds(&appointment, job.starts, self.app.clock.now()) {
            return Ok(None);
        }
        let Some(clinic) = self.clinic(context).await? else { return Ok(None) };
        let switched_on: Map<String, Json> = serde_json::from_str(&clinic.plugins).unwrap_or_default();
        if !clinic.active || !switched_on.contains_key(job.about.plugin()) {
            return Ok(None);
        }
        let Some(patient) = Appointment::subject(&appointment) else { return Ok(None) };
        let Some(to) = self.address(context, patient).await? else { return Ok(None) };
        let values = NoticeValues {
            clinic: ClinicName::of(&clinic),
            visit: VisitTime::new(appointment.starts, &appointment.zone),
        };
        let template = texts::template(job.about).map_err(|_| JobFailure::fatal("email.template"))?;
        // The job's id: the same at each try.
        Ok(Some(OutgoingEmail { id: attempt.lease().id, to, text: template.render(&values) }))
    }
}

/// What is certain not to have been accepted is tried again; what is not certain is for somebody to decide.
async fn failed(about: About, failure: EmailFailure, attempt: &Attempt) -> Result<Done, JobFailure> {
    match failure {
        EmailFailure::TryLater(class) => {
            count(about, "later");
            attempt.progress(NOT_BEGUN).await.map_err(unreachable)?;
            Err(JobFailure::retry_after(class, wait(attempt.tries())))
        }
        EmailFailure::NotTried(wait) => {
            attempt.progress(NOT_BEGUN).await.map_err(unreachable)?;
            Ok(Done::Snooze(wait))
        }
        EmailFailure::Refused(class) => {
            count(about, "refused");
            Err(JobFailure::fatal(class))
        }
        unknown => {
            count(about, "unknown");
            Err(JobFailure::fatal(unknown.class()))
        }
    }
}

fn wait(tries: u32) -> Duration {
    WAIT.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(WAIT_MAX)
}

fn count(about: About, outcome: &'static str) {
    metrics::counter!("clinic_emails_total", "about" => about.as_str(), "outcome" => outcome).increment(1);
}
