//! Database URLs.

use super::{Environment, settings};
use healthcare_core::Settings;
use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};
use url::Url;

const IN_CLEAR: &str =
    "the connection would not be verified: add ?sslmode=verify-full, or use this machine or a Unix socket";

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
        let local = host.is_empty() || host.starts_with('/') || host.starts_with("%2F") || is_local(&host);
        let mode = self.parameter("sslmode").or_else(|| self.parameter("ssl-mode"));
        local || mode.as_deref() == Some("verify-full")
    }
}

impl DatabaseUrl {
    /// As it may be shown: no password, no parameters. A file's path is no secret.
    pub(super) fn shown(text: &str) -> String {
        if text.starts_with("sqlite:") {
            return text.to_owned();
        }
        Self::parse(text).map_or_else(|| "(no URL)".to_owned(), |url| format!("{url:?}"))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.path().trim_start_matches('/');
        write!(f, "{}://…@{}/{name}", self.0.scheme(), self.0.host_str().unwrap_or("socket"))
    }
}

/// Whether a host is this machine.
pub(super) fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The database that is set, or the demonstration's.
pub(super) fn read(settings: &mut Settings, environment: Environment, data_dir: &Path) -> DatabaseConfig {
    const SETTING: &str = settings::DATABASE_URL.name();
    let embedded = DatabaseConfig::Sqlite(data_dir.join("clinic.db"));
    let Some(url) = settings.text(&settings::DATABASE_URL) else {
        if environment == Environment::Production {
            let which =
                "set it, or CLINIC_DATABASE_URL, to postgres://… (the application's login) or sqlite:PATH";
            settings.report(SETTING, which);
        }
        settings.fall_back(
            &settings::DATABASE_URL,
            format_args!("sqlite:{}", data_dir.join("clinic.db").display()),
        );
        return embedded;
    };
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//");
        if path.is_empty() || path.contains(['?', '#']) || path == ":memory:" {
            settings.report(SETTING, "write sqlite:PATH with the path of a file and no parameters");
        }
        return DatabaseConfig::Sqlite(PathBuf::from(path));
    }
    let relay = settings.text(&settings::RELAY_URL);
    let application = postgres(settings, SETTING, &url);
    let name = settings::RELAY_URL.name();
    let relay = match relay {
        Some(relay) => postgres(settings, name, &relay),
        None => {
            settings.report(name, "set it, or CLINIC_RELAY_URL, to the relay's login: `migrate` creates it");
            None
        }
    };
    match (application, relay) {
        (Some(application), Some(relay)) => DatabaseConfig::Postgres { application, relay },
        _ => embedded,
    }
}

/// A PostgreSQL server's URL that sends nothing in clear; what is wrong with it is reported.
pub(super) fn postgres(settings: &mut Settings, setting: &'static str, text: &str) -> Option<DatabaseUrl> {
    let form = "write postgres://user:password@host:5432/database, or sqlite:PATH for a file";
    match DatabaseUrl::parse(text) {
        Some(url) if url.is_private() => return Some(url),
        Some(_) => settings.report(setting, IN_CLEAR),
        None => settings.report(setting, form),
    }
    None
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
