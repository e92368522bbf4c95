//! Reading requests, strictly and within limits.

use super::{Fields, Problem};
use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use healthcare_core::{ErrorCode, Id};
use http::{HeaderMap, header, request::Parts};
use serde::de::DeserializeOwned;
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

/// The largest body: nothing here takes files.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// A JSON body, and its bytes as they came: what an idempotency key vouches for.
#[derive(Debug)]
pub struct Json<T> {
    /// The body.
    pub value: T,
    /// Its bytes.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::of(ErrorCode::UnsupportedMedia));
        }
        let bytes = read(request).await?;
        Ok(Self { value: parse(&bytes)?, bytes })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A list of values without names would be read as an object's fields in their order: nobody has documented one.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::of(ErrorCode::MalformedRequest).saying("The body is not a JSON object."));
    }
    // The parser's own message could repeat what it read.
    serde_json::from_slice(bytes).map_err(|error| {
        let at = format!("not the documented JSON, from line {}, column {}.", error.line(), error.column());
        Problem::of(ErrorCode::MalformedRequest).saying(format!("The body is {at}"))
    })
}

/// A JSON body that may be left out: then it says nothing.
#[derive(Debug)]
pub struct OptionalJson<T> {
    /// The body, or its default.
    pub value: T,
    /// Its bytes as they came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let bytes = read(request).await?;
        let said = !bytes.is_empty() && !(json && bytes.trim_ascii() == b"null");
        match (said, json) {
            (false, _) => Ok(Self { value: T::default(), bytes }),
            (true, true) => Ok(Self { value: parse(&bytes)?, bytes }),
            (true, false) => Err(Problem::of(ErrorCode::UnsupportedMedia)),
        }
    }
}

/// The whole body, within the limit.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        Problem::of(if too_large { ErrorCode::TooLarge } else { ErrorCode::MalformedRequest })
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

/// A query string. A parameter that the route's description does not list is refused by name: misspelt, it would filter nothing.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The query of a route that takes no parameters.
#[derive(Debug, serde::Deserialize)]
pub struct NoParams {}

impl IntoParams for NoParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

impl<T: DeserializeOwned + IntoParams, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let described = T::into_params(|| None);
        let described: Vec<&str> = described.iter().map(|parameter| parameter.name.as_str()).collect();
        let mut fields = Fields::default();
        for (name, _) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if !described.contains(&&*name) {
                fields.unknown(&name, &described);
            }
        }
        fields.finish(Some(()))?;
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|_| {
                Problem::of(ErrorCode::MalformedRequest).saying("The query string is not the documented one.")
            })
    }
}

/// The id in a path. What is no id is not found: one answer for every address that leads nowhere.
#[derive(Debug)]
pub struct PathId<T>(pub Id<T>);

impl<T, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::of(ErrorCode::NotFound);
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| missing())?;
        text.parse().map(Self).map_err(|_| missing())
    }
}
