//! Forms: read strictly, and only with their token.

use super::session::Visitor;
use crate::{
    App,
    http::{Problem, is_media, read_body},
};
use axum::extract::{FromRequest, FromRequestParts, Request};
use healthcare_core::ErrorCode;
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::Arc;

/// The one field that every form has.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    csrf: String,
}

/// A form, its token and its headers, before the token was checked.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<(T, String), Problem> {
    let malformed =
        || Problem::of(ErrorCode::MalformedRequest).saying("The form cannot be read: load the page again.");
    if !is_media(request.headers(), "application/x-www-form-urlencoded") {
        return Err(Problem::of(ErrorCode::UnsupportedMedia).saying("Send the form as the page does."));
    }
    let body = read_body(request).await?;
    let Token { csrf } = serde_urlencoded::from_bytes(&body).map_err(|_| malformed())?;
    let form = serde_urlencoded::from_bytes(&body).map_err(|_| malformed())?;
    Ok((form, csrf))
}

/// A form that somebody signed in has sent from one of their own pages.
pub(super) struct Submitted<T> {
    /// Who.
    pub(super) visitor: Visitor,
    /// What.
    pub(super) form: T,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Submitted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, app).await?;
        let headers = parts.headers.clone();
        let (form, token) = read(Request::from_parts(parts, body)).await?;
        app.pages.check_form(&headers, Some(visitor.caller.claims.session), &token)?;
        Ok(Self { visitor, form })
    }
}
