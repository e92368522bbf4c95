use lettre::transport::smtp::authentication::Credentials;
use std::{fmt, net::IpAddr, str::FromStr};

/// Where an SMTP server is: `smtps://[user:password@]host[:465]` for TLS from the first byte, `smtp://[user:password@]host[:587]` for
/// STARTTLS. On this machine `smtp://` is plain text, unless `?tls=starttls` follows. `%` escapes are decoded in user and password.
///
/// Its `Debug` shows neither user nor password, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) kind: Kind,
    pub(super) login: Option<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Wrapped,
    Upgraded,
    Plain,
}

/// The text is no URL of an SMTP server, or of one that would be spoken to in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSmtpUrl {
    /// It is none.
    #[error("write smtps://[user:password@]host[:465], or smtp://[user:password@]host[:587] for STARTTLS")]
    Form,
    /// It would be reached in clear.
    #[error("a mail server that is not on this machine is reached over TLS: leave out tls=none")]
    InClear,
}

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let form = InvalidSmtpUrl::Form;
        let (scheme, rest) = text.split_once("://").ok_or(form)?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(pair(login).ok_or(form)?), place),
            None => (None, rest),
        };
        let (host, port) = host_and_port(place).ok_or(form)?;
        let local = is_local(host);
        let kind = match (scheme, query) {
            ("smtps", None) => Kind::Wrapped,
            ("smtp", None) if local => Kind::Plain,
            ("smtp", None | Some("tls=starttls")) => Kind::Upgraded,
            ("smtp", Some("tls=none")) if local => Kind::Plain,
            ("smtp", Some("tls=none")) => return Err(InvalidSmtpUrl::InClear),
            _ => return Err(form),
        };
        let port = port.unwrap_or(if kind == Kind::Wrapped { 465 } else { 587 });
        Ok(Self { host: host.trim_matches(['[', ']']).to_owned(), port, kind, login })
    }
}

/// `[::1]:25`, `mail.example`, `mail.example:587`.
fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let after_host = place.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match place.get(after_host..)?.rfind(':') {
        Some(at) => {
            let (host, port) = place.split_at(after_host + at);
            (host, Some(port.strip_prefix(':')?.parse().ok().filter(|port| *port != 0)?))
        }
        None => (place, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_good = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            (1..=253).contains(&host.len())
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
        }
    };
    is_good.then_some((host, port))
}

/// `user:password`, both escaped.
fn pair(login: &str) -> Option<(String, String)> {
    let (user, password) = login.split_once(':')?;
    let (user, password) = (decoded(user)?, decoded(password)?);
    (!user.is_empty() && !password.is_empty()).then_some((user, password))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut all = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            all.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit()?, digit()?);
        all.push(high << 4 | low);
    }
    String::from_utf8(all).ok().filter(|text| !text.chars().any(char::is_control))
}

fn is_local(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl SmtpUrl {
    /// As it may be shown: no user, no password.
    #[must_use]
    pub fn shown(&self) -> String {
        let scheme = if self.kind == Kind::Wrapped { "smtps" } else { "smtp" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// Whether nothing is encrypted. Only ever on this machine.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        self.kind == Kind::Plain
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        self.login.clone().map(|(user, password)| Credentials::new(user, password))
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<SmtpUrl, InvalidSmtpUrl> {
        text.parse()
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        for (text, shown, kind) in [
            ("smtp://127.0.0.1:1025", "smtp://127.0.0.1:1025", Kind::Plain),
            ("smtp://localhost:25/", "smtp://localhost:25", Kind::Plain),
            ("smtp://[::1]:2525?tls=none", "smtp://[::1]:2525", Kind::Plain),
            ("smtp://localhost?tls=starttls", "smtp://localhost:587", Kind::Upgraded),
            ("smtp://u:p@mail.example", "smtp://mail.example:587", Kind::Upgraded),
            ("smtps://u%40x:p%3a%2F@mail.example", "smtps://mail.example:465", Kind::Wrapped),
        ] {
            let url = parsed(text).unwrap();
            assert_eq!((format!("{url:?}").as_str(), url.kind), (shown, kind), "{text}");
        }
        for text in ["smtp://mail.example?tls=none", "smtp://u:p@10.0.0.1:25?tls=none"] {
            assert_eq!(parsed(text), Err(InvalidSmtpUrl::InClear), "{text}");
        }
        let url = parsed("smtps://u%40x:p%3a%2F@mail.example").unwrap();
        assert_eq!(url.login, Some(("u@x".to_owned(), "p:/".to_owned())));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "smtp",
            "smtp://",
            "http://mail.example",
            "smtp://mail.example:0",
            "smtp://mail.example:65536",
            "smtp://user@mail.example",
            "smtp://:p@mail.example",
            "smtp://u:%0d%0aRSET@mail.example",
            "smtp://u:%zz@mail.example",
            "smtp://mail.example/path",
            "smtp://mail.example?tls=required",
            "smtps://mail.example?tls=none",
            "smtp://[::1",
            "smtp://mail example",
        ] {
            assert_eq!(parsed(text), Err(InvalidSmtpUrl::Form), "{text}");
        }
    }
}
