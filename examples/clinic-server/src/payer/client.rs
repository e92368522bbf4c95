//! One inquiry over HTTP.

use super::{
    message,
    stack::{self, PayerTimes},
};
use crate::config::EligibilityConfig;
use async_trait::async_trait;
use axum::body::Bytes;
use healthcare_core::{Clock, CoverageAnswer, CoverageInquiry, Payer, Unanswered};
use healthcare_resilience::{
    BoxError, CallError, CircuitBreaker, Class, Classify as _, HttpStatus, IdempotencyKey, Stack,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use std::{fmt, sync::Arc, time::Duration};
use uuid::Uuid;

/// The longest answer that is read. Real ones have a few kilobytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 32 << 10;
const IDLE_MAX: Duration = Duration::from_secs(30);
const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");

/// A payer that is asked over HTTP. Cheap to clone; clones share connections and the circuit.
///
/// An inquiry changes nothing at the payer and carries a number of its own, so that it may be sent again: once, within the deadline, and
/// never to another place than the configured one, wherever an answer points.
#[derive(Clone)]
pub struct FhirPayer {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    config: EligibilityConfig,
    stack: Stack,
    breaker: CircuitBreaker,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for FhirPayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FhirPayer").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Why there is no answer, and what that says of the payer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Failure {
    pub(super) reason: &'static str,
    pub(super) class: Class,
}

impl Failure {
    /// What would be no better a second time.
    pub(super) const fn wrong(reason: &'static str) -> Self {
        Self { reason, class: Class::Permanent }
    }

    /// An answer that says nothing against the payer.
    pub(super) const fn ignored(reason: &'static str) -> Self {
        Self { reason, class: Class::Ignored }
    }
}

impl FhirPayer {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When the system's certificates cannot be read, or a time is none.
    pub fn new(
        config: EligibilityConfig,
        times: PayerTimes,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BoxError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(times.try_max));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?;
        // Plain text to this machine alone: the configuration has refused the rest.
        let connector = tls.https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(4)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(connector);
        let (stack, breaker) = stack::stack(times)?;
        Ok(Self { client, config, stack, breaker, clock })
    }

    /// The circuit round the payer.
    #[must_use]
    pub const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    async fn send(
        &self,
        body: Bytes,
        number: &HeaderValue,
        inquiry: &CoverageInquiry,
    ) -> Result<CoverageAnswer, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.config.url.expose().clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, FHIR_JSON);
        headers.insert(header::ACCEPT, FHIR_JSON);
        headers.insert("idempotency-key", number.clone());
        if let Some(authorization) = &self.config.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let unreachable = |_| Failure { reason: "payer.unreachable", class: Class::Transient };
        let answer = self.client.request(request).await.map_err(unreachable)?;
        refuse(&answer)?;
        match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
            Ok(body) => message::answer(&body.to_bytes(), inquiry),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Failure::wrong("payer.too-long"))
            }
            Err(_) => Err(Failure { reason: "payer.cut-off", class: Class::Transient }),
        }
    }
}

/// What no body is read of.
fn refuse<B>(answer: &Response<B>) -> Result<(), Failure> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(Failure::wrong("payer.redirect"));
    }
    // One that does not let us in answers nobody.
    if [401, 403].contains(&status.as_u16()) {
        return Err(Failure::wrong("payer.not-let-in"));
    }
    if !status.is_success() {
        let class = HttpStatus::new().classify(Ok::<_, &BoxError>(answer));
        return Err(Failure { reason: "payer.status", class });
    }
    if is_json(answer.headers()) { Ok(()) } else { Err(Failure::wrong("payer.no-json")) }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["application/fhir+json", "application/json"].iter().any(|json| kind.eq_ignore_ascii_case(json))
}

#[async_trait]
impl Payer for FhirPayer {
    async fn ask(&self, inquiry: &CoverageInquiry) -> Result<CoverageAnswer, Unanswered> {
        let number = Uuid::now_v7();
        let text = number.to_string();
        let body = Bytes::from(message::request(inquiry, number, self.clock.now()));
        let unsendable = Unanswered("payer.unsendable");
        let key = IdempotencyKey::new(&text).map_err(|_| unsendable)?;
        let header = HeaderValue::from_str(&text).map_err(|_| unsendable)?;
        let asked = self.stack.with(stack::class);
        let asked = asked.idempotent(&key, || Box::pin(self.send(body.clone(), &header, inquiry))).await;
        let outcome = match &asked {
            Ok(answer) => answer.as_str(),
            Err(CallError::Inner(failure)) => failure.reason,
            Err(CallError::Rejected(_)) => "payer.not-asked",
            Err(_) => "payer.slow",
        };
        metrics::counter!("coverage_inquiries_total", "outcome" => outcome).increment(1);
        asked.map_err(|_| {
            tracing::warn!(class = outcome, "a payer gave no answer");
            Unanswered(outcome)
        })
    }
}
