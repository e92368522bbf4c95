//! The HTTP API under `/api/v1`, one file per resource.

mod answers;
mod appointments;
mod audit;
mod auth;
mod break_glass;
mod clinics;
mod glass_log;
mod health;
mod jobs;
mod list;
mod me;
mod openapi;
mod patients;
mod practitioners;
mod record;

pub(crate) use appointments::{AppointmentView, book_problem};
pub(crate) use audit::{
    AuditParams, EntryView, VerdictView, entries as audit_entries, verdict as audit_verdict,
};
pub use audit::{AuditTrail, audit_trail};
pub(crate) use break_glass::{BreakGlassView, GlassParams, GlassReport, glasses, report as glass_report};
pub(crate) use clinics::read_clinic;
pub(crate) use jobs::{
    JobParams, JobView, QueueView, counts as queue_counts, jobs as jobs_listed, retry_dead, retry_one,
};
pub use openapi::document;
pub(crate) use patients::{PatientSearch, PatientView, exists as patient_exists, find};
pub(crate) use record::read_record;

use crate::{App, http::by_caller, live};
use axum::{Router, middleware};
use healthcare_rbac::edge::AuthLayer;
use std::sync::Arc;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Where the API lives.
pub const PREFIX: &str = "/api/v1";

/// Health alone, for processes that answer nothing else.
pub fn health_routes() -> Router<Arc<App>> {
    let health = OpenApiRouter::new()
        .routes(routes!(health::health))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz));
    health.split_for_parts().0
}

/// What is open without a sign-in: signing in, and health.
fn open() -> OpenApiRouter<Arc<App>> {
    let v1 = OpenApiRouter::new().routes(routes!(auth::login)).routes(routes!(auth::refresh));
    OpenApiRouter::with_openapi(openapi::frame())
        .nest(PREFIX, v1)
        .routes(routes!(health::health))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(live::connect))
}

/// Everything else.
fn signed_in() -> OpenApiRouter<Arc<App>> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(auth::logout))
        .routes(routes!(auth::switch_clinic))
        .routes(routes!(me::me))
        .routes(routes!(clinics::clinics))
        .routes(routes!(clinics::locations))
        .routes(routes!(clinics::services))
        .routes(routes!(practitioners::practitioners))
        .routes(routes!(practitioners::availability))
        .routes(routes!(patients::list, patients::create))
        .routes(routes!(patients::search))
        .routes(routes!(patients::read, patients::update))
        .routes(routes!(record::record))
        .routes(routes!(break_glass::begin))
        .routes(routes!(break_glass::list))
        .routes(routes!(break_glass::read))
        .routes(routes!(break_glass::end))
        .routes(routes!(break_glass::review))
        .routes(routes!(appointments::list, appointments::book))
        .routes(routes!(appointments::step))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::read))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::retry_some))
        .routes(routes!(jobs::queues))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(live::api_ticket));
    OpenApiRouter::new().nest(PREFIX, v1).routes(routes!(openapi::serve))
}

/// The description of every route.
pub(crate) fn description() -> utoipa::openapi::OpenApi {
    answers::complete(open().merge(signed_in()).split_for_parts().1)
}

/// Tickets and sockets alone, for processes that hold connections and answer nothing else.
pub fn live_routes(app: &App) -> Router<Arc<App>> {
    let open = OpenApiRouter::new().routes(routes!(live::connect)).split_for_parts().0;
    let tickets = OpenApiRouter::new().nest(PREFIX, OpenApiRouter::new().routes(routes!(live::api_ticket)));
    health_routes().merge(open).merge(behind_sign_in(app, tickets))
}

/// The routes, with the layer that asks for a token before all but the open ones.
pub fn routes(app: &App) -> Router<Arc<App>> {
    open().split_for_parts().0.merge(behind_sign_in(app, signed_in()))
}

fn behind_sign_in(app: &App, routes: OpenApiRouter<Arc<App>>) -> Router<Arc<App>> {
    let auth =
        AuthLayer::new(app.tokens.clone(), app.sessions.clone(), app.edge.clone(), Arc::clone(&app.clock));
    // The layer that was added last is the first to see a request.
    let shares = middleware::from_fn_with_state(app.limits.clone(), by_caller);
    routes.split_for_parts().0.route_layer(shares).route_layer(auth)
}
