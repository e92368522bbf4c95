//! Who hands e-mail over: the server that is set, or the log.

use super::StartError;
use crate::config::Config;
use healthcare_messaging::{EmailTransport, LogEmail, SmtpEmail};
use healthcare_resilience::HealthBuilder;
use std::sync::Arc;

/// E-mail, and what health tells of it.
pub(super) enum Post {
    Smtp(Box<SmtpEmail>),
    Log,
}

impl Post {
    pub(super) fn of(config: &Config) -> Result<Self, StartError> {
        let Some(email) = &config.email else { return Ok(Self::Log) };
        let smtp = SmtpEmail::builder(email.server.clone(), email.sender.clone()).build();
        smtp.map(|smtp| Self::Smtp(Box::new(smtp))).map_err(StartError::Email)
    }

    pub(super) fn transport(&self) -> Arc<dyn EmailTransport> {
        match self {
            Self::Smtp(smtp) => Arc::new((**smtp).clone()),
            Self::Log => Arc::new(LogEmail),
        }
    }

    /// Adds the circuit round the server. No request waits for it, and what it does not take waits in its queue.
    pub(super) fn watched(&self, health: HealthBuilder) -> HealthBuilder {
        match self {
            Self::Smtp(smtp) => health.component(smtp.breaker().clone()),
            Self::Log => health,
        }
    }
}
