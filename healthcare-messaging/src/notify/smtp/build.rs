use super::{MailSender, Server, SmtpEmail, SmtpUrl, Tls, url::Kind};
use healthcare_resilience::{Bulkhead, CircuitBreaker, Stack};
use lettre::transport::smtp::{
    client::{Certificate, TlsParameters},
    extension::ClientId,
};
use std::{fmt, time::Duration};

/// The name of its policies in metrics and health.
const NAME: &str = "email";
/// Servers limit the connections of one sender.
const CALLS_MAX: usize = 4;
/// As many as the queue runs at a time wait for their turn.
const WAITING_MAX: usize = 128;
const WAIT_MAX: Duration = Duration::from_secs(60);
/// RFC 5321 section 4.5.3.2 asks for five minutes; a server that takes longer than half a minute is not one to wait for in a worker.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// The end of data: given up too early, a message is in doubt.
const DATA_MAX: Duration = Duration::from_secs(300);

/// E-mail cannot be sent so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpConfigError {
    /// The certificates cannot be used.
    #[error("the certificates for TLS cannot be used")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A time that is none.
    #[error("a time limit is 1 millisecond to 10 minutes")]
    Time,
    /// A policy is not built well.
    #[error("the policies around the server cannot be built")]
    Policy(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Describes an [`SmtpEmail`].
#[derive(Clone)]
#[must_use = "call build()"]
pub struct SmtpEmailBuilder {
    url: SmtpUrl,
    from: MailSender,
    roots: Vec<Vec<u8>>,
    answer_max: Duration,
    data_max: Duration,
}

impl fmt::Debug for SmtpEmailBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpEmailBuilder({:?})", self.url)
    }
}

impl SmtpEmailBuilder {
    pub(super) const fn new(url: SmtpUrl, from: MailSender) -> Self {
        Self { url, from, roots: Vec::new(), answer_max: ANSWER_MAX, data_max: DATA_MAX }
    }

    /// Trusts this certificate too (PEM), beside those of the system.
    pub fn root(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// How long the server may take for each answer before the message; 30 seconds when never called.
    pub const fn answer_time_max(mut self, time: Duration) -> Self {
        self.answer_max = time;
        self
    }

    /// How long it may take to say that it has the message; 5 minutes when never called. What it has not said by then is unknown.
    pub const fn data_time_max(mut self, time: Duration) -> Self {
        self.data_max = time;
        self
    }

    /// The transport. Connects to nothing yet.
    ///
    /// # Errors
    /// [`SmtpConfigError`].
    pub fn build(self) -> Result<SmtpEmail, SmtpConfigError> {
        let good = Duration::from_millis(1)..=Duration::from_secs(600);
        if !good.contains(&self.answer_max) || !good.contains(&self.data_max) {
            return Err(SmtpConfigError::Time);
        }
        let tls = match self.url.kind {
            Kind::Wrapped => Tls::Wrapped(self.parameters()?),
            Kind::Upgraded => Tls::Upgraded(self.parameters()?),
            Kind::Plain => Tls::Off,
        };
        let MailSender(from) = self.from;
        let breaker =
            CircuitBreaker::email(NAME).build().map_err(|error| SmtpConfigError::Policy(error.into()))?;
        let server = Server {
            tls,
            hello: ClientId::Domain(from.email.domain().to_owned()),
            credentials: self.url.credentials(),
            answer_max: self.answer_max,
            data_max: self.data_max,
            host: self.url.host,
            port: self.url.port,
        };
        Ok(SmtpEmail { stack: stack(breaker.clone(), &server)?, breaker, server, from })
    }

    fn parameters(&self) -> Result<TlsParameters, SmtpConfigError> {
        let wrong = |error: lettre::transport::smtp::Error| SmtpConfigError::Tls(error.into());
        let mut tls = TlsParameters::builder(self.url.host.clone());
        for pem in &self.roots {
            tls = tls.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
        }
        tls.build_rustls().map_err(wrong)
    }
}

/// No retry: a message that was not accepted goes back to its queue, and a second try at once is how a message is sent twice.
fn stack(breaker: CircuitBreaker, server: &Server) -> Result<Stack, SmtpConfigError> {
    let bulkhead = Bulkhead::builder(NAME).max_calls(CALLS_MAX).max_waiting(WAITING_MAX).max_wait(WAIT_MAX);
    let bulkhead = bulkhead.build().map_err(|error| SmtpConfigError::Policy(error.into()))?;
    // Above what the steps may take together: it ends what none of them does.
    let all = server.answer_max * 10 + server.data_max + Duration::from_secs(10);
    Stack::builder(NAME)
        .bulkhead(bulkhead)
        .breaker(breaker)
        .time_out(all)
        .build()
        .map_err(|error| SmtpConfigError::Policy(error.into()))
}
