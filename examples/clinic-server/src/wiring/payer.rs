//! Who is asked whether a visit is covered, if anybody.

use super::StartError;
use crate::{
    config::Config,
    payer::{FhirPayer, PayerTimes},
};
use healthcare_core::Clock;
use healthcare_resilience::HealthBuilder;
use std::{sync::Arc, time::Duration};

/// A plugin may prepare for as long as the payer may take, and a little.
pub(super) const PREPARE_TIME_MAX: Duration = Duration::from_secs(5);

pub(super) fn of(config: &Config, clock: &Arc<dyn Clock>) -> Result<Option<FhirPayer>, StartError> {
    let payer = config
        .eligibility
        .clone()
        .map(|payer| FhirPayer::new(payer, PayerTimes::default(), Arc::clone(clock)));
    payer.transpose().map_err(StartError::Eligibility)
}

/// Adds the circuit round the payer. Clinics that ask it book nothing while it is open, or book unasked; everything else works.
pub(super) fn watched(health: HealthBuilder, payer: Option<&FhirPayer>) -> HealthBuilder {
    match payer {
        Some(payer) => health.component(payer.breaker().clone()),
        None => health,
    }
}
