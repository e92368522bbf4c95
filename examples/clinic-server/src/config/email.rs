//! E-mail: through which server, and who writes.

use super::settings;
use healthcare_core::Settings;
use healthcare_messaging::{MailSender, SmtpUrl};

/// Where e-mail is handed over. A server that is not on this machine is spoken to over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailConfig {
    /// The server.
    pub server: SmtpUrl,
    /// Who writes.
    pub sender: MailSender,
}

/// None when no server is set.
pub(super) fn read(settings: &mut Settings) -> Option<EmailConfig> {
    let given = settings.text(&settings::MAIL_FROM).is_some();
    let (server, sender) = (settings.parse(&settings::SMTP_URL)?, settings.parse(&settings::MAIL_FROM));
    if !given {
        let problem = "say who writes, as CLINIC_MAIL_FROM can: Quay Practice <post@quay.example>";
        settings.report(settings::MAIL_FROM.name(), problem);
    }
    Some(EmailConfig { server, sender: sender? })
}

/// As a server may be shown.
pub(super) fn shown(text: &str) -> String {
    text.parse::<SmtpUrl>().map_or_else(|_| "(no SMTP URL)".to_owned(), |url| url.shown())
}
