//! Redis URLs.

use super::database::is_local;
use std::{fmt, str::FromStr};
use url::Url;

/// A Redis's URL. Its `Debug` shows no password, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(Url);

/// The text is no URL of a Redis, or of one that cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedisUrl {
    /// It is none.
    #[error("write redis://[user:password@]host:6379[/number], or rediss:// for TLS")]
    Form,
    /// It would be reached in clear.
    #[error("the connection would not be verified: use rediss:// without #insecure, or this machine")]
    InClear,
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRedisUrl> {
        let url = Url::parse(text).map_err(|_| InvalidRedisUrl::Form)?;
        let number = url.path().trim_start_matches('/');
        let number_is_one = number.is_empty() || number.parse::<u16>().is_ok();
        let host = url.host_str().unwrap_or_default();
        if !matches!(url.scheme(), "redis" | "rediss") || host.is_empty() || !number_is_one {
            return Err(InvalidRedisUrl::Form);
        }
        let verified = url.scheme() == "rediss" && url.fragment().is_none();
        if verified || is_local(host) { Ok(Self(url)) } else { Err(InvalidRedisUrl::InClear) }
    }
}

impl RedisUrl {
    /// The whole URL, with the password: for the driver alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// As it may be shown: no user, no password, no parameters.
    pub(super) fn shown(text: &str) -> String {
        Url::parse(text).map_or_else(
            |_| "(no URL)".to_owned(),
            |url| {
                let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
            },
        )
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::shown(self.0.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_stays_on_this_machine() {
        let parsed = |text: &str| text.parse::<RedisUrl>();
        for good in [
            "redis://127.0.0.1:6379/",
            "redis://localhost",
            "redis://[::1]:1/2",
            "rediss://u:p@r.example:6380/0",
        ] {
            assert!(parsed(good).is_ok(), "{good}");
        }
        for bad in ["redis://r.example", "redis://u:p@10.0.0.1:6379", "rediss://r.example/#insecure"] {
            assert_eq!(parsed(bad), Err(InvalidRedisUrl::InClear), "{bad}");
        }
        for bad in
            ["", "redis", "redis://", "http://localhost", "redis://localhost/name", "unix:///run/redis.sock"]
        {
            assert_eq!(parsed(bad), Err(InvalidRedisUrl::Form), "{bad}");
        }
        let shown = format!("{:?}", parsed("rediss://u:geheim@r.example:6380/0?x=geheim").unwrap());
        assert_eq!(shown, "rediss://r.example:6380/0");
    }
}
