//! Whose scripts may call the API from a browser: none but our own, unless the configuration names them.

use crate::config::WebOrigin;
use http::{HeaderName, HeaderValue, Method, header};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers an answer.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Lets these origins call with a token of theirs. Cookies are never taken from elsewhere, so pages stay out of reach.
pub(super) fn layer(origins: &[WebOrigin]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok()).collect();
    let own =
        |names: &[&'static str]| names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>();
    let mut allowed =
        own(&["idempotency-key", "traceparent", "x-clinic-id", "x-location-id", "x-purpose-of-use"]);
    allowed.extend([header::AUTHORIZATION, header::CONTENT_TYPE]);
    let mut shown = own(&["idempotency-replayed", "ratelimit", "ratelimit-policy", "x-correlation-id"]);
    shown.push(header::RETRY_AFTER);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH])
        .allow_headers(allowed)
        .expose_headers(shown)
        .max_age(REMEMBERED)
}
