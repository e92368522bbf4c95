//! Queue `notification`: something happened of which the patient is to be told.

use super::{about::About, desk::Desk, email::SendEmail};
use async_trait::async_trait;
use healthcare_core::{NoticeKind, Record};
use healthcare_messaging::{Attempt, Done, JobFailure, JobHandler, JobKind, NewJob, UniqueKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The patient is to be told.
#[derive(Serialize, Deserialize)]
pub(super) struct SendNotice {
    pub(super) kind: NoticeKind,
    pub(super) appointment: Uuid,
    pub(super) version: i64,
}

impl JobKind for SendNotice {
    const QUEUE: &'static str = "notification";
    const KIND: &'static str = "appointment.notify";
}

/// Hands a notice on to the ways on which the patient is reached: e-mail.
pub(super) struct NoticeJobs(pub(super) Desk);

#[async_trait]
impl JobHandler for NoticeJobs {
    type Job = SendNotice;

    async fn run(&self, job: SendNotice, attempt: &Attempt) -> Result<Done, JobFailure> {
        let Self(desk) = self;
        let Some(about) = About::of(job.kind) else { return Ok(Done::Complete) };
        let context = desk.context("notify", attempt.clinic())?;
        let Some(appointment) = desk.appointment(&context, job.appointment).await? else {
            return Ok(Done::Complete);
        };
        let starts = appointment.starts;
        if about.holds(&appointment, starts, desk.app.clock.now()) {
            let email = SendEmail { about, appointment: appointment.id().as_uuid(), starts };
            // By the version that was read, not by the one that was told of: two changes that are looked at together say the same, and it is said
            // once. A time that comes back later is another version, and is told again.
            let key = UniqueKey::new(about.as_str(), job.appointment, appointment.version());
            desk.hand_on(NewJob::builder(attempt.clinic(), &email).tries(email.tries()).once(key).build())
                .await?;
        }
        Ok(Done::Complete)
    }
}
