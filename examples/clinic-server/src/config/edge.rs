//! What the edge lets through: rates, how much at once, whose pages may call, what operators see.

use std::{fmt, net::SocketAddr, str::FromStr};
use url::Url;

/// So many requests in so much time; as many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In which time.
    pub per: RatePeriod,
}

/// The time of a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatePeriod {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

/// The text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write requests and a time, such as 20/s, 600/m or 10000/h: 1 to 1000000 of them")]
pub struct InvalidRate;

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (requests, per) = text.split_once('/').ok_or(InvalidRate)?;
        let per = match per {
            "s" => RatePeriod::Second,
            "m" => RatePeriod::Minute,
            "h" => RatePeriod::Hour,
            _ => return Err(InvalidRate),
        };
        let requests = requests.parse().map_err(|_| InvalidRate)?;
        if (1..=1_000_000).contains(&requests) { Ok(Self { requests, per }) } else { Err(InvalidRate) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            RatePeriod::Second => 's',
            RatePeriod::Minute => 'm',
            RatePeriod::Hour => 'h',
        };
        write!(f, "{}/{per}", self.requests)
    }
}

/// How much is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeLimits {
    /// From one address; of an IPv6 address the network counts.
    pub address: Rate,
    /// From one user of one clinic.
    pub user: Rate,
    /// From one clinic.
    pub clinic: Rate,
    /// How many requests are worked on at once.
    pub requests: Requests,
}

impl Default for EdgeLimits {
    /// Far above what people do, and far below what a loop does: a clinic behind one address has a few hundred people.
    fn default() -> Self {
        let rate = |requests| Rate { requests, per: RatePeriod::Minute };
        Self { address: rate(12_000), user: rate(3_000), clinic: rate(30_000), requests: Requests(512) }
    }
}

/// How many requests at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requests(pub u16);

/// The text is no number of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write how many requests are worked on at once, 8 to 65535")]
pub struct InvalidRequests;

impl FromStr for Requests {
    type Err = InvalidRequests;
    fn from_str(text: &str) -> Result<Self, InvalidRequests> {
        text.parse().ok().filter(|requests| *requests >= 8).map(Self).ok_or(InvalidRequests)
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The operators' listener.
#[derive(Clone, PartialEq, Eq)]
pub struct OpsConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What a request must carry in `Authorization: Bearer`; off this machine there is one.
    pub token: Option<String>,
}

impl fmt::Debug for OpsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpsConfig").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// An origin whose scripts may call the API, as browsers write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigin(String);

/// The text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write an origin without a path, such as https://portal.example; http:// on this machine alone, never *"
)]
pub struct InvalidOrigin;

impl FromStr for WebOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let url = Url::parse(text).map_err(|_| InvalidOrigin)?;
        let local = super::database::is_local(url.host_str().unwrap_or_default());
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && local);
        let origin = url.origin().ascii_serialization();
        // A trailing slash, a path, a user or a query would make it something else.
        if scheme && origin == text { Ok(Self(origin)) } else { Err(InvalidOrigin) }
    }
}

impl WebOrigin {
    /// The origin, as the header carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_origins_are_what_they_seem() {
        assert_eq!("20/s".parse::<Rate>().unwrap().to_string(), "20/s");
        assert!(
            ["", "20", "0/s", "20/d", "-1/s", "2000000/s", "20/s "]
                .iter()
                .all(|bad| bad.parse::<Rate>().is_err())
        );
        assert!("7".parse::<Requests>().is_err() && "8".parse::<Requests>().is_ok());
        let origin = |text: &str| text.parse::<WebOrigin>().is_ok();
        assert!(
            origin("https://portal.example")
                && origin("https://portal.example:8443")
                && origin("http://localhost:3000")
        );
        for bad in [
            "*",
            "null",
            "portal.example",
            "http://portal.example",
            "https://portal.example/",
            "https://a@b.example",
            "https://PORTAL.example",
            "https://portal.example:443",
        ] {
            assert!(!origin(bad), "{bad}");
        }
    }
}
