//! Whether the server lives, and whether to send it requests.

use crate::App;
use axum::{extract::State, response::IntoResponse};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How the server is.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthView {
    /// `up`, `degraded` or `down`.
    status: String,
    /// What was looked at.
    checks: Vec<CheckView>,
}

#[derive(Serialize, ToSchema)]
struct CheckView {
    name: &'static str,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// How the server and what it needs are.
#[utoipa::path(get, path = "/health", tag = "about", security(()), responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub(super) async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let report = app.health.readiness().await;
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let checks = report
        .checks
        .iter()
        .map(|check| CheckView { name: check.name, status: check.state.to_string(), reason: check.reason })
        .collect();
    (status, axum::Json(HealthView { status: report.state.to_string(), checks }))
}

/// The process answers. It looks at nothing else: restarting every server while the database is away helps nobody.
#[utoipa::path(get, path = "/livez", tag = "about", security(()), responses((status = 200)))]
pub(super) async fn livez() -> StatusCode {
    StatusCode::OK
}

/// Whether to send requests here.
#[utoipa::path(get, path = "/readyz", tag = "about", security(()), responses((status = 200), (status = 503)))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> StatusCode {
    if app.health.readiness().await.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
