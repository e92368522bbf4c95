//! The layer in front of every route that needs a sign-in.

use super::{AuthRejection, bearer, clues, cookie};
use crate::{
    session::SessionGuard,
    token::{AccessClaims, TokenService},
};
use axum::response::{IntoResponse as _, Response};
use healthcare_core::{Clock, CorrelationId, Edge, ErrorCode, RequestContext};
use http::{Request, request::Parts};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{self, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Where a request carried its token. A page that takes it from a cookie must check a CSRF token before it changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenPlace {
    /// In the `Authorization` header.
    Header,
    /// In the cookie named in [`AuthLayer::or_cookie`].
    Cookie,
}

/// Lets only requests with a good token through, and puts [`RequestContext`], [`AccessClaims`] and [`TokenPlace`] into their
/// extensions.
///
/// The order is: token, session, clinic. What came before it in the request (an earlier context) is thrown away.
///
/// ```no_run
/// # use healthcare_rbac::{edge::{AuthLayer, Context}, session::SessionGuard, token::TokenService};
/// # use std::sync::Arc;
/// # fn routes(tokens: TokenService, guard: SessionGuard, edge: healthcare_core::Edge, clock: Arc<dyn healthcare_core::Clock>) -> axum::Router {
/// axum::Router::new()
///     .route("/me", axum::routing::get(|Context(context): Context| async move { context.clinic().to_string() }))
///     .layer(AuthLayer::new(tokens, guard, edge, clock))
/// # }
/// ```
#[derive(Clone)]
pub struct AuthLayer(Arc<Inner>);

#[derive(Clone)]
struct Checks {
    tokens: TokenService,
    guard: SessionGuard,
    edge: Edge,
    clock: Arc<dyn Clock>,
    cookie: Option<Arc<str>>,
}

struct Inner {
    checks: Checks,
    refused: AtomicU64,
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").field("refused", &self.refused()).finish_non_exhaustive()
    }
}

impl AuthLayer {
    /// A layer that takes the token from the `Authorization` header alone.
    #[must_use]
    pub fn new(tokens: TokenService, guard: SessionGuard, edge: Edge, clock: Arc<dyn Clock>) -> Self {
        Self::of(Checks { tokens, guard, edge, clock, cookie: None })
    }

    /// For pages: without an `Authorization` header the token may be in the cookie of this name.
    #[must_use]
    pub fn or_cookie(self, name: impl Into<Arc<str>>) -> Self {
        Self::of(Checks { cookie: Some(name.into()), ..self.0.checks.clone() })
    }

    fn of(checks: Checks) -> Self {
        Self(Arc::new(Inner { checks, refused: AtomicU64::new(0) }))
    }

    /// How many requests were not let in. The edge records them by the minute, as numbers: whoever sends forged tokens does not
    /// fill a disk.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    async fn enter(&self, parts: &mut Parts) -> Result<(), ErrorCode> {
        parts.extensions.remove::<RequestContext>();
        parts.extensions.remove::<AccessClaims>();
        let inner = &self.0.checks;
        let (claims, place) = self.known(parts).await.inspect_err(|code| inner.edge.refused(*code))?;
        let context =
            inner.edge.request(claims.identity(), &clues(parts)?).map_err(|refused| refused.code())?;
        parts.extensions.insert(context);
        parts.extensions.insert(claims);
        parts.extensions.insert(place);
        Ok(())
    }

    /// Whose token it is, and where it was. Until that is known a refusal is counted and not recorded one by one.
    async fn known(&self, parts: &Parts) -> Result<(AccessClaims, TokenPlace), ErrorCode> {
        let inner = &self.0.checks;
        let (token, place) = match (bearer(&parts.headers)?, &inner.cookie) {
            (Some(token), _) => (Some(token), TokenPlace::Header),
            (None, Some(name)) => (cookie(&parts.headers, name)?, TokenPlace::Cookie),
            (None, None) => (None, TokenPlace::Header),
        };
        let token = token.ok_or(ErrorCode::Unauthenticated)?;
        let claims = inner.tokens.verify(token).map_err(|refused| {
            tracing::debug!(%refused, "token refused");
            refused.code()
        })?;
        inner.guard.check(&claims).await.map_err(|ended| {
            if let crate::session::SessionEnded::Unknown(error) = &ended {
                tracing::error!(error = error as &dyn std::error::Error, "a sign-in could not be checked");
            }
            ended.code()
        })?;
        Ok((claims, place))
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;
    fn layer(&self, inner: S) -> Auth<S> {
        Auth { layer: self.clone(), inner }
    }
}

/// A service behind an [`AuthLayer`].
#[derive(Debug, Clone)]
pub struct Auth<S> {
    layer: AuthLayer,
    inner: S,
}

/// The answer of an [`Auth`] service.
pub type AuthFuture<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S, B> Service<Request<B>> for Auth<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = AuthFuture<S::Error>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> AuthFuture<S::Error> {
        let layer = self.layer.clone();
        // The service that was polled ready goes into the future; a fresh clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.enter(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(code) => {
                    layer.0.refused.fetch_add(1, Ordering::Relaxed);
                    let correlation = parts.extensions.get::<CorrelationId>().copied();
                    let rejection = AuthRejection::new(code, layer.0.checks.clock.now(), correlation);
                    Ok(rejection.into_response())
                }
            }
        })
    }
}
