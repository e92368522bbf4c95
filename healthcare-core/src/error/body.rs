//! The form of an error on the wire.

use super::ErrorCode;
use crate::CorrelationId;
use jiff::Timestamp;
use serde::Serialize;
use std::borrow::Cow;

/// An error as every route answers it: `{"error": {"code", "message", "timestamp", "correlation_id", "details"}}`.
///
/// ```
/// use healthcare_core::{ErrorBody, ErrorCode};
/// let body = ErrorBody::new(ErrorCode::AppointmentConflict, "2026-03-01T09:00:00Z".parse()?);
/// let json = serde_json::to_value(&body)?;
/// assert_eq!(json["error"]["code"], "APPOINTMENT_CONFLICT");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// The inside of an [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// The stable code.
    #[serde(serialize_with = "code")]
    pub code: ErrorCode,
    /// What to do, in words. Never personal data.
    pub message: Cow<'static, str>,
    /// When, RFC 3339.
    pub timestamp: Timestamp,
    /// The request's id, as the logs know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<FieldProblem>,
}

/// One field that is not valid. The value itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// The field, as the request names it.
    pub field: Cow<'static, str>,
    /// What is wrong and what would be right.
    pub problem: Cow<'static, str>,
}

fn code<S: serde::Serializer>(code: &ErrorCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

impl ErrorBody {
    /// The body for `code`, with the catalogue's message.
    #[must_use]
    pub const fn new(code: ErrorCode, now: Timestamp) -> Self {
        Self {
            error: ErrorDetail {
                code,
                message: Cow::Borrowed(code.message()),
                timestamp: now,
                correlation_id: None,
                details: Vec::new(),
            },
        }
    }

    /// With a more exact message. It must not carry personal data.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.error.message = message.into();
        self
    }

    /// With the request's id.
    #[must_use]
    pub const fn with_correlation(mut self, correlation: CorrelationId) -> Self {
        self.error.correlation_id = Some(correlation);
        self
    }

    /// With the fields that are wrong.
    #[must_use]
    pub fn with_details(mut self, details: Vec<FieldProblem>) -> Self {
        self.error.details = details;
        self
    }
}

#[cfg(feature = "axum")]
impl axum::response::IntoResponse for ErrorBody {
    fn into_response(self) -> axum::response::Response {
        use axum::http::{StatusCode, header};
        let status =
            StatusCode::from_u16(self.error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = serde_json::to_vec(&self).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], json)
            .into_response()
    }
}
