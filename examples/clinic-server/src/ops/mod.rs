//! What operators see, on a listener of its own: `/metrics`, `/health/detailed`, `/health/api`, `/cache/caches`; and `/cache/purge`.
//!
//! Nothing of it holds a person, and all of it tells an attacker what this server depends on and when that is weak. So it is not served beside
//! the API: it listens on this machine, or asks for a token.

mod asked;
mod recorder;

use crate::{App, caches, config::OpsConfig, live, wiring::StartError};
use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use healthcare_resilience::Shutdown;
use http::{HeaderValue, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use ring::digest::{Digest, SHA256, digest};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// How often what was measured is put in order, also when nobody asks for it.
const UPKEEP: Duration = Duration::from_secs(10);

/// Counts from now on, if anybody is going to look.
pub(crate) fn record(config: Option<&OpsConfig>) -> Result<Option<PrometheusHandle>, StartError> {
    config.map(|_| recorder::installed()).transpose()
}

/// Serves operators until the stage `ops` ends, which is the last: what goes wrong on the way down can be seen.
pub(crate) async fn serve(
    config: &OpsConfig,
    metrics: PrometheusHandle,
    app: &Arc<App>,
    shutdown: &Shutdown,
) -> Result<SocketAddr, StartError> {
    let listener = TcpListener::bind(config.listen).await.map_err(StartError::OpsListen)?;
    let address = listener.local_addr().map_err(StartError::OpsListen)?;
    let stage = shutdown.stage("ops").map_err(|error| StartError::Wiring(error.into()))?;
    let router = router(config.token.as_deref(), metrics.clone(), app)?;
    let (serving, tending) = (stage.token(), stage.token());
    let work = async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(async move { serving.until_stopping().await })
            .await;
        if let Err(error) = served {
            tracing::warn!(%error, "the operators' listener ended");
        }
    };
    let tend = async move {
        let mut turns = tokio::time::interval(UPKEEP);
        loop {
            tokio::select! {
                () = tending.until_stopping() => return,
                _ = turns.tick() => metrics.run_upkeep(),
            }
        }
    };
    drop(stage.spawn("listener", work).map_err(|error| StartError::Wiring(error.into()))?);
    drop(stage.spawn("metrics", tend).map_err(|error| StartError::Wiring(error.into()))?);
    Ok(address)
}

fn router(token: Option<&str>, metrics: PrometheusHandle, app: &Arc<App>) -> Result<Router, StartError> {
    caches::describe();
    live::describe();
    let admin = caches::router(app).map_err(StartError::Wiring)?;
    let (health, measured) = (app.health.clone(), Arc::clone(app));
    let page = get(async move || {
        measured.caches.measure();
        measured.live.measure();
        let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        (text, metrics.render())
    });
    let known = token.map(|token| Arc::new(digest(&SHA256, token.as_bytes())));
    // Whoever has come so far is an operator.
    Ok(Router::new()
        .route("/metrics", page)
        .merge(health.guarded_router(|_| true))
        .nest("/cache", admin)
        .layer(middleware::from_fn_with_state(known, operators_only)))
}

/// Digests are compared, so that the time tells nothing of the token.
async fn operators_only(State(known): State<Option<Arc<Digest>>>, request: Request, next: Next) -> Response {
    let shown = healthcare_rbac::edge::bearer(request.headers()).ok().flatten();
    let challenge = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"operators\""))];
    let refused = match (&known, shown) {
        // Without a token everybody at this machine is an operator; what their browser sends for somebody else's page is not.
        (None, _) if !asked::is_by_operator(&request) => {
            Some(StatusCode::MISDIRECTED_REQUEST.into_response())
        }
        (None, _) => None,
        (Some(known), Some(shown)) if digest(&SHA256, shown.as_bytes()).as_ref() == (**known).as_ref() => {
            None
        }
        (Some(_), _) => Some((StatusCode::UNAUTHORIZED, challenge).into_response()),
    };
    let mut response = match refused {
        Some(refused) => refused,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
