//! What a request without a good token is told.

use axum::response::{IntoResponse, Response};
use healthcare_core::{CorrelationId, ErrorBody, ErrorCode};
use http::{HeaderValue, header};
use jiff::Timestamp;

/// A request that is not let in: the catalogue's JSON form, and for status 401 a challenge (RFC 6750 §3).
#[derive(Debug, Clone)]
pub struct AuthRejection {
    code: ErrorCode,
    at: Timestamp,
    correlation: Option<CorrelationId>,
}

impl AuthRejection {
    /// A rejection with this code.
    #[must_use]
    pub const fn new(code: ErrorCode, at: Timestamp, correlation: Option<CorrelationId>) -> Self {
        Self { code, at, correlation }
    }

    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    const fn challenge(&self) -> Option<&'static str> {
        match self.code {
            // Without a token there is nothing to be wrong with it.
            ErrorCode::Unauthenticated => Some("Bearer realm=\"clinic\""),
            ErrorCode::TokenExpired => {
                Some("Bearer realm=\"clinic\", error=\"invalid_token\", error_description=\"expired\"")
            }
            code if code.status() == 401 => Some("Bearer realm=\"clinic\", error=\"invalid_token\""),
            _ => None,
        }
    }
}

impl IntoResponse for AuthRejection {
    fn into_response(self) -> Response {
        let body = ErrorBody::new(self.code, self.at);
        let body = match self.correlation {
            Some(correlation) => body.with_correlation(correlation),
            None => body,
        };
        let mut response = body.into_response();
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}
