//! Extractors for handlers behind the layer.

use super::AuthRejection;
use crate::token::AccessClaims;
use axum::extract::FromRequestParts;
use healthcare_core::{Clock as _, CorrelationId, ErrorCode, RequestContext, SystemClock};
use http::request::Parts;

/// The context of the request, as [`AuthLayer`](super::AuthLayer) made it.
#[derive(Debug, Clone)]
pub struct Context(pub RequestContext);

/// The claims of the request's token, for sign-out and changing clinic.
#[derive(Debug, Clone)]
pub struct Claims(pub AccessClaims);

/// A route that was left outside the layer answers as if nobody had signed in.
fn missing(parts: &Parts) -> AuthRejection {
    let correlation = parts.extensions.get::<CorrelationId>().copied();
    AuthRejection::new(ErrorCode::Unauthenticated, SystemClock::default().now(), correlation)
}

impl<S: Send + Sync> FromRequestParts<S> for Context {
    type Rejection = AuthRejection;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        parts.extensions.get::<RequestContext>().cloned().map(Self).ok_or_else(|| missing(parts))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Claims {
    type Rejection = AuthRejection;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AuthRejection> {
        parts.extensions.get::<AccessClaims>().cloned().map(Self).ok_or_else(|| missing(parts))
    }
}
