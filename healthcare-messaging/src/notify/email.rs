use super::NoticeText;
use async_trait::async_trait;
use healthcare_core::Email;
use std::{fmt, time::Duration};
use uuid::Uuid;

/// An e-mail to one person.
#[derive(Clone)]
pub struct OutgoingEmail {
    /// Its id, which becomes its `Message-ID`: the same each time the same message is sent.
    pub id: Uuid,
    /// To whom. The address alone; no name stands beside it.
    pub to: Email,
    /// What it says.
    pub text: NoticeText,
}

impl fmt::Debug for OutgoingEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutgoingEmail({})", self.id)
    }
}

/// An e-mail that was not accepted, or not known to be. It holds a class and no text: what a server says names the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmailFailure {
    /// The server will never take this message for this address.
    #[error("the e-mail was refused for good: {0}")]
    Refused(&'static str),
    /// It was not taken, for certain, and may be taken later.
    #[error("the e-mail was not taken, and may be later: {0}")]
    TryLater(&'static str),
    /// Nothing was tried, because the server is known to be away or busy: ask again after this long.
    #[error("the e-mail was not tried: the server is left alone for {0:?}")]
    NotTried(Duration),
    /// It may have been taken. Whoever sends it again sends it twice, perhaps: that is for somebody to decide.
    #[error("whether the e-mail was taken is not known: {0}")]
    Unknown(&'static str),
}

impl EmailFailure {
    /// The class, named as a job's failure is: `smtp.recipient`.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Refused(class) | Self::TryLater(class) | Self::Unknown(class) => class,
            Self::NotTried(_) => "email.not-tried",
        }
    }
}

/// Sends e-mail: hands a message to the server that carries it on. `testing::email_contract` proves an implementation.
///
/// # Contract
/// - `Ok` means accepted: the server has taken the responsibility for it (RFC 5321 section 6.1), not that it was read.
/// - [`EmailFailure::Refused`], [`EmailFailure::TryLater`] and [`EmailFailure::NotTried`] are said only where the message was certainly
///   not accepted; everything else is [`EmailFailure::Unknown`].
/// - One call hands a message over at most once. Trying again is the caller's, from a queue.
/// - Neither text nor address gets into a log, an error or a metric.
/// - A future that is dropped leaves no connection behind. Whether its message was accepted is then unknown.
#[async_trait]
pub trait EmailTransport: fmt::Debug + Send + Sync {
    /// Hands over one message.
    ///
    /// # Errors
    /// [`EmailFailure`].
    async fn send(&self, email: &OutgoingEmail) -> Result<(), EmailFailure>;

    /// Whether what it accepts is on its way to somebody. One for where no mail server is set says no, so that nobody counts its messages
    /// among those that were sent.
    fn delivers(&self) -> bool {
        true
    }
}
