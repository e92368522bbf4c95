//! Who reads for those who tell: a named system actor, in a role, through the gate.

use crate::{App, api::read_clinic};
use healthcare_core::{
    AccessError, Appointment, Clinic, ClinicId, Email, Id, Patient, Read, Released, RequestContext, Role,
    patient,
};
use healthcare_messaging::{JobError, JobFailure, NewJob};
use std::sync::Arc;
use uuid::Uuid;

/// May read appointments, the clinic's record, and where a patient is reached.
const ROLE: &str = "NOTIFIER";

/// Reads for jobs that tell patients something.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) app: Arc<App>,
}

impl Desk {
    pub(super) fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app) }
    }

    /// The context of one run of a job.
    pub(super) fn context(&self, job: &'static str, clinic: ClinicId) -> Result<RequestContext, JobFailure> {
        let role: Role = ROLE.parse().map_err(|_| JobFailure::fatal("access.role"))?;
        Ok(self.app.system.job(job, role, clinic))
    }

    /// The appointment, if there is one.
    pub(super) async fn appointment(
        &self,
        context: &RequestContext,
        id: Uuid,
    ) -> Result<Option<Released<Appointment>>, JobFailure> {
        let read = async {
            let grant = self.app.gate.open(context, Read::<Appointment>::new(Id::from_uuid(id))).await?;
            let row = self.app.stores.appointments.find(&grant).await?;
            grant.release(row).await
        };
        found(read.await)
    }

    /// The clinic's record, if there is one.
    pub(super) async fn clinic(
        &self,
        context: &RequestContext,
    ) -> Result<Option<Released<Clinic>>, JobFailure> {
        found(read_clinic(&self.app, context).await)
    }

    /// Where the patient can be written to. Nobody writes to who has died, or whose record is out of use.
    pub(super) async fn address(
        &self,
        context: &RequestContext,
        id: Uuid,
    ) -> Result<Option<Email>, JobFailure> {
        let read = async {
            let grant = self.app.gate.open(context, Read::<Patient>::new(Id::from_uuid(id))).await?;
            let row = self.app.stores.patients.find(&grant).await?;
            grant.release(row).await
        };
        let Some(patient) = found(read.await)? else { return Ok(None) };
        let hidden = |_| JobFailure::fatal("access.hidden");
        let died = patient.reveal(patient::DeceasedOn).map_err(hidden)?.is_some();
        let address = patient.reveal(patient::ElectronicMail).map_err(hidden)?;
        Ok(if patient.active && !died { address.clone() } else { None })
    }

    /// Hands on to the next step. What is known already was handed on by an earlier start.
    pub(super) async fn hand_on(
        &self,
        job: Result<NewJob, healthcare_messaging::JobConfigError>,
    ) -> Result<(), JobFailure> {
        let job = job.map_err(|_| JobFailure::fatal("jobs.unwritable"))?;
        self.app.jobs.enqueue(job).await.map(drop).map_err(unreachable)
    }
}

/// The jobs could not be read or written.
pub(super) fn unreachable(_: JobError) -> JobFailure {
    JobFailure::retry("jobs.unreachable")
}

fn found<T>(read: Result<Released<T>, AccessError>) -> Result<Option<Released<T>>, JobFailure> {
    match read {
        Ok(row) => Ok(Some(row)),
        Err(AccessError::NotFound) => Ok(None),
        Err(AccessError::Denied(_)) => Err(JobFailure::fatal("access.denied")),
        Err(_) => Err(JobFailure::retry("access.failed")),
    }
}
