//! Doing a write once, however often it is sent.

use super::{Caller, Problem};
use crate::App;
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use healthcare_core::{ErrorCode, KeyError, Remember};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The value of `Idempotency-Key`, when one was sent.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let key = value.to_str().ok().filter(|key| (1..=200).contains(&key.len()) && values.next().is_none());
        let wrong = || Problem::field("Idempotency-Key", "send it once, with 1 to 200 visible characters");
        key.map(|key| Self(Some(key.to_owned()))).ok_or_else(wrong)
    }
}

/// An answer as it is kept with the change it belongs to. It is sealed, and given again only to the same user, after the gate has
/// decided anew that they may see the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The record it speaks of.
    pub record: Uuid,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The answer to a write.
    ///
    /// # Errors
    /// When the body cannot be written as JSON: a fault of ours.
    pub fn new(status: StatusCode, record: Uuid, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(|_| Problem::of(ErrorCode::Internal))?;
        Ok(Self { status: status.as_u16(), record, body })
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        (status, [(header::CONTENT_TYPE, "application/json")], self.body).into_response()
    }
}

/// One write under an idempotency key: what the key is called in storage, and what it was sent for.
#[derive(Debug)]
pub struct Once {
    key: [u8; 32],
    request: [u8; 32],
    keys: Arc<healthcare_core::ScopeKeys>,
}

impl Once {
    /// The write that these bytes ask of this path; nothing when no key was sent.
    ///
    /// # Errors
    /// When the clinic's keys cannot be loaded.
    pub async fn begin(
        app: &App,
        caller: &Caller,
        key: IdempotencyKey,
        path: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let IdempotencyKey(Some(key)) = key else { return Ok(None) };
        let keys = app.keys.scope(caller.context.scope()).await.map_err(unavailable)?;
        let user = caller.claims.user.as_uuid();
        Ok(Some(Self {
            key: keys.fingerprint("idempotency-key", &[user.as_bytes(), key.as_bytes()]),
            request: keys.fingerprint("idempotent-request", &[path.as_bytes(), body]),
            keys,
        }))
    }

    /// The answer that was given to this write before.
    ///
    /// # Errors
    /// When the key was used for another request, or the kept answer cannot be read.
    pub async fn earlier(&self, app: &App, caller: &Caller) -> Result<Option<Reply>, Problem> {
        let Some(kept) = app.stores.replies.remembered(&caller.context, self.key).await? else {
            return Ok(None);
        };
        if kept.request != self.request {
            return Err(Problem::of(ErrorCode::IdempotencyMismatch));
        }
        if kept.reply.is_empty() {
            return Err(Problem::of(ErrorCode::AlreadyExists).saying("This request was carried out before."));
        }
        let plain = self.keys.open_reply(&self.key, &kept.reply).map_err(unavailable)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| Problem::of(ErrorCode::Internal))
    }

    /// The answer in the form in which it is committed with its change.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn remember(&self, reply: &Reply) -> Result<Remember, Problem> {
        let plain = serde_json::to_vec(reply).map_err(|_| Problem::of(ErrorCode::Internal))?;
        let reply = self.keys.seal_reply(&self.key, &plain).map_err(unavailable)?;
        Ok(Remember { key: self.key, request: self.request, reply })
    }

    /// The key alone: the request was carried out, and its answer is not kept.
    #[must_use]
    pub const fn unanswered(&self) -> Remember {
        Remember { key: self.key, request: self.request, reply: Vec::new() }
    }
}

fn unavailable(error: KeyError) -> Problem {
    tracing::error!(%error, "a clinic's keys cannot be used");
    Problem::of(ErrorCode::StorageUnavailable)
}

/// Marks an answer that was given before.
pub(crate) fn replayed(reply: Reply) -> Response {
    let mut response = reply.into_response();
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
