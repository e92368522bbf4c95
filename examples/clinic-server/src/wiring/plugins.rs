//! The plugins of appointments, and where it is read which of them a clinic switched on.

use super::payer;
use crate::{Jobs, notices::JobNotices, payer::FhirPayer};
use async_trait::async_trait;
use healthcare_core::{
    AccessError, Boundary, Clinic, ClinicId, Clock, Eligibility, Gate, Id, Notification, Patient,
    PluginError, PluginSettings, Plugins, Read, Reader, Reminder, System,
};
use std::{fmt, sync::Arc};

/// What clinics may switch on.
pub(super) fn plugins(
    store: &Arc<impl Reader<Patient> + Reader<Clinic> + 'static>,
    payer: Option<&FhirPayer>,
    jobs: &Jobs,
    (boundary, clock): (&Boundary, &Arc<dyn Clock>),
) -> Plugins {
    let notices = Arc::new(JobNotices::new(jobs.clone()));
    let (gate, system) = (boundary.gate.clone(), boundary.system.clone());
    let records = ClinicRecords { gate, system, clinics: Arc::clone(store) as _ };
    let eligibility = Eligibility::new(Arc::clone(store) as _);
    Plugins::builder()
        .prepare_time_max(payer::PREPARE_TIME_MAX)
        .with(match payer {
            Some(payer) => eligibility.asking(Arc::new(payer.clone())),
            None => eligibility,
        })
        .with(Notification::new(Arc::clone(&notices) as _))
        .with(Reminder::new(notices))
        .settings_from(Arc::new(records), Arc::clone(clock))
        .build()
}

/// What clinics switched on stands in their own records.
struct ClinicRecords {
    gate: Gate,
    system: System,
    clinics: Arc<dyn Reader<Clinic>>,
}

impl fmt::Debug for ClinicRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClinicRecords")
    }
}

impl ClinicRecords {
    async fn read(
        &self,
        clinic: ClinicId,
    ) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        let context = self.system.job("load-plugins", "SEED".parse()?, clinic);
        let read = async {
            let grant =
                self.gate.open(&context, Read::<Clinic>::new(Id::from_uuid(clinic.as_uuid()))).await?;
            let row = self.clinics.find(&grant).await?;
            grant.release(row).await
        };
        match read.await {
            Ok(record) => Ok(Some(record.plugins.clone())),
            Err(AccessError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[async_trait]
impl PluginSettings for ClinicRecords {
    async fn settings(&self, clinic: ClinicId) -> Result<Option<String>, PluginError> {
        self.read(clinic).await.map_err(PluginError)
    }
}
