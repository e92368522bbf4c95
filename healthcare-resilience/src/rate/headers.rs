use super::{Quota, RateDecision};
use crate::{Rejection, http::delay};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write as _;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The standard response headers of one rate limit: `RateLimit-Policy` and `RateLimit`.
///
/// As the Internet-Draft *draft-ietf-httpapi-ratelimit-headers* says in its versions 08 to 10, which write both fields as
/// lists of structured strings; there is no RFC yet. `q` is what can be had at once and `w` the seconds in which that comes
/// back; `r` is what is left and `t` the seconds until all of it is back, or, in a refusal, until one more may be had, the
/// same as in `Retry-After`. Fields are added, so several limits can speak in one answer. The partition key `pk` is never
/// sent: it would be a user or an address.
///
/// ```
/// use healthcare_resilience::{Quota, RateHeaders, RateLimit};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit = RateLimit::builder("exports").quota(Quota::per_minute(10)).build()?;
/// let headers = RateHeaders::new(limit.name(), &limit.quota());
/// let mut answer = http::HeaderMap::new();
/// headers.write(&limit.try_acquire()?, &mut answer);
/// assert_eq!(answer["ratelimit-policy"], "\"exports\";q=10;w=60");
/// assert_eq!(answer["ratelimit"], "\"exports\";r=9;t=6");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RateHeaders {
    name: String,
    policy: HeaderValue,
}

impl RateHeaders {
    /// The headers of the limit of that name. A character that may not stand in the header becomes an underscore.
    #[must_use]
    pub fn new(name: &str, quota: &Quota) -> Self {
        let name = string(name);
        let policy = value(&name, format_args!(";q={};w={}", quota.burst_size(), delay(quota.refill())));
        Self { name, policy }
    }

    /// Writes the headers of an admission.
    pub fn write(&self, decision: &RateDecision, headers: &mut HeaderMap) {
        headers.append(POLICY, self.policy.clone());
        let left = (decision.remaining(), delay(decision.reset()));
        headers.append(LIMIT, value(&self.name, format_args!(";r={};t={}", left.0, left.1)));
    }

    /// Writes the policy alone, for an answer that already says how it was refused.
    pub fn write_policy(&self, headers: &mut HeaderMap) {
        headers.append(POLICY, self.policy.clone());
    }
}

pub(crate) fn write_refusal(rejection: &Rejection, headers: &mut HeaderMap) {
    // Without a time the request can never be admitted, and what is left is unknown here.
    if let Some(wait) = rejection.retry_after() {
        headers.append(LIMIT, value(&string(rejection.policy()), format_args!(";r=0;t={}", delay(wait))));
    }
}

/// A string of RFC 9651 section 3.3.3.
fn string(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for character in name.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('_'),
        }
    }
    quoted.push('"');
    quoted
}

fn value(name: &str, parameters: std::fmt::Arguments<'_>) -> HeaderValue {
    let mut text = String::with_capacity(name.len() + 32);
    text.push_str(name);
    // A string takes everything.
    let _ = text.write_fmt(parameters);
    // Printable ASCII by now.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}
