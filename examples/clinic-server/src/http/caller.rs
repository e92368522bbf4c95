//! Who calls: from the `Authorization` header to a context.

use super::Problem;
use crate::App;
use axum::extract::FromRequestParts;
use healthcare_core::{ErrorCode, RequestContext};
use healthcare_rbac::{edge::clues, token::AccessClaims};
use http::request::Parts;

/// A caller whose token was checked, whose sign-in lives, and whose request agrees with the token on the clinic.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who, which clinic, why: what the gate asks for.
    pub context: RequestContext,
    /// What the token says.
    pub claims: AccessClaims,
}

/// On the API the [`AuthLayer`](healthcare_rbac::edge::AuthLayer) has done the work before a handler is reached.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let context = parts.extensions.get::<RequestContext>().cloned();
        let claims = parts.extensions.get::<AccessClaims>().cloned();
        let both = context.zip(claims).ok_or_else(|| Problem::of(ErrorCode::Unauthenticated))?;
        Ok(Self { context: both.0, claims: both.1 })
    }
}

impl Caller {
    /// The caller who shows this token: for pages, which find it in a cookie and may renew it first.
    ///
    /// # Errors
    /// A [`Problem`] when the token is refused, its sign-in is over, or the request contradicts it.
    pub async fn with_token(app: &App, parts: &Parts, token: &str) -> Result<Self, Problem> {
        let claims = app.tokens.verify(token)?;
        app.sessions.check(&claims).await?;
        let context = app.edge.request(claims.identity(), &clues(parts).map_err(Problem::of)?)?;
        Ok(Self { context, claims })
    }
}
