use super::{CloneRequest, Effect, effect::check_key, http_date::parse_http_date};
use crate::{Class, Classify, ErrorChain};
use http::{
    HeaderMap, HeaderName, Method, Request, Response, StatusCode,
    header::{DATE, RETRY_AFTER},
};
use std::time::{Duration, SystemTime};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What an HTTP answer means, by its status; errors are left to `C`.
///
/// | status | class |
/// | --- | --- |
/// | 429, 503 | busy, for as long as `Retry-After` says |
/// | 408, 425, 500, 502, 504, other 5xx | transient |
/// | 501, 505, 506, 508, 510, 511 | permanent: asking again changes nothing |
/// | other 4xx | ignored: the caller's mistake |
/// | below 400 | success |
///
/// `Retry-After` is a number of seconds or an HTTP-date (RFC 9110, section 10.2.3; all three forms of a date are read). A
/// date is compared with the answer's own `Date`, so the two clocks need not agree; without one with the system's clock.
/// What cannot be read is taken for none.
///
/// ```
/// use healthcare_resilience::{Class, Classify, HttpStatus};
/// use std::time::Duration;
/// # fn main() -> Result<(), http::Error> {
/// let answer = http::Response::builder().status(429).header("retry-after", "7").body(())?;
/// let class = HttpStatus::new().classify(Ok(&answer));
/// assert_eq!(class, Class::Busy { retry_after: Some(Duration::from_secs(7)) });
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HttpStatus<C = ErrorChain> {
    errors: C,
}

impl HttpStatus {
    /// For layers: their errors are boxed.
    #[must_use]
    pub const fn new() -> Self {
        Self { errors: ErrorChain }
    }
}

impl<C> HttpStatus<C> {
    /// With another classifier for errors, such as [`Causes`](crate::Causes) for calls without a layer.
    #[must_use]
    pub const fn errors(errors: C) -> Self {
        Self { errors }
    }
}

impl<B, E, C: Classify<(), E>> Classify<Response<B>, E> for HttpStatus<C> {
    fn classify(&self, result: Result<&Response<B>, &E>) -> Class {
        match result {
            Ok(answer) => of_status(answer.status(), answer.headers()),
            Err(error) => self.errors.classify(Err(error)),
        }
    }
}

fn of_status(status: StatusCode, headers: &HeaderMap) -> Class {
    match status.as_u16() {
        429 | 503 => Class::Busy { retry_after: retry_after(headers, SystemTime::now) },
        408 | 425 => Class::Transient,
        501 | 505 | 506 | 508 | 510 | 511 => Class::Permanent,
        500.. => Class::Transient,
        400.. => Class::Ignored,
        _ => Class::Success,
    }
}

fn retry_after(headers: &HeaderMap, now: impl FnOnce() -> SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = |text: &str| parse_http_date(text, now_year());
    let until = date(value)?;
    let sent = headers
        .get(DATE)
        .and_then(|sent| date(sent.to_str().ok()?))
        .unwrap_or_else(|| now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    Some(Duration::from_secs(until.saturating_sub(sent)))
}

/// The year by which the two digits of an old date are read. A month's error at its end does no harm.
fn now_year() -> u64 {
    const YEAR_SECONDS: u64 = 31_556_952;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    1970 + since.as_secs() / YEAR_SECONDS
}

impl Effect {
    /// What repeating `request` would do: nothing for the safe methods (RFC 9110, section 9.2.1), nothing more for `PUT` and
    /// `DELETE` even without a key, nor for any other method that carries an `Idempotency-Key`; else it is a plain write.
    ///
    /// `PUT` and `DELETE` say what is to be there in the end, so that several of them have the intended effect of one, and
    /// section 9.2.2 lets a client repeat them when no answer was read. Two things it does not promise: the second
    /// `DELETE` may answer 404, and a repeated `PUT` overwrites what somebody else wrote in between. Where that matters
    /// send `If-Match` (section 13.1.1), or answer [`Effect::Write`] for the request in a [`CloneRequest`] of your own, as
    /// for servers that keep to none of this.
    #[must_use]
    pub fn of_request<B>(request: &Request<B>) -> Self {
        match *request.method() {
            Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => Self::Read,
            Method::PUT | Method::DELETE => Self::Idempotent,
            _ => match request.headers().get(IDEMPOTENCY_KEY) {
                Some(key) if check_key(key.as_bytes()).is_ok() => Self::Idempotent,
                _ => Self::Write,
            },
        }
    }
}

/// Copies HTTP requests whose body is `Clone`, and tells their effect by method and `Idempotency-Key`.
///
/// A body that is a stream cannot be copied: implement [`CloneRequest`] for it and answer none where it is one; the
/// request is then tried once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CloneHttp;

impl<B: Clone> CloneRequest<Request<B>> for CloneHttp {
    fn effect(&self, request: &Request<B>) -> Effect {
        Effect::of_request(request)
    }

    fn clone_request(&self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(headers: &[(HeaderName, &str)], now: u64) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
        retry_after(&headers, || now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_read_and_saturate() {
        assert_eq!(asked(&[(RETRY_AFTER, "120")], 0), Some(120));
        assert_eq!(asked(&[(RETRY_AFTER, "0")], 0), Some(0));
        assert_eq!(asked(&[(RETRY_AFTER, "99999999999999999999999")], 0), Some(u64::MAX));
        for wrong in ["", "-1", "1.5", "soon", "1 s", "+3"] {
            assert_eq!(asked(&[(RETRY_AFTER, wrong)], 0), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_date_is_compared_with_the_answers_own() {
        let until = (RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT");
        let sent = (DATE, "Sun, 06 Nov 1994 08:49:07 GMT");
        assert_eq!(asked(&[until.clone(), sent], 5_000_000_000), Some(30));
        assert_eq!(asked(std::slice::from_ref(&until), 784_111_777 - 9), Some(9));
        assert_eq!(asked(&[until], 5_000_000_000), Some(0), "what is over needs no wait");
    }
}
