use super::{Health, HealthReport, Phase, json};
use axum::{
    Json, Router, middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use std::sync::Arc;

type Guard = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

impl Health {
    /// The routes of health, for a router of any state, without what only operators should see.
    ///
    /// | route | answer |
    /// | --- | --- |
    /// | `/livez` | 200, always: a process that answers is alive |
    /// | `/readyz` | 200, or 503 with `Retry-After`; the word is the phase or the state |
    /// | `/health` | the same as JSON: `status` is `up`, `degraded` or `down`, `phase` is `starting`, `serving` or `stopping` |
    /// | `/health/api` | the same in the fields of the IETF draft "Health Check Response Format for HTTP APIs" (`application/health+json`): `pass`, `warn` or `fail` |
    ///
    /// Every answer says `Cache-Control: no-store`: results are remembered here, so a probe costs next to nothing, and a
    /// proxy must not tell yesterday's readiness. `HEAD` works everywhere. Names of checks, reasons and circuits are
    /// told by [`guarded_router`](Self::guarded_router) alone.
    ///
    /// ```
    /// # use healthcare_resilience::Health;
    /// let health = Health::builder().build()?;
    /// let app: axum::Router = axum::Router::new().merge(health.router());
    /// # Ok::<(), healthcare_resilience::HealthConfigError>(())
    /// ```
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.routes(None)
    }

    /// As [`router`](Self::router), with `/health/detailed` and with `checks` in `/health/api`, for requests that `guard`
    /// lets through. Others get 403 for the former, and the latter without `checks`.
    ///
    /// What is told holds fixed texts only: no address, no secret, nothing of a person. It still tells an attacker what
    /// this program depends on and when that is weak, so let operators in and nobody else: look at a header compared in
    /// constant time, at the address that the server put into the extensions, or at an extension that an
    /// authenticating middleware left there. The guard must not block.
    ///
    /// ```
    /// # use healthcare_resilience::Health;
    /// #[derive(Clone)]
    /// struct Operator; // put there by the middleware that authenticates
    /// let health = Health::builder().build()?;
    /// let operators = |request: &http::request::Parts| request.extensions.get::<Operator>().is_some();
    /// let app: axum::Router = axum::Router::new().merge(health.guarded_router(operators));
    /// # Ok::<(), healthcare_resilience::HealthConfigError>(())
    /// ```
    pub fn guarded_router<S, G>(&self, guard: G) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
        G: Fn(&Parts) -> bool + Send + Sync + 'static,
    {
        self.routes(Some(Arc::new(guard)))
    }

    fn routes<S: Clone + Send + Sync + 'static>(&self, guard: Option<Guard>) -> Router<S> {
        let [ready, short, standard, detailed] = [self.clone(), self.clone(), self.clone(), self.clone()];
        let mut routes = Router::new()
            .route("/livez", get(async || "alive"))
            .route("/readyz", get(async move || ready.readyz().await))
            .route("/health", get(async move || short.summary().await));
        if let Some(guard) = guard.clone() {
            let page = async move |request: Parts| detailed.detailed(guard(&request)).await;
            routes = routes.route("/health/detailed", get(page));
        }
        let page =
            async move |request: Parts| standard.standard(guard.is_some_and(|guard| guard(&request))).await;
        routes.route("/health/api", get(page)).layer(middleware::map_response(unstored))
    }

    async fn readyz(self) -> Response {
        let report = self.readiness().await;
        let word = match report.phase {
            Phase::Serving => report.state.as_str(),
            phase => phase.as_str(),
        };
        self.with_status(&report, word)
    }

    async fn summary(self) -> Response {
        let report = self.readiness().await;
        self.with_status(&report, Json(json::summary(&report)))
    }

    async fn detailed(self, is_admitted: bool) -> Response {
        if !is_admitted {
            return StatusCode::FORBIDDEN.into_response();
        }
        let details = self.details().await;
        self.with_status(&details.report, Json(json::detailed(&details)))
    }

    async fn standard(self, is_admitted: bool) -> Response {
        let details = self.details().await;
        let mut response = self.with_status(&details.report, Json(json::standard(&details, is_admitted)));
        let health_json = HeaderValue::from_static("application/health+json");
        response.headers_mut().insert(header::CONTENT_TYPE, health_json);
        response
    }

    fn with_status(&self, report: &HealthReport, body: impl IntoResponse) -> Response {
        let mut response = body.into_response();
        if !report.is_ready() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            // Before that the same result would be told again.
            let seconds = self.shared.keep.as_secs_f64().ceil().clamp(1.0, 3_600.0) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

async fn unstored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
