//! What operators may do with the caches: count, and purge. Each purge is in the audit log before it is done.

use super::Caches;
use crate::App;
use async_trait::async_trait;
use axum::Router;
use healthcare_audit::AuditLog;
use healthcare_cache::{AdminAct, AdminAudit, AdminEvent, CacheAdmin, Operator};
use healthcare_core::{
    Action, Actor, Ask, AuditEvent, AuditEventId, AuditSink as _, ClinicId, Clock, CorrelationId, Outcome,
    Role,
};
use healthcare_resilience::BoxError;
use jiff::Timestamp;
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// Whoever holds the operators' token, or sits at this machine: they have no account here.
const OPERATOR: Uuid = Uuid::nil();

/// The routes `/caches` and `/purge`, for whoever was let in as an operator.
///
/// # Errors
/// When two caches are called the same.
pub(crate) fn router(app: &App) -> Result<Router, BoxError> {
    let audit = OperatorLog {
        audit: app.audit.clone(),
        clock: Arc::clone(&app.clock),
        role: "OPERATOR".parse::<Role>()?,
    };
    let Caches { node, kept } = &app.caches;
    let guard = |_: &http::request::Parts| Some(Operator::of_all(OPERATOR));
    let admin = CacheAdmin::builder(node, guard, Arc::new(audit));
    let admin = match kept {
        Some(kept) => admin
            .keyless_cache(&kept.patients)
            .keyless_cache(&kept.practitioners)
            .keyless_cache(&kept.locations)
            .keyless_cache(&kept.clinics)
            .keyless_cache(&kept.relations),
        None => admin,
    };
    Ok(admin.build()?.router())
}

/// Acts of operators, as entries of the server's own audit log.
#[derive(Debug)]
struct OperatorLog {
    audit: AuditLog,
    clock: Arc<dyn Clock>,
    role: Role,
}

#[async_trait]
impl AdminAudit for OperatorLog {
    async fn record(&self, event: &AdminEvent) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.audit.submit(entry(&event.act, &self.role, self.clock.now())).await?)
    }
}

/// What stands in the log. An act on everything belongs to no clinic: its id is nil.
fn entry(act: &AdminAct, role: &Role, at: Timestamp) -> AuditEvent {
    let (action, note, subject) = match act {
        AdminAct::LookUp { .. } => (Action::Read, "cache-looked-up", None),
        AdminAct::PurgeSubject { subject, .. } => (Action::Delete, "cache-purged-subject", Some(*subject)),
        AdminAct::PurgeClinic { .. } => (Action::Delete, "cache-purged-clinic", None),
        AdminAct::PurgeAll => (Action::Delete, "cache-purged-all", None),
        _ => (Action::Delete, "cache-purged", None),
    };
    let clinic = act.clinic().unwrap_or_else(|| ClinicId::from_uuid(Uuid::nil()));
    let id = AuditEventId { correlation: CorrelationId::random(), number: 0 };
    let actor = Actor::System { job: Cow::Borrowed("operator"), role: role.clone() };
    let ask = Ask { action, kind: Cow::Borrowed("cache"), target: None, subject };
    AuditEvent::of_actor(id, at, actor, clinic, ask, Outcome::Noted(Cow::Borrowed(note)))
}
