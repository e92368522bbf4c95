//! Database URLs.

use std::{fmt, net::IpAddr, path::PathBuf};
use url::Url;

/// A database's URL. Its `Debug` shows no password, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Url);

/// Which database, reached how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseConfig {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres {
        /// The application's login.
        application: DatabaseUrl,
        /// The relay's login.
        relay: DatabaseUrl,
    },
}

impl DatabaseUrl {
    /// A PostgreSQL URL.
    pub(super) fn postgres(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "write postgres://user:password@host:5432/database";
        let url = Url::parse(text).map_err(|_| FORM)?;
        if matches!(url.scheme(), "postgres" | "postgresql") { Ok(Self(url)) } else { Err(FORM) }
    }

    /// The whole URL, with the password: for the driver alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// A PostgreSQL URL, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::postgres(text).ok()
    }

    /// The same database under another login.
    #[must_use]
    pub fn with_login(&self, name: &str, password: &str) -> Option<Self> {
        let mut url = self.0.clone();
        url.set_username(name).ok()?;
        url.set_password(Some(password)).ok()?;
        Some(Self(url))
    }

    /// The login's name and password, as the server wants them.
    #[must_use]
    pub fn login(&self) -> (String, String) {
        let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        (plain(self.0.username()), plain(self.0.password().unwrap_or_default()))
    }

    fn parameter(&self, name: &str) -> Option<String> {
        self.0.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Whether nothing travels in clear: this machine, a Unix socket, or TLS with a verified name.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let host =
            self.parameter("host").or_else(|| self.0.host_str().map(str::to_owned)).unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let local = host.is_empty()
            || host.starts_with('/')
            || host.starts_with("%2F")
            || host.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let mode = self.parameter("sslmode").or_else(|| self.parameter("ssl-mode"));
        local || mode.as_deref() == Some("verify-full")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.path().trim_start_matches('/');
        write!(f, "{}://…@{}/{name}", self.0.scheme(), self.0.host_str().unwrap_or("socket"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_means_local_or_verified() {
        let private = |text: &str| DatabaseUrl::postgres(text).unwrap().is_private();
        assert!(private("postgres://a:b@127.0.0.1:5432/c"));
        assert!(private("postgres://a:b@localhost/c"));
        assert!(private("postgres://a:b@[::1]/c"));
        assert!(private("postgres:///c?host=/run/postgresql"));
        assert!(private("postgres://a:b@db.example/c?sslmode=verify-full"));
        assert!(!private("postgres://a:b@db.example/c"));
        assert!(!private("postgres://a:b@db.example/c?sslmode=require"));
        assert!(!private("postgres://a:b@127.0.0.1/c?host=db.example"));
        assert!(
            !format!("{:?}", DatabaseUrl::postgres("postgres://a:geheim@db/c").unwrap()).contains("geheim")
        );
        assert!(DatabaseUrl::postgres("mysql://a").is_err());
    }
}
