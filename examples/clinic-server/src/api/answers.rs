//! What every route may answer, written into the description for all of them at once: a route that is added says no less than the others.

use super::PREFIX;
use http::StatusCode;
use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, Response,
    path::{Operation, ParameterIn, PathItem},
};

/// The schema of every error.
const ERROR: &str = "ErrorAnswer";
/// What whoever calls too often, or while the server cannot, is told.
const LATER: [u16; 2] = [429, 503];
/// What a request without a good token, or with a clinic, a role or a purpose that is not its own, is told.
const SIGNED_IN: [u16; 3] = [400, 401, 403];
/// What a body may be refused for.
const BODY: [u16; 5] = [400, 408, 413, 415, 422];

/// Adds what the layers and extractors answer on every route, gives each error its schema, and each operation a name of its own.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            name(operation);
            if path.starts_with(PREFIX) || path.starts_with("/api-docs") {
                errors(operation);
            }
            described(operation);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// `list` is the name of several handlers: generated clients tell `patients_list` from `audit_list`.
fn name(operation: &mut Operation) {
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    if let Some(id) = operation.operation_id.as_mut().filter(|id| !id.starts_with(&tag)) {
        *id = format!("{tag}_{id}");
    }
}

fn errors(operation: &mut Operation) {
    let is_open = operation.security.is_some();
    let parameters = || operation.parameters.iter().flatten();
    let has = |place: ParameterIn| parameters().any(|parameter| parameter.parameter_in == place);
    let mut statuses = LATER.to_vec();
    if !is_open {
        statuses.extend(SIGNED_IN);
    }
    if operation.request_body.is_some() {
        statuses.extend(BODY);
    }
    if has(ParameterIn::Path) {
        statuses.push(404);
    }
    if has(ParameterIn::Query) {
        statuses.extend([400, 422]);
    }
    if parameters().any(|parameter| parameter.name == "Idempotency-Key") {
        statuses.extend([409, 422]);
    }
    for status in statuses {
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert_with(|| RefOr::T(Response::new("")));
    }
}

/// A word for each status, and the errors' schema where nothing else was said.
fn described(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let Ok(status) = StatusCode::from_bytes(status.as_bytes()) else { continue };
        if response.description.is_empty() {
            response.description = status.canonical_reason().unwrap_or_default().to_owned();
        }
        // Probes are answered without a body.
        let is_probe = operation.security.is_some() && operation.request_body.is_none();
        if status.as_u16() >= 400 && response.content.is_empty() && !is_probe {
            let error = Content::new(Some(Ref::from_schema_name(ERROR)));
            response.content.insert("application/json".to_owned(), error);
        }
    }
}
