//! Refusals as HTTP answers, for every policy and layer.

use crate::{RejectReason, Rejection};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use std::time::Duration;

impl Rejection {
    /// The status of an answer that says so: 429 for the caller's own rate, 503 for everything else (RFC 6585 section 4,
    /// RFC 9110 section 15.6.4).
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub const fn status(&self) -> StatusCode {
        match self.reason() {
            RejectReason::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Writes `Retry-After` in whole seconds, rounded up, if the refusing policy could tell (RFC 9110 section 10.2.3);
    /// for a rate limit also `RateLimit`, as [`RateHeaders`](crate::RateHeaders) does.
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(delay(wait)));
        }
        if self.reason() == RejectReason::RateLimited {
            crate::rate::write_refusal(self, headers);
        }
    }

    /// An answer with that status and those headers, and an empty body.
    ///
    /// ```
    /// use healthcare_resilience::{Quota, RateLimit};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let limit = RateLimit::builder("exports").quota(Quota::per_minute(1)).build()?;
    /// limit.try_acquire()?;
    /// if let Err(rejection) = limit.try_acquire() {
    ///     let answer: http::Response<String> = rejection.response();
    ///     assert_eq!(answer.status(), 429);
    ///     assert_eq!(answer.headers()["retry-after"], "60");
    ///     assert_eq!(answer.headers()["ratelimit"], "\"exports\";r=0;t=60");
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn response<B: Default>(&self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status();
        self.write_headers(response.headers_mut());
        response
    }
}

/// A wait in whole seconds, rounded up: a client that comes earlier is refused again, and one told zero comes at once.
pub(crate) const fn delay(wait: Duration) -> u64 {
    let seconds = wait.as_secs();
    if wait.subsec_nanos() > 0 { seconds.saturating_add(1) } else { seconds }
}
