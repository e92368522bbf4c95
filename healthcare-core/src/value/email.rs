use super::text_value;
use std::{fmt, str::FromStr};

/// An e-mail address: the dot-atom form of RFC 5321 §4.1.2, its domain in lower case. Its `Debug` shows the domain alone.
///
/// ```
/// use healthcare_core::Email;
/// let email: Email = "Ada.Lovelace@Example.org".parse()?;
/// assert_eq!(email.as_str(), "Ada.Lovelace@example.org");
/// assert!("ada@localhost".parse::<Email>().is_err());
/// # Ok::<(), healthcare_core::InvalidEmail>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: write one such as name@example.org, at most 254 characters")]
pub struct InvalidEmail;

text_value!(Email, InvalidEmail);

impl FromStr for Email {
    type Err = InvalidEmail;
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        if text.len() <= 254 && is_local(local) && is_domain(domain) {
            Ok(Self(format!("{local}@{}", domain.to_ascii_lowercase())))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl Email {
    /// The form under which two spellings of one mailbox meet: all in lower case. Used for look-ups, never for sending.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn is_local(local: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&b);
    (1..=64).contains(&local.len()) && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(label)
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email(***@{})", self.0.rsplit_once('@').map_or("", |(_, domain)| domain))
    }
}
