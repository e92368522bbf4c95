//! Why somebody is not signed in.

use crate::{password::PasswordError, session::StoreError, throttle::Throttled, token::IssueError};
use healthcare_core::{ErrorCode, NotDurable};
use std::time::Duration;

/// A sign-in, a refresh or a change of clinic that did not happen. No variant tells whether an address is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// No such user, a wrong password, or a password that was changed in this moment: one answer.
    #[error("e-mail and password do not match")]
    Credentials,
    /// Too many attempts.
    #[error("too many attempts: wait {} seconds", .0.retry_after.as_secs())]
    Throttled(Throttled),
    /// Too many sign-ins at once.
    #[error("too many sign-ins at once: try again shortly")]
    Busy,
    /// The password is right, and the user may not sign in.
    #[error("this user has been disabled")]
    Disabled,
    /// The password is right, and the user does not belong to the clinic, or to any.
    #[error("the user does not belong to this clinic")]
    NoClinic,
    /// The refresh token is not one of this system's.
    #[error("the refresh token is not valid")]
    Token,
    /// The sign-in is over.
    #[error("this sign-in has ended")]
    Ended,
    /// Users or sessions are not available.
    #[error("users and sessions are not available")]
    Store(#[from] StoreError),
    /// The password could not be hashed.
    #[error("the password could not be checked")]
    Hash(#[source] PasswordError),
    /// No access token could be issued.
    #[error("no access token could be issued")]
    Issue(#[from] IssueError),
    /// The sign-in could not be recorded, so it did not happen.
    #[error("the sign-in could not be recorded durably, so it did not happen")]
    NotDurable(#[from] NotDurable),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
}

impl LoginError {
    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Credentials => ErrorCode::CredentialsInvalid,
            Self::Throttled(_) => ErrorCode::SignInThrottled,
            Self::Busy => ErrorCode::SignInBusy,
            Self::Disabled => ErrorCode::UserDisabled,
            Self::NoClinic => ErrorCode::ClinicAccessDenied,
            Self::Token => ErrorCode::TokenInvalid,
            Self::Ended => ErrorCode::SessionRevoked,
            Self::Store(error) => error.code(),
            Self::NotDurable(_) => ErrorCode::AuditUnavailable,
            Self::Hash(_) | Self::Issue(_) | Self::Random => ErrorCode::Internal,
        }
    }

    /// What `Retry-After` should say.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled(throttled) => Some(throttled.retry_after),
            Self::Busy => Some(Duration::from_secs(2)),
            _ => None,
        }
    }
}

impl From<PasswordError> for LoginError {
    fn from(error: PasswordError) -> Self {
        if matches!(error, PasswordError::Busy) { Self::Busy } else { Self::Hash(error) }
    }
}
