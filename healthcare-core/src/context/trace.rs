//! W3C Trace Context, version 00 (<https://www.w3.org/TR/trace-context/>).

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The `traceparent` of a request.
///
/// ```
/// use healthcare_core::TraceContext;
/// let trace: TraceContext = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// # Ok::<(), healthcare_core::InvalidTrace>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceContext(String);

/// The text is not a `traceparent` header of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, neither id all zero")]
pub struct InvalidTrace;

impl TraceContext {
    /// The trace's id: 32 hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }
    /// The caller's span: 16 hex digits.
    #[must_use]
    pub fn parent_id(&self) -> &str {
        self.0.get(36..52).unwrap_or_default()
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTrace;
    fn from_str(text: &str) -> Result<Self, InvalidTrace> {
        let hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidTrace);
        };
        let known = |part: &str| part.bytes().any(|b| b != b'0');
        if hex(trace, 32) && hex(span, 16) && hex(flags, 2) && known(trace) && known(span) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidTrace)
        }
    }
}
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
