//! What lies around every route: the request's id, the answer to problems, limits of time, headers.

use super::{ClientAddress, Problem};
use crate::{App, pages};
use axum::{
    Router,
    error_handling::HandleErrorLayer,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use healthcare_core::{CorrelationId, ErrorBody, ErrorCode};
use healthcare_resilience::{BoxError, TimeOutLayer};
use http::{HeaderName, HeaderValue, StatusCode, header};
use std::{sync::Arc, time::Duration};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

/// How long a request may take.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// What a page may load: the one stylesheet, nothing else, from here alone.
pub const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the layers around the routes. The first to see a request is the last in this list.
pub fn wrap(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|_: BoxError| async { Problem::of(ErrorCode::Elapsed) }))
        .layer(TimeOutLayer::new(REQUEST_TIME_MAX));
    routes
        .fallback(async || Problem::of(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Problem::of(ErrorCode::MethodNotAllowed))
        .layer(limits)
        .layer(CatchPanicLayer::custom(|_| Problem::of(ErrorCode::Internal).into_response()))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let correlation = CorrelationId::random();
    let is_page = pages::is_page(request.uri().path());
    let address = ClientAddress::of(&request, &app.settings.trusted_proxies);
    request.extensions_mut().insert(correlation);
    request.extensions_mut().insert(address);
    if let ClientAddress(Some(address)) = address {
        request.extensions_mut().insert(healthcare_rbac::edge::ClientAddress(address));
    }
    let answer = match app.requests.enter("request") {
        // Whoever stops the server waits for the requests that were let in.
        Ok(inside) => {
            let answer = next.run(request).await;
            drop(inside);
            answer
        }
        Err(_) => Problem::of(ErrorCode::ShuttingDown).into_response(),
    };
    let mut response = written(&app, answer, correlation, is_page);
    dress(&app, &mut response, correlation);
    response
}

/// Writes a problem as JSON, or as a page for browsers.
fn written(app: &App, mut response: Response, correlation: CorrelationId, is_page: bool) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let allow = response.headers_mut().remove(header::ALLOW);
    let retry_after = problem.retry_after;
    let mut written =
        if is_page { pages::problem(app, &problem, correlation) } else { json(app, problem, correlation) };
    if let Some(allow) = allow {
        written.headers_mut().insert(header::ALLOW, allow);
    }
    if let Some(wait) = retry_after {
        written.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if written.status() == StatusCode::UNAUTHORIZED && !is_page {
        // A sign-in that failed; a request without a good token was told so by the layer before the routes.
        written.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    written
}

fn json(app: &App, problem: Problem, correlation: CorrelationId) -> Response {
    let mut body = ErrorBody::new(problem.code, app.clock.now())
        .with_correlation(correlation)
        .with_details(problem.details);
    if let Some(message) = problem.message {
        body = body.with_message(message);
    }
    body.into_response()
}

fn dress(app: &App, response: &mut Response, correlation: CorrelationId) {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.settings.https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if let Ok(id) = HeaderValue::from_str(&correlation.to_string()) {
        headers.insert("x-correlation-id", id);
    }
}
