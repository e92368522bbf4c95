//! Queue `reminder`: when a patient is to be reminded, and whether that is still so when the time has come.

use super::{
    about::About,
    desk::{Desk, unreachable},
    email::SendEmail,
};
use async_trait::async_trait;
use healthcare_messaging::{Attempt, Done, JobFailure, JobHandler, JobKind, NewJob};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The reminder is to follow the appointment.
#[derive(Serialize, Deserialize)]
pub(super) struct PlanReminder {
    pub(super) appointment: Uuid,
    pub(super) occurred: Timestamp,
    pub(super) minutes_before: u32,
}

impl JobKind for PlanReminder {
    const QUEUE: &'static str = "reminder";
    const KIND: &'static str = "appointment.plan-reminder";
}

/// The time has come.
#[derive(Serialize, Deserialize)]
pub(super) struct Remind {
    appointment: Uuid,
    starts: Timestamp,
}

impl JobKind for Remind {
    const QUEUE: &'static str = "reminder";
    const KIND: &'static str = "appointment.remind";
}

/// Plans reminders: one for each time at which an appointment was to be. Those of times that are no more find that out themselves.
pub(super) struct PlanJobs(pub(super) Desk);

#[async_trait]
impl JobHandler for PlanJobs {
    type Job = PlanReminder;

    async fn run(&self, job: PlanReminder, attempt: &Attempt) -> Result<Done, JobFailure> {
        let Self(desk) = self;
        let context = desk.context("plan-reminder", attempt.clinic())?;
        let Some(appointment) = desk.appointment(&context, job.appointment).await? else {
            return Ok(Done::Complete);
        };
        let (starts, key) = (appointment.starts, About::reminder_key(&appointment));
        if !About::Reminder.holds(&appointment, starts, desk.app.clock.now()) {
            let cancelled = desk.app.jobs.cancel(attempt.clinic(), Remind::QUEUE, key).await;
            return cancelled.map(|_| Done::Complete).map_err(unreachable);
        }
        let before = SignedDuration::from_mins(i64::from(job.minutes_before));
        let due = starts.checked_sub(before).unwrap_or(Timestamp::MIN);
        // Who has just made or moved it so shortly before has not forgotten it.
        if due > job.occurred {
            let remind = Remind { appointment: job.appointment, starts };
            desk.hand_on(NewJob::builder(attempt.clinic(), &remind).at(due).once(key).build()).await?;
        }
        Ok(Done::Complete)
    }
}

/// Reminds, if there is still something to be reminded of.
pub(super) struct ReminderJobs(pub(super) Desk);

#[async_trait]
impl JobHandler for ReminderJobs {
    type Job = Remind;

    async fn run(&self, job: Remind, attempt: &Attempt) -> Result<Done, JobFailure> {
        let Self(desk) = self;
        let context = desk.context("remind", attempt.clinic())?;
        let Some(appointment) = desk.appointment(&context, job.appointment).await? else {
            return Ok(Done::Complete);
        };
        if About::Reminder.holds(&appointment, job.starts, desk.app.clock.now()) {
            let email =
                SendEmail { about: About::Reminder, appointment: job.appointment, starts: job.starts };
            let new = NewJob::builder(attempt.clinic(), &email).tries(email.tries());
            desk.hand_on(new.once(About::reminder_key(&appointment)).build()).await?;
        }
        Ok(Done::Complete)
    }
}
