use lettre::message::Mailbox;
use std::{fmt, str::FromStr};

/// Who writes: `post@quay.example`, or `Quay Practice <post@quay.example>`.
///
/// ```
/// use healthcare_messaging::MailSender;
/// let sender: MailSender = "Quay Practice <post@quay.example>".parse()?;
/// assert!("Quay Practice".parse::<MailSender>().is_err());
/// # drop(sender);
/// # Ok::<(), healthcare_messaging::InvalidSender>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct MailSender(pub(super) Mailbox);

/// The text is not a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a mailbox, such as post@quay.example or Quay Practice <post@quay.example>")]
pub struct InvalidSender;

impl FromStr for MailSender {
    type Err = InvalidSender;

    fn from_str(text: &str) -> Result<Self, InvalidSender> {
        if text.len() > 320 || text.chars().any(char::is_control) {
            return Err(InvalidSender);
        }
        text.parse().map(Self).map_err(|_| InvalidSender)
    }
}

impl fmt::Display for MailSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MailSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailSender({self})")
    }
}
