//! What the log and the metrics are told of a request: which route, how it ended, how long it took. Never its address, query, headers or body.

use axum::extract::{MatchedPath, Request};
use healthcare_core::{CorrelationId, TraceContext};
use http::{Method, StatusCode};
use std::time::Instant;
use tracing::Span;

/// A request, as it may be told of.
pub(super) struct Told {
    /// The route's template, `/api/v1/patients/{id}`: what stands in the place of the id is nobody's business.
    route: String,
    method: &'static str,
    begun: Instant,
    span: Span,
    is_probe: bool,
}

impl Told {
    pub(super) fn of(request: &Request, correlation: CorrelationId, is_probe: bool) -> Self {
        let matched = request.extensions().get::<MatchedPath>();
        let route = matched.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
        let method = known(request.method());
        // At the highest level, so that a warning names its request whatever the log leaves out.
        let span = tracing::error_span!("request", %correlation, trace = %trace(request, correlation), method, route);
        metrics::gauge!("http_requests_in_flight").increment(1.0);
        Self { route, method, begun: Instant::now(), span, is_probe }
    }

    pub(super) const fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn ended(&self, status: StatusCode) {
        let took = self.begun.elapsed();
        let labels = [("route", self.route.clone()), ("method", self.method.to_owned())];
        metrics::histogram!("http_request_seconds", &labels).record(took.as_secs_f64());
        let status = status.as_u16();
        metrics::counter!("http_requests_total", "route" => self.route.clone(), "method" => self.method, "status" => status.to_string())
            .increment(1);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let _inside = self.span.enter();
        match status {
            500.. => tracing::warn!(status, ms, "answered"),
            _ if self.is_probe => tracing::debug!(status, ms, "answered"),
            _ => tracing::info!(status, ms, "answered"),
        }
    }
}

/// A request that is dropped was under way no less.
impl Drop for Told {
    fn drop(&mut self) {
        metrics::gauge!("http_requests_in_flight").decrement(1.0);
    }
}

/// The trace that the caller is part of, or one that begins here, under the request's own id.
fn trace(request: &Request, correlation: CorrelationId) -> String {
    let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let given = header.and_then(|text| text.parse::<TraceContext>().ok());
    given.map_or_else(|| correlation.as_uuid().simple().to_string(), |trace| trace.trace_id().to_owned())
}

/// Anybody may invent a method: that is no label.
fn known(method: &Method) -> &'static str {
    let known = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let names = ["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"];
    known.iter().zip(names).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}
