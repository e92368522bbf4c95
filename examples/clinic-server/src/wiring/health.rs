//! What the server needs, and what it does without.

use super::{StartError, email::Post, jobs, payer};
use crate::{Caches, Jobs, Live, http::Limits, payer::FhirPayer};
use healthcare_audit::AuditLog;
use healthcare_core::Clock;
use healthcare_db::Database;
use healthcare_messaging::RelayStatus;
use healthcare_resilience::{Health, Shutdown, Unhealthy};
use jiff::{SignedDuration, Timestamp};
use std::{sync::Arc, time::Duration};

/// How long ago the relay may have read the outbox: longer than it waits for deliveries that hang in each place of its batch.
const RELAY_SILENCE_MAX: SignedDuration = SignedDuration::from_secs(90);

/// Whether committed events are carried away. Nobody's request needs it, and what waits is not lost.
fn carries(status: &RelayStatus, now: Timestamp) -> Result<(), Unhealthy> {
    match status.looked_at() {
        None if status.failures() > 0 => Err(Unhealthy::because("cannot read the outbox")),
        Some(at) if now.duration_since(at) > RELAY_SILENCE_MAX => Err(Unhealthy::because("has stalled")),
        _ => Ok(()),
    }
}

/// The checks of readiness.
pub(super) fn health(
    shutdown: &Shutdown,
    database: &Database,
    audit: &AuditLog,
    (relay, clock): (Arc<RelayStatus>, &Arc<dyn Clock>),
    (limits, caches, live): (&Limits, &Caches, &Live),
    (worked, post, asked): (&Jobs, &Post, Option<&FhirPayer>),
) -> Result<Health, StartError> {
    let watched = post.watched(live.watched(caches.watched(limits.watched(Health::builder()))));
    let checks = jobs::watched(payer::watched(watched, asked), worked, clock);
    let (database, audit, clock) = (database.clone(), audit.clone(), Arc::clone(clock));
    checks
        .required("database", Duration::from_secs(2), move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|_| Unhealthy::because("does not answer")) }
        })
        .required("audit", Duration::from_secs(2), move || {
            let sound = audit.fault().is_none();
            async move { if sound { Ok(()) } else { Err(Unhealthy::because("takes no more entries")) } }
        })
        .optional("relay", Duration::from_secs(1), move || {
            let carried = carries(&relay, clock.now());
            async move { carried }
        })
        .shutdown(shutdown)
        .build()
        .map_err(|error| StartError::Wiring(error.into()))
}
