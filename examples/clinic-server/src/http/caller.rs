//! Who calls: from the `Authorization` header to a context.

use super::{ClientAddress, Problem};
use crate::App;
use axum::extract::FromRequestParts;
use healthcare_core::{Clues, CorrelationId, ErrorCode, RequestContext};
use healthcare_rbac::token::AccessClaims;
use http::{HeaderMap, header, request::Parts};
use std::sync::Arc;

/// A caller whose token was checked, whose sign-in lives, and whose request agrees with the token on the clinic.
#[derive(Debug)]
pub struct Caller {
    /// Who, which clinic, why: what the gate asks for.
    pub context: RequestContext,
    /// What the token says.
    pub claims: AccessClaims,
    /// From where.
    pub address: ClientAddress,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        Self::with_token(app, parts, token).await
    }
}

impl Caller {
    /// The caller who shows this token.
    ///
    /// # Errors
    /// A [`Problem`] when the token is refused, its sign-in is over, or the request contradicts it.
    pub async fn with_token(app: &App, parts: &Parts, token: &str) -> Result<Self, Problem> {
        let claims = app.tokens.verify(token)?;
        app.sessions.check(&claims).await?;
        let query = parts.uri.query().unwrap_or_default();
        let query_clinic = form_value(query, "clinic_id");
        let address = parts.extensions.get().copied().unwrap_or_default();
        let ClientAddress(source) = address;
        let clues = Clues {
            header: text(&parts.headers, "x-clinic-id")?,
            query: query_clinic.as_deref(),
            subdomain: None,
            location: text(&parts.headers, "x-location-id")?,
            purpose: text(&parts.headers, "x-purpose-of-use")?,
            correlation: parts.extensions.get::<CorrelationId>().copied(),
            trace: text(&parts.headers, "traceparent").unwrap_or_default(),
            source,
        };
        let context = app.edge.request(claims.identity(), &clues)?;
        Ok(Self { context, claims, address })
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::of(ErrorCode::Unauthenticated));
    };
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token.trim_start())
    } else {
        Err(Problem::of(ErrorCode::Unauthenticated))
    }
}

/// One header's text. A header that is not text, or comes twice, is a mistake that must not pass for its absence.
fn text<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value)),
        _ => {
            Err(Problem::of(ErrorCode::MalformedRequest).saying(format!("Send {name} once, as plain text.")))
        }
    }
}

fn form_value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
