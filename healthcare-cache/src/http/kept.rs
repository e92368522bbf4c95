use super::{conditional::opaque, rules::Keeping};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ring::digest::{Context, SHA256};
use std::{fmt, fmt::Write as _};

/// What belongs to one connection or one sending, and is not kept (RFC 9110, section 7.6.1).
const PASSING: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::AGE,
];

/// Who is behind a proxy of its own may keep it and must ask before using it: so a purge is seen at once.
const ASK_FIRST: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A response as it is kept. `Debug` shows sizes alone.
#[derive(Clone)]
pub struct KeptResponse {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) keeping: Keeping,
}

impl KeptResponse {
    pub(super) fn new(mut headers: HeaderMap, body: Bytes, keeping: Keeping, vary: &[HeaderName]) -> Self {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|names| names.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in PASSING.iter().chain(&named) {
            headers.remove(name);
        }
        let is_tag = |tag: &HeaderValue| tag.to_str().is_ok_and(|tag| opaque(tag).is_some());
        if !headers.get(header::ETAG).is_some_and(is_tag) {
            headers.remove(header::ETAG);
            if let Ok(tag) = HeaderValue::from_str(&entity_tag(&headers, &body)) {
                headers.insert(header::ETAG, tag);
            }
        }
        headers.entry(header::CACHE_CONTROL).or_insert(ASK_FIRST);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        vary_by(&mut headers, vary);
        Self { headers, body, keeping }
    }

    pub(super) fn weight(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64);
        size_of::<Self>() + self.body.len() + headers.sum::<usize>()
    }
}

/// What the key holds, for caches further out: they see the credentials, not the clinic and the actor.
fn vary_by(headers: &mut HeaderMap, vary: &[HeaderName]) {
    let credentials = [header::AUTHORIZATION, header::COOKIE];
    let mut text = String::new();
    for name in vary.iter().chain(credentials.iter().filter(|name| !vary.contains(name))) {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{name}");
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(header::VARY, value);
    }
}

/// The same for the same response, on every node and after every start.
fn entity_tag(headers: &HeaderMap, body: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
        let value = headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
        hash.update(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(value);
    }
    hash.update(body);
    let mut tag = String::from("\"");
    for byte in hash.finish().as_ref().iter().take(16) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

impl fmt::Debug for KeptResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptResponse")
            .field("headers", &self.headers.len())
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}
