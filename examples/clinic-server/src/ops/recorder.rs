//! Where counters, gauges and histograms of every crate are kept.

use crate::wiring::StartError;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::{Mutex, PoisonError};

/// Seconds, from what a cache takes to what a request may take.
const SECONDS: [f64; 13] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The process's own: a second server in one process counts into the same.
static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

pub(super) fn installed() -> Result<PrometheusHandle, StartError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let wrong = |error: Box<dyn std::error::Error + Send + Sync>| StartError::Wiring(error);
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|error| wrong(error.into()))?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|_| wrong("something else in this process counts".into()))?;
    *installed = Some(handle.clone());
    Ok(handle)
}
