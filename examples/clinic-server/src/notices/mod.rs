//! Patients are told what becomes of their appointments, and reminded of them.
//!
//! ```text
//! event ─ plugin ─┬─ queue notification: is there something to tell? ──────────────┬─ queue email: look again, write, hand over
//!                 └─ queue reminder: when? ─ …waits… ─ queue reminder: still so? ──┘
//! ```
//!
//! Jobs carry ids, versions and times. Each step reads what it needs under a grant of a named system actor in the role `NOTIFIER`, so that the
//! audit log tells of it like of anybody else's reading.

mod about;
mod ask;
mod desk;
mod email;
mod reminder;
mod route;
mod texts;

pub(crate) use ask::JobNotices;

use self::{desk::Desk, email::EmailJobs, reminder::ReminderJobs, route::NoticeJobs};
use crate::App;
use healthcare_messaging::WorkerBuilder;
use std::sync::Arc;

/// Whether a job that failed for this reason may have done its work: to try it again may tell a patient twice.
pub(crate) fn is_in_doubt(class: &str) -> bool {
    [email::IN_DOUBT, "smtp.unknown", "smtp.time-over"].contains(&class)
}

/// Adds those who do these jobs.
pub fn handlers(worker: WorkerBuilder, app: &Arc<App>) -> WorkerBuilder {
    let desk = Desk::new(app);
    worker
        .handler(NoticeJobs(desk.clone()))
        .handler(reminder::PlanJobs(desk.clone()))
        .handler(ReminderJobs(desk.clone()))
        .handler(EmailJobs(desk))
}
