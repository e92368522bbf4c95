//! The description of the API: made from the same list as the router, so that neither knows a route the other does not.

use super::description;
use crate::http::Caller;
use axum::response::{IntoResponse, Response};
use http::header;
use std::sync::OnceLock;
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// An error, as every route answers it.
#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
struct ErrorAnswer {
    /// The error.
    error: ErrorInside,
}

#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
struct ErrorInside {
    /// A stable code, such as `APPOINTMENT_CONFLICT`.
    code: String,
    /// What to do.
    message: String,
    /// When, RFC 3339.
    timestamp: String,
    /// The request's id, as the logs know it.
    correlation_id: Option<String>,
    /// What is wrong with which field.
    details: Option<Vec<FieldAnswer>>,
}

#[derive(utoipa::ToSchema)]
#[allow(dead_code)]
struct FieldAnswer {
    /// The field, as the request names it.
    field: String,
    /// What is wrong, and what would be right.
    problem: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Clinic server",
        description = "Every answer about a patient follows a decision and a durable audit record. Writes take `Idempotency-Key`; \
                       `X-Clinic-ID` may repeat the token's clinic; `X-Purpose-Of-Use` names one of the role's purposes. A query \
                       parameter that a list does not name is refused. Any route may answer an error in the form of `ErrorAnswer`.",
    ),
    components(schemas(ErrorAnswer, ErrorInside, FieldAnswer)),
    security(("bearer" = [])),
)]
struct Frame;

/// The document without its routes.
pub(super) fn frame() -> utoipa::openapi::OpenApi {
    let mut frame = Frame::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    if let Some(components) = frame.components.as_mut() {
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
    frame
}

/// The whole document, as JSON.
#[must_use]
pub fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(|| description().to_json().unwrap_or_default())
}

/// This document.
#[utoipa::path(get, path = "/api-docs/openapi.json", tag = "about", responses((status = 200, description = "OpenAPI 3.1")))]
pub(super) async fn serve(_: Caller) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}
