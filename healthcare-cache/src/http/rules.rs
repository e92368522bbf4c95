use super::{
    conditional::Conditions,
    directives::{Directives, members},
    free::Terms,
    key::{ResponseKey, Viewer},
};
use crate::KeyWriter;
use healthcare_core::ClinicId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request, response};
use std::time::Duration;

/// A longer address, or longer headers that the answer varies by, and nothing is kept: keys take memory, too.
const KEY_MAX: usize = 8 * 1024;

/// What to do with a request.
pub(super) enum Plan {
    /// Hand it on, and its answer back.
    Pass,
    /// Hand it on, and forget what is kept of its address if it succeeds (RFC 9111, section 4.4).
    Change { clinic: ClinicId, tag: String },
    /// Look for an answer, and keep the one that comes.
    Look(Look),
}

/// A request that may be answered with what is kept.
pub(super) struct Look {
    pub(super) key: ResponseKey,
    /// Names the address among the tags of what is kept.
    pub(super) tag: String,
    pub(super) conditions: Conditions,
    pub(super) is_head: bool,
    /// RFC 9111, section 5.2.1.7.
    pub(super) only_if_cached: bool,
    pub(super) asker: Asker,
}

/// What of the request decides whether its answer may be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    has_credentials: bool,
    is_keyed: bool,
}

impl Plan {
    /// Takes the conditions out of the request when it is to be looked for.
    pub(super) fn of(parts: &mut request::Parts, viewer: Option<Viewer>, vary: &[HeaderName]) -> Self {
        let Some(viewer) = viewer else { return Self::Pass };
        let Some(host) = host(parts) else { return Self::Pass };
        let tag = format!("http {host}{}", parts.uri.path());
        if !is_read(&parts.method) {
            let is_safe = matches!(parts.method, Method::OPTIONS | Method::TRACE);
            return if is_safe { Self::Pass } else { Self::Change { clinic: viewer.scope(), tag } };
        }
        let headers = &parts.headers;
        let has_body = headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
        // A part of a response, or one on a condition that is not about what the client has.
        let is_special = [header::RANGE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE]
            .iter()
            .any(|name| headers.contains_key(name));
        let directives = Directives::of(headers);
        if has_body || is_special || directives.no_store {
            return Self::Pass;
        }
        let mut rest = KeyWriter::default();
        rest.text(host).text(parts.uri.path()).text(parts.uri.query().unwrap_or_default());
        rest.flag(parts.uri.query().is_some());
        for name in vary {
            rest.text(name.as_str());
            for value in headers.get_all(name) {
                rest.bytes(value.as_bytes());
            }
        }
        let key = ResponseKey::new(viewer, &rest);
        if key.weight() > KEY_MAX {
            return Self::Pass;
        }
        let has_credentials =
            headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
        Self::Look(Look {
            key,
            tag,
            is_head: parts.method == Method::HEAD,
            only_if_cached: directives.only_if_cached,
            asker: Asker { has_credentials, is_keyed: viewer.is_actor() },
            conditions: Conditions::take(&mut parts.headers),
        })
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// The host that was asked: of the address, or of the header.
fn host(parts: &request::Parts) -> Option<&str> {
    match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => parts.headers.get(header::HOST).map_or(Some(""), |host| host.to_str().ok()),
    }
}

/// What a response that may be kept says of its keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keeping {
    /// How long it may be given, beside what the policy says.
    pub(super) life: Option<Duration>,
    /// How old it was when it came.
    pub(super) age: Duration,
    /// Whether it may not be given when its life is over, not even when its source fails.
    pub(super) must_revalidate: bool,
}

impl Keeping {
    /// `None` when the response is not to be kept (RFC 9111, section 3, and stricter).
    pub(super) fn of(
        parts: &response::Parts,
        terms: &Terms,
        asker: Asker,
        vary: &[HeaderName],
    ) -> Option<Self> {
        let headers = &parts.headers;
        let directives = Directives::of(headers);
        let is_barred = parts.status != StatusCode::OK
            || directives.no_store
            || directives.no_cache
            || directives.private
            || headers.contains_key(header::SET_COOKIE)
            || headers.contains_key(header::CONTENT_RANGE)
            || (asker.has_credentials && !asker.is_keyed && !directives.public)
            || !varies_within(headers, vary);
        if is_barred {
            return None;
        }
        let age = headers.get(header::AGE).map_or(Some(Duration::ZERO), seconds)?;
        let stated = match directives.s_maxage.or(directives.max_age) {
            Some(stated) => Some(stated.checked_sub(age).filter(|left| !left.is_zero())?),
            // A date that ends it: nothing here has a calendar.
            None if headers.contains_key(header::EXPIRES) => return None,
            None => None,
        };
        let life = [stated, terms.life].into_iter().flatten().min();
        Some(Self { life, age, must_revalidate: directives.must_revalidate })
    }
}

/// Whether the answer depends on nothing that is not in its key.
fn varies_within(headers: &HeaderMap, vary: &[HeaderName]) -> bool {
    headers.get_all(header::VARY).iter().all(|value| {
        value.to_str().is_ok_and(|names| {
            members(names).all(|name| vary.iter().any(|known| known.as_str().eq_ignore_ascii_case(name)))
        })
    })
}

fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
