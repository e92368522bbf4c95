//! What the plugins ask becomes jobs.

use super::{reminder::PlanReminder, route::SendNotice};
use crate::Jobs;
use async_trait::async_trait;
use healthcare_core::{Notice, PatientNotices, PluginError, ReminderChange};
use healthcare_messaging::{JobConfigError, NewJob, UniqueKey};

/// Puts what is asked into the queues `notification` and `reminder`.
#[derive(Debug, Clone)]
pub(crate) struct JobNotices {
    jobs: Jobs,
}

impl JobNotices {
    /// Into the queues of these jobs.
    #[must_use]
    pub(crate) const fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    async fn enqueue(&self, job: Result<NewJob, JobConfigError>) -> Result<(), PluginError> {
        let job = job.map_err(|error| PluginError(error.into()))?;
        self.jobs.enqueue(job).await.map(drop).map_err(|error| PluginError(error.into()))
    }
}

#[async_trait]
impl PatientNotices for JobNotices {
    async fn notify(&self, notice: &Notice) -> Result<(), PluginError> {
        let appointment = notice.appointment.as_uuid();
        let job = SendNotice { kind: notice.kind, appointment, version: notice.version };
        let key = UniqueKey::new(notice.kind.as_str(), appointment, notice.version);
        self.enqueue(NewJob::builder(notice.clinic, &job).once(key).build()).await
    }

    async fn follow(&self, change: &ReminderChange) -> Result<(), PluginError> {
        let appointment = change.appointment.as_uuid();
        let job =
            PlanReminder { appointment, occurred: change.occurred, minutes_before: change.minutes_before };
        let key = UniqueKey::new("plan", appointment, change.version);
        self.enqueue(NewJob::builder(change.clinic, &job).once(key).build()).await
    }
}
