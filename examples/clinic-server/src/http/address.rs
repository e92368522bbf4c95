//! The client's address, as far as it can be trusted.

use crate::config::Network;
use axum::extract::ConnectInfo;
use http::Request;
use std::net::{IpAddr, SocketAddr};

/// The most addresses of a forwarding header that are looked at.
const HOPS_MAX: usize = 16;

/// Where a request came from; unknown when the server was called without a socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl ClientAddress {
    /// The socket's address; behind a trusted proxy the last address of `X-Forwarded-For` that is no trusted proxy's itself.
    #[must_use]
    pub fn of<B>(request: &Request<B>, trusted: &[Network]) -> Self {
        let peer =
            request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        let Some(peer) = peer.filter(|peer| is_trusted(*peer)) else { return Self(peer) };
        let listed = request.headers().get_all("x-forwarded-for");
        let hops: Vec<IpAddr> = listed
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map_while(|hop| hop.trim().parse::<IpAddr>().ok())
            .collect();
        let client = hops.iter().rev().take(HOPS_MAX).find(|hop| !is_trusted(**hop));
        Self(Some(client.map_or(peer, IpAddr::to_canonical)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &str) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let mut request = Request::builder().header("x-forwarded-for", forwarded).body(()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 9)));
        ClientAddress::of(&request, &trusted).0.unwrap().to_string()
    }

    #[test]
    fn forwarding_headers_count_behind_a_trusted_proxy_only() {
        assert_eq!(client("203.0.113.9", "198.51.100.1"), "203.0.113.9");
        assert_eq!(client("10.0.0.2", "198.51.100.1"), "198.51.100.1");
        assert_eq!(client("10.0.0.2", "198.51.100.1, 198.51.100.7, 10.0.0.3"), "198.51.100.7");
        assert_eq!(client("10.0.0.2", "nonsense"), "10.0.0.2");
    }
}
