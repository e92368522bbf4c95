//! E-mail by SMTP (RFC 5321), over TLS.

mod build;
mod conversation;
mod sender;
mod url;

pub use build::{SmtpConfigError, SmtpEmailBuilder};
pub use sender::{InvalidSender, MailSender};
pub use url::{InvalidSmtpUrl, SmtpUrl};

use self::conversation::Conversation;
use super::{EmailFailure, EmailTransport, OutgoingEmail};
use async_trait::async_trait;
use healthcare_resilience::{CallError, CircuitBreaker, Class, Stack};
use lettre::{
    Address, Message,
    message::{Mailbox, header::ContentType},
    transport::smtp::{authentication::Credentials, client::TlsParameters, extension::ClientId},
};
use std::{fmt, time::Duration};

/// E-mail through one SMTP server.
///
/// A server that is not on this machine is spoken to over verified TLS alone. Each message has a connection of its own. The circuit
/// [`email`](CircuitBreaker::email) leaves a server alone that is away; at most four messages are under way at once.
///
/// ```no_run
/// use healthcare_messaging::{EmailTransport, SmtpEmail};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (url, sender) = ("smtps://clinic:secret@mail.example".parse()?, "Quay Practice <post@quay.example>".parse()?);
/// let email = SmtpEmail::builder(url, sender).build()?;
/// println!("{:?}", email.breaker().state());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SmtpEmail {
    stack: Stack,
    breaker: CircuitBreaker,
    server: Server,
    from: Mailbox,
}

/// Where the server is, and how it is spoken to.
#[derive(Clone)]
struct Server {
    host: String,
    port: u16,
    tls: Tls,
    hello: ClientId,
    credentials: Option<Credentials>,
    answer_max: Duration,
    data_max: Duration,
}

#[derive(Clone)]
enum Tls {
    /// From the first byte (RFC 8314).
    Wrapped(TlsParameters),
    /// After STARTTLS, without which nothing is said.
    Upgraded(TlsParameters),
    /// None: this machine.
    Off,
}

impl fmt::Debug for SmtpEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpEmail({}:{}, {:?})", self.server.host, self.server.port, self.breaker.state())
    }
}

impl SmtpEmail {
    /// Starts describing e-mail through the server at `url`, written by `from`.
    pub const fn builder(url: SmtpUrl, from: MailSender) -> SmtpEmailBuilder {
        SmtpEmailBuilder::new(url, from)
    }

    /// The circuit around the server, for health checks.
    #[must_use]
    pub const fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    fn written(&self, email: &OutgoingEmail) -> Result<(Address, Vec<u8>), EmailFailure> {
        let unwritable = EmailFailure::Refused("email.unwritable");
        let to: Address = email.to.as_str().parse().map_err(|_| unwritable)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(email.text.subject())
            .message_id(Some(format!("<{}@{}>", email.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .raw_header(automatic())
            .body(email.text.text().to_owned())
            .map_err(|_| unwritable)?;
        Ok((to, message.formatted()))
    }

    async fn hand_over(&self, to: Address, message: &[u8]) -> Result<(), EmailFailure> {
        let mut conversation = Conversation::open(&self.server).await?;
        conversation.address(self.from.email.clone(), to).await?;
        conversation.data(message).await
    }
}

/// Nobody's holiday reply is to answer it (RFC 3834 section 5).
fn automatic() -> lettre::message::header::HeaderValue {
    use lettre::message::header::{HeaderName, HeaderValue};
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

/// What an end says of the server. A refused address says nothing of it.
fn class(ended: Result<&(), &EmailFailure>) -> Class {
    match ended {
        Ok(()) => Class::Success,
        Err(EmailFailure::Refused(_) | EmailFailure::TryLater(conversation::LATER)) => Class::Ignored,
        Err(EmailFailure::NotTried(_)) => Class::Rejected,
        Err(EmailFailure::TryLater(_) | EmailFailure::Unknown(_)) => Class::Permanent,
    }
}

/// How long a message waits that no policy names a wait for.
const WAIT: Duration = Duration::from_secs(30);

#[async_trait]
impl EmailTransport for SmtpEmail {
    async fn send(&self, email: &OutgoingEmail) -> Result<(), EmailFailure> {
        let (to, message) = self.written(email)?;
        let sent = self.stack.with(class).write(Box::pin(self.hand_over(to, &message))).await;
        let failure = match sent {
            Ok(()) => return Ok(()),
            Err(CallError::Inner(failure)) => failure,
            Err(CallError::Rejected(rejection)) => {
                EmailFailure::NotTried(rejection.retry_after().unwrap_or(WAIT))
            }
            // Dropped in the midst: it may have been taken.
            Err(_) => EmailFailure::Unknown("smtp.time-over"),
        };
        tracing::warn!(email = %email.id, class = failure.class(), "an e-mail was not accepted");
        Err(failure)
    }
}
