//! What lies around every route: the request's id, the answer to problems, limits of time, headers.

use super::{BODY_BYTES_MAX, ClientAddress, Problem, cors, limits, told::Told};
use crate::{App, pages};
use axum::{
    Router,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use healthcare_core::{CorrelationId, ErrorBody, ErrorCode};
use healthcare_resilience::{BoxError, Priority, TimeOutLayer};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use std::{sync::Arc, time::Duration};
use tower::{ServiceBuilder, util::option_layer};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

/// How long a request may take.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// What a page may load and talk to: our own small files and this server, nothing inline and nothing from elsewhere.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Puts the layers around the routes. The first to see a request is the last in this list.
pub fn wrap(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|_: BoxError| async { Problem::of(ErrorCode::Elapsed) }))
        .layer(TimeOutLayer::new(REQUEST_TIME_MAX));
    let origins = &app.settings.allowed_origins;
    let cors = (!origins.is_empty()).then(|| cors::layer(origins));
    routes
        .fallback(async || Problem::of(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Problem::of(ErrorCode::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(limits)
        .layer(CatchPanicLayer::custom(|_| Problem::of(ErrorCode::Internal).into_response()))
        .layer(option_layer(cors))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let correlation = CorrelationId::random();
    let path = request.uri().path();
    let (is_page, is_probe) = (pages::is_page(path), limits::is_probe(path));
    let address = ClientAddress::of(&request, &app.settings.trusted_proxies);
    request.extensions_mut().insert(correlation);
    request.extensions_mut().insert(address);
    let renewed = pages::Renewed::default();
    request.extensions_mut().insert(renewed.clone());
    if let ClientAddress(Some(address)) = address {
        request.extensions_mut().insert(healthcare_rbac::edge::ClientAddress(address));
    }
    let told = Told::of(&request, correlation, is_probe);
    let mut headers = HeaderMap::new();
    let admitted = match address {
        ClientAddress(Some(address)) if !is_probe => app.limits.address(address, &mut headers).await,
        _ => Ok(()),
    };
    let answer = match admitted {
        Ok(()) => answered(&app, request, next).instrument(told.span().clone()).await,
        Err(refused) => Problem::refused(ErrorCode::RateLimited, refused).into_response(),
    };
    let mut response = renewed.put_on(written(&app, answer, correlation, is_page));
    limits::append(response.headers_mut(), headers);
    dress(&app, &mut response, correlation);
    told.ended(response.status());
    response
}

/// Lets a request in where there is room, and the database answers.
async fn answered(app: &App, request: Request, next: Next) -> Response {
    if declared(&request) > BODY_BYTES_MAX {
        return Problem::of(ErrorCode::TooLarge).into_response();
    }
    if request.version() == Version::HTTP_11 && !names_one_host(request.headers()) {
        let problem = Problem::of(ErrorCode::MalformedRequest);
        return problem.saying("Send one Host header.").into_response();
    }
    // Whoever stops the server waits for the requests that were let in.
    let Ok(inside) = app.requests.enter("request") else {
        return Problem::of(ErrorCode::ShuttingDown).into_response();
    };
    let answer = match limits::priority(app, &request) {
        None => next.run(request).await,
        Some(priority) => guarded(app, priority, request, next).await,
    };
    drop(inside);
    answer
}

async fn guarded(app: &App, priority: Priority, request: Request, next: Next) -> Response {
    let place = match app.limits.shedder().try_acquire(priority) {
        Ok(place) => place,
        Err(refused) => return Problem::refused(ErrorCode::Overloaded, refused).into_response(),
    };
    let permit = match app.limits.database().try_acquire() {
        Ok(permit) => permit,
        Err(refused) => return Problem::refused(ErrorCode::StorageUnavailable, refused).into_response(),
    };
    let answer = next.run(request).await;
    let class = limits::class(&answer);
    permit.record(class);
    place.record(class);
    answer
}

/// Without a host, or with two, a proxy and this server could take a request for different ones (RFC 9112 §3.2).
fn names_one_host(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().count() == 1
}

/// How long the body is said to be. One that is longer than it said is cut off where it is read.
fn declared(request: &Request) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Writes a problem as JSON, or as a page for browsers.
fn written(app: &App, mut response: Response, correlation: CorrelationId, is_page: bool) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let allow = response.headers_mut().remove(header::ALLOW);
    let (retry_after, refused) = (problem.retry_after, problem.refused);
    let rates = rates(&mut response);
    let mut written =
        if is_page { pages::problem(app, &problem, correlation) } else { json(app, problem, correlation) };
    if let Some(allow) = allow {
        written.headers_mut().insert(header::ALLOW, allow);
    }
    if let Some(wait) = retry_after {
        // Rounded up: who comes earlier is refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        written.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    limits::append(written.headers_mut(), rates);
    if let Some(refused) = refused {
        refused.write_headers(written.headers_mut());
    }
    if written.status() == StatusCode::UNAUTHORIZED && !is_page {
        // A sign-in that failed; a request without a good token was told so by the layer before the routes.
        written.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    written
}

/// What limits further in said: a problem is written anew.
fn rates(response: &mut Response) -> HeaderMap {
    let mut rates = HeaderMap::new();
    for name in ["ratelimit-policy", "ratelimit"].map(HeaderName::from_static) {
        let values = response.headers().get_all(&name).iter().cloned().collect::<Vec<_>>();
        for value in values {
            rates.append(name.clone(), value);
        }
    }
    rates
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
    let status = &response.status();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.settings.https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Whoever cannot be served now is told when to come again, whatever the reason.
    if *status == StatusCode::SERVICE_UNAVAILABLE {
        headers.entry(header::RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
    }
    if let Ok(id) = HeaderValue::from_str(&correlation.to_string()) {
        headers.insert("x-correlation-id", id);
    }
}
