//! One message's conversation with the server, so that at each failure it is known how far it had come.

use super::{Server, Tls};
use crate::notify::EmailFailure;
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::Mechanism,
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt},
    },
};
use std::{future::Future, io, time::Duration};

/// The class of "not now" about one address or message: the server is well.
pub(super) const LATER: &str = "smtp.later";

/// A connection that has said who it is.
pub(super) struct Conversation<'s> {
    server: &'s Server,
    connection: AsyncSmtpConnection,
}

impl<'s> Conversation<'s> {
    /// Connects, over TLS where that is asked, and signs in.
    pub(super) async fn open(server: &'s Server) -> Result<Self, EmailFailure> {
        let wrapped = if let Tls::Wrapped(tls) = &server.tls { Some(tls.clone()) } else { None };
        let at = (server.host.as_str(), server.port);
        let connecting =
            AsyncSmtpConnection::connect_tokio1(at, Some(server.answer_max), &server.hello, wrapped, None);
        // Once more for the greeting, for which the driver itself waits as long as it takes.
        let connection = within(server.answer_max * 2, connecting).await.map_err(|stop| match stop {
            Stop::Error(error) if is_distrust(&error) => EmailFailure::TryLater("smtp.tls"),
            _ => EmailFailure::TryLater("smtp.unreachable"),
        })?;
        let mut conversation = Self { server, connection };
        if let Tls::Upgraded(tls) = &server.tls {
            let upgrading = conversation.connection.starttls(tls.clone(), &server.hello);
            within(server.answer_max, upgrading).await.map_err(|_| EmailFailure::TryLater("smtp.tls"))?;
        }
        if let Some(credentials) = &server.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let signing_in = conversation.connection.auth(&mechanisms, credentials);
            within(server.answer_max, signing_in)
                .await
                .map_err(|_| EmailFailure::TryLater("smtp.sign-in"))?;
        }
        Ok(conversation)
    }

    /// Says from whom and to whom.
    pub(super) async fn address(&mut self, from: Address, to: Address) -> Result<(), EmailFailure> {
        // A sender that is refused is a mistake of ours in every message: they wait until it is mended.
        self.say(Mail::new(Some(from), Vec::new())).await.map_err(|stop| not_yet(&stop, "smtp.sender"))?;
        self.say(Rcpt::new(to, Vec::new())).await.map_err(|stop| match &stop {
            // Nothing is wrong with the address: this server does not take it from us.
            Stop::Error(error) if is_forbidden(error) => EmailFailure::TryLater("smtp.sender"),
            _ => answered(&stop, "smtp.recipient"),
        })?;
        self.say(Data).await.map_err(|stop| answered(&stop, "smtp.message"))
    }

    /// Hands over the message. From its first byte on, only an answer says whether it was taken.
    pub(super) async fn data(mut self, message: &[u8]) -> Result<(), EmailFailure> {
        // The driver ends the last line itself.
        let message = message.strip_suffix(b"\r\n").unwrap_or(message);
        match within(self.server.data_max, self.connection.message(message)).await {
            Ok(_) => {
                // A courtesy: what it answers changes nothing.
                let _ = within(QUIT_MAX, self.connection.quit()).await;
                Ok(())
            }
            Err(Stop::Error(error)) if error.is_permanent() => Err(EmailFailure::Refused("smtp.message")),
            Err(Stop::Error(error)) if error.is_transient() => Err(EmailFailure::TryLater(LATER)),
            Err(_) => Err(EmailFailure::Unknown("smtp.unknown")),
        }
    }

    async fn say(&mut self, command: impl std::fmt::Display + Send) -> Result<(), Stop> {
        within(self.server.answer_max, self.connection.command(command)).await.map(drop)
    }
}

/// Whether it was TLS that failed, and not the network beneath it: the driver tells both as a failed connection.
fn is_distrust(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        cause = error.source();
    }
    error.is_tls()
}

const QUIT_MAX: Duration = Duration::from_secs(1);

/// Why a step came to no good end.
enum Stop {
    Error(Error),
    Late,
}

async fn within<T>(limit: Duration, step: impl Future<Output = Result<T, Error>>) -> Result<T, Stop> {
    match tokio::time::timeout(limit, step).await {
        Ok(done) => done.map_err(Stop::Error),
        Err(_) => Err(Stop::Late),
    }
}

/// The server closes the connection (RFC 5321 section 3.8): it is not well.
const CLOSING: u16 = 421;

/// Before the message nothing can have been accepted.
fn not_yet(stop: &Stop, class: &'static str) -> EmailFailure {
    match stop {
        Stop::Error(error) if error.status().is_some_and(|code| u16::from(code) != CLOSING) => {
            EmailFailure::TryLater(class)
        }
        _ => EmailFailure::TryLater("smtp.broken-off"),
    }
}

/// Whether the server wants other credentials, or a sender that may relay: RFC 4954 (530, 535, 538), and the class "security or policy"
/// of RFC 3463 (5.7).
fn is_forbidden(error: &Error) -> bool {
    let by_code = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 535 | 538));
    by_code || error.is_permanent() && error.to_string().contains(" 5.7.")
}

/// An answer about one address or message.
fn answered(stop: &Stop, refused: &'static str) -> EmailFailure {
    match stop {
        Stop::Error(error) if error.is_permanent() => EmailFailure::Refused(refused),
        other => not_yet(other, LATER),
    }
}
