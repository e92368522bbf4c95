//! Reading requests, strictly and within limits.

use super::{Fields, Problem};
use axum::{
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use healthcare_core::{ErrorCode, Id};
use http::{HeaderMap, header, request::Parts};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData, time::Duration};
use tokio::time::timeout;
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

/// The largest body: nothing here takes files.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a body may take to arrive.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

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
    // The parser's own message could repeat what it read.
    serde_json::from_slice(bytes).map(|Object(value)| value).map_err(|error| {
        let at = format!("not the documented JSON, from line {}, column {}.", error.line(), error.column());
        Problem::of(ErrorCode::MalformedRequest).saying(format!("The body is {at}"))
    })
}

/// A JSON object. A list without names would else be read as an object's fields in their order: nobody has documented one.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
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
        let says_nothing = bytes.is_empty() || json && bytes.trim_ascii() == b"null";
        match (says_nothing, json) {
            (true, _) => Ok(Self { value: T::default(), bytes }),
            (false, true) => Ok(Self { value: parse(&bytes)?, bytes }),
            (false, false) => Err(Problem::of(ErrorCode::UnsupportedMedia)),
        }
    }
}

/// The whole body, within the limits. What is compressed is not read: nothing here unpacks it.
pub(crate) async fn read(request: Request) -> Result<Bytes, Problem> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(
            Problem::of(ErrorCode::UnsupportedMedia).saying("Send the body without Content-Encoding.")
        );
    }
    let read = timeout(BODY_TIME_MAX, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
    // A client that is slow says nothing of the database, as a request that takes too long would.
    read.map_err(|_| Problem::of(ErrorCode::BodyTimeout))?.map_err(|error| {
        let too_large = std::error::Error::source(&error)
            .is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
        Problem::of(if too_large { ErrorCode::TooLarge } else { ErrorCode::MalformedRequest })
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    is_media(headers, "application/json")
}

/// Whether the body is said to be this, and nothing else beside it.
pub(crate) fn is_media(headers: &HeaderMap, wanted: &str) -> bool {
    let mut said = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(media), None) = (said.next(), said.next()) else { return false };
    let media = media.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    media.trim().eq_ignore_ascii_case(wanted)
}

/// A query string. A parameter that the route's description does not list is refused by name: misspelt, it would filter nothing.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The query of a route that takes no parameters.
#[derive(Debug, Deserialize)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http_body_util::channel::Channel;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let (sender, body) = Channel::<Bytes>::new(1);
        let read = read(Request::new(Body::new(body))).await;
        assert_eq!(read.unwrap_err().code, ErrorCode::BodyTimeout);
        drop(sender);
    }
}
