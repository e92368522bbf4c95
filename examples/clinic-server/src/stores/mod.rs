//! Where records live, as the handlers see it: one seam for each need, whatever stands behind them.

mod emergency;
mod kept;
mod told;

pub use told::Told;

use async_trait::async_trait;
use healthcare_core::{
    AccessError, AllergyIntolerance, Appointment, AppointmentStore, BreakGlassStore, ChartReader, Clinic,
    Condition, Encounter, Immunization, Location, MedicationRequest, MemoryStore, Observation, Patient,
    Practitioner, Procedure, Reader, Record, Remember, RequestContext, Searcher, Service, Writer,
};
use healthcare_db::SqlStore;
use std::{fmt, sync::Arc};

/// Reads and writes records of one kind.
pub trait Repository<T: Record>: Reader<T> + Writer<T> {}
impl<T: Record, S: Reader<T> + Writer<T>> Repository<T> for S {}

/// Patients can also be searched for, and have charts.
pub trait PatientRepository: Repository<Patient> + Searcher<Patient> + ChartReader<Patient> {}
impl<S: Repository<Patient> + Searcher<Patient> + ChartReader<Patient>> PatientRepository for S {}

/// Writes each kind of a chart.
pub trait ChartWriter:
    Writer<Encounter>
    + Writer<Condition>
    + Writer<Observation>
    + Writer<MedicationRequest>
    + Writer<AllergyIntolerance>
    + Writer<Procedure>
    + Writer<Immunization>
{
}
impl<S> ChartWriter for S where
    S: Writer<Encounter>
        + Writer<Condition>
        + Writer<Observation>
        + Writer<MedicationRequest>
        + Writer<AllergyIntolerance>
        + Writer<Procedure>
        + Writer<Immunization>
{
}

/// Answers that were kept with their changes.
#[async_trait]
pub trait ReplyStore: fmt::Debug + Send + Sync {
    /// The answer the caller was given under this key.
    ///
    /// # Errors
    /// When storage fails.
    async fn remembered(
        &self,
        context: &RequestContext,
        key: [u8; 32],
    ) -> Result<Option<Remember>, AccessError>;
}

/// Every repository of the server.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Clinics.
    pub clinics: Arc<dyn Repository<Clinic>>,
    /// Their locations.
    pub locations: Arc<dyn Repository<Location>>,
    /// What they offer.
    pub services: Arc<dyn Repository<Service>>,
    /// Who treats.
    pub practitioners: Arc<dyn Repository<Practitioner>>,
    /// Who is treated.
    pub patients: Arc<dyn PatientRepository>,
    /// What their charts hold.
    pub chart: Arc<dyn ChartWriter>,
    /// Their appointments.
    pub appointments: Arc<dyn AppointmentStore>,
    /// Kept answers.
    pub replies: Arc<dyn ReplyStore>,
}

/// What one store must do to be every repository of the server.
pub trait ClinicStore:
    Repository<Clinic>
    + Repository<Location>
    + Repository<Service>
    + Repository<Practitioner>
    + PatientRepository
    + ChartWriter
    + Repository<Appointment>
    + AppointmentStore
    + ReplyStore
    + BreakGlassStore
    + 'static
{
}
impl<S> ClinicStore for S where
    S: Repository<Clinic>
        + Repository<Location>
        + Repository<Service>
        + Repository<Practitioner>
        + PatientRepository
        + ChartWriter
        + Repository<Appointment>
        + AppointmentStore
        + ReplyStore
        + BreakGlassStore
        + 'static
{
}

impl Stores {
    /// One store in every role.
    #[must_use]
    pub fn of<S: ClinicStore>(store: &Arc<S>) -> Self {
        Self {
            clinics: Arc::clone(store) as _,
            locations: Arc::clone(store) as _,
            services: Arc::clone(store) as _,
            practitioners: Arc::clone(store) as _,
            patients: Arc::clone(store) as _,
            chart: Arc::clone(store) as _,
            appointments: Arc::clone(store) as _,
            replies: Arc::clone(store) as _,
        }
    }
}

#[async_trait]
impl ReplyStore for MemoryStore {
    async fn remembered(
        &self,
        context: &RequestContext,
        key: [u8; 32],
    ) -> Result<Option<Remember>, AccessError> {
        Ok(Self::remembered(self, context.clinic(), context.actor().user(), key))
    }
}

#[async_trait]
impl ReplyStore for SqlStore {
    async fn remembered(
        &self,
        context: &RequestContext,
        key: [u8; 32],
    ) -> Result<Option<Remember>, AccessError> {
        let kept = Self::remembered(self, context, context.actor().user(), key).await?;
        kept.map(|kept| {
            let request = kept
                .request
                .try_into()
                .map_err(|_| AccessError::storage("a request's hash of another length"))?;
            Ok(Remember { key, request, reply: kept.reply })
        })
        .transpose()
    }
}
