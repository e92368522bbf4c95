//! Whose pages may open a socket.

use crate::config::WebOrigin;
use http::{HeaderMap, header};

/// Whether a handshake comes from a page of this very host, from one whose scripts may call the API, or from no page at all.
///
/// Browsers let any page open a socket to any host, and say which page it is. The proxy before this server must pass `Host` on.
pub(super) fn is_ours(headers: &HeaderMap, https: bool, allowed: &[WebOrigin]) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), origins.next()) else { return false };
    if allowed.iter().any(|allowed| allowed.as_str() == origin) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.strip_prefix(if https { "https://" } else { "http://" });
    own.zip(host).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(origin: &str, https: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "clinic.example:8443".parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        is_ours(&headers, https, &["https://app.example".parse().unwrap()])
    }

    #[test]
    fn a_page_from_elsewhere_opens_no_socket() {
        assert!(ours("https://clinic.example:8443", true));
        assert!(ours("https://app.example", true));
        assert!(is_ours(&HeaderMap::new(), true, &[]), "no page");
        for origin in [
            "http://clinic.example:8443",
            "https://clinic.example",
            "https://evil.example",
            "https://clinic.example:8443.evil.example",
            "null",
            "",
        ] {
            assert!(!ours(origin, true), "{origin}");
        }
        assert!(ours("http://clinic.example:8443", false));
    }

    #[test]
    fn two_origins_are_none() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "a".parse().unwrap());
        headers.append(header::ORIGIN, "http://a".parse().unwrap());
        headers.append(header::ORIGIN, "http://a".parse().unwrap());
        assert!(!is_ours(&headers, false, &[]));
    }
}
