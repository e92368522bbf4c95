//! Where a payer is asked whether a visit is covered.

use super::{database::is_local, settings};
use healthcare_core::Settings;
use http::{HeaderValue, Uri};
use std::{fmt, str::FromStr};
use url::Url;

/// Who is asked, and by what it knows us.
#[derive(Clone, PartialEq, Eq)]
pub struct EligibilityConfig {
    /// Where inquiries are posted.
    pub url: EligibilityUrl,
    /// `Bearer` and a token, if it wants one.
    pub authorization: Option<HeaderValue>,
}

/// The URL to which inquiries are posted. Its `Debug` shows the host alone, and it has no `Display`: some have their key in the path.
#[derive(Clone, PartialEq, Eq)]
pub struct EligibilityUrl(Uri);

/// The text is no URL to which inquiries can be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEligibilityUrl {
    /// It is none.
    #[error(
        "write https://payer.example/fhir/CoverageEligibilityRequest, without user, password, ? and #: a token is CLINIC_ELIGIBILITY_TOKEN"
    )]
    Form,
    /// Inquiries would travel in clear.
    #[error("inquiries would travel in clear: use https://, or this machine")]
    InClear,
}

impl FromStr for EligibilityUrl {
    type Err = InvalidEligibilityUrl;

    fn from_str(text: &str) -> Result<Self, InvalidEligibilityUrl> {
        let form = InvalidEligibilityUrl::Form;
        let url = Url::parse(text).map_err(|_| form)?;
        let host = url.host_str().unwrap_or_default();
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = plain && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() || !bare {
            return Err(form);
        }
        if url.scheme() == "http" && !is_local(host) {
            return Err(InvalidEligibilityUrl::InClear);
        }
        url.as_str().parse().map(Self).map_err(|_| form)
    }
}

impl EligibilityUrl {
    /// The whole URL: for the client alone.
    #[must_use]
    pub const fn expose(&self) -> &Uri {
        &self.0
    }

    /// As it may be shown.
    pub(super) fn shown(text: &str) -> String {
        text.parse::<Self>().map_or_else(|_| "(no URL)".to_owned(), |url| format!("{url:?}"))
    }
}

impl fmt::Debug for EligibilityUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.0.scheme_str().unwrap_or_default(), self.0.host().unwrap_or_default());
        let port = self.0.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{scheme}://{host}{port}/…")
    }
}

impl fmt::Debug for EligibilityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EligibilityConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// None when nobody is asked.
pub(super) fn read(settings: &mut Settings) -> Option<EligibilityConfig> {
    let token = settings.text(&settings::ELIGIBILITY_TOKEN);
    let authorization = token.as_deref().and_then(|token| {
        let header = bearer(token);
        if header.is_none() {
            settings.report(settings::ELIGIBILITY_TOKEN.name(), "visible characters alone, at most 4096");
        }
        header
    });
    let given = settings.text(&settings::ELIGIBILITY_URL).is_some();
    let url = settings.parse(&settings::ELIGIBILITY_URL);
    if token.is_some() && !given {
        let problem = "say to whom the token is shown, as CLINIC_ELIGIBILITY_URL can";
        settings.report(settings::ELIGIBILITY_URL.name(), problem);
    }
    Some(EligibilityConfig { url: url?, authorization })
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let is_good = token.len() <= 4096 && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok().filter(|_| is_good)?;
    header.set_sensitive(true);
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inquiries_travel_in_clear_on_this_machine_alone() {
        let parsed = |text: &str| text.parse::<EligibilityUrl>();
        for (text, shown) in [
            ("http://127.0.0.1:8081/fhir/CoverageEligibilityRequest", "http://127.0.0.1:8081/…"),
            ("http://[::1]/x", "http://[::1]/…"),
            ("https://payer.example/hooks/geheim", "https://payer.example/…"),
        ] {
            assert_eq!(format!("{:?}", parsed(text).unwrap()), shown);
            assert_eq!(parsed(text).unwrap().expose().to_string(), text);
        }
        for text in ["http://payer.example/", "http://10.0.0.1/", "http://localhost.payer.example/"] {
            assert_eq!(parsed(text), Err(InvalidEligibilityUrl::InClear), "{text}");
        }
        for text in [
            "",
            "payer.example",
            "ftp://127.0.0.1/",
            "https://u:geheim@payer.example/",
            "https://u@payer.example/",
            "https://payer.example/?key=geheim",
            "https://payer.example/#x",
        ] {
            assert_eq!(parsed(text), Err(InvalidEligibilityUrl::Form), "{text}");
        }
    }
}
