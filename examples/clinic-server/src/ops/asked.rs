//! Who asks, where no token says it.

use axum::extract::Request;
use http::header;
use std::net::IpAddr;

/// Whether the request was meant for this machine by who sits at it, and not by a page of somebody else's in their browser.
///
/// Such a page reaches this listener in two ways: by a name that its owner lets point here (DNS rebinding), and by a request that it sends
/// without reading the answer. The first shows in `Host`, which is then a name and not this machine; the second names its page in `Origin`,
/// or, where a browser sends none, as for a link or an image, is said to come from another site in `Sec-Fetch-Site`.
pub(super) fn is_by_operator(request: &Request) -> bool {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => request.uri().authority().map(http::uri::Authority::as_str),
        _ => None,
    };
    let is_from_elsewhere = headers.get_all("sec-fetch-site").iter().any(|site| site == "cross-site");
    host.is_some_and(is_this_machine) && !headers.contains_key(header::ORIGIN) && !is_from_elsewhere
}

/// An address cannot be let point elsewhere, and no other name is promised to stay here (RFC 6761 section 6.3).
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_sends_for_another_site_is_not_the_operators() {
        for (header, value, is_by_operator) in [
            ("accept", "*/*", true),
            ("sec-fetch-site", "none", true),
            ("sec-fetch-site", "same-origin", true),
            ("sec-fetch-site", "cross-site", false),
            ("origin", "https://elsewhere.example", false),
            ("origin", "null", false),
        ] {
            let request = Request::builder().header(header::HOST, "localhost:9464").header(header, value);
            let request = request.body(axum::body::Body::empty()).unwrap();
            assert_eq!(super::is_by_operator(&request), is_by_operator, "{header}: {value}");
        }
    }

    #[test]
    fn this_machine_has_few_names() {
        for host in ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:9464", "[::1]:9464", "127.8.0.1"]
        {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "rebound.example",
            "localhost.example",
            "10.0.0.1:9464",
            "127.0.0.1.example",
            "[::2]",
            ":80",
            "a b",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
