//! The sessions table, as a seam.

use async_trait::async_trait;
use healthcare_core::{ClinicId, ErrorCode, SessionId, UserId};
use jiff::Timestamp;
use std::fmt;

/// One sign-in: its row.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// To which clinic.
    pub clinic: ClinicId,
    /// SHA-256 of the newest refresh secret.
    pub refresh: [u8; 32],
    /// SHA-256 of the one before it.
    pub previous: Option<[u8; 32]>,
    /// When the newest refresh secret was made.
    pub rotated: Timestamp,
    /// When the sign-in happened.
    pub created: Timestamp,
    /// Without a refresh, the sign-in ends here.
    pub idle_until: Timestamp,
    /// The sign-in ends here whatever happens.
    pub ends: Timestamp,
    /// When it was ended before that.
    pub revoked: Option<Timestamp>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

/// A session with what its user's row says at the same moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// The session.
    pub session: Session,
    /// The user's epoch now.
    pub user_epoch: u64,
    /// Whether the user may be signed in at all.
    pub user_active: bool,
}

/// A session to be stored.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The row.
    pub session: Session,
    /// The user's epoch that the sign-in was judged by: when it has moved on, nothing is stored.
    pub epoch: u64,
}

/// One step of the refresh token.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// The hash that must be the newest still.
    pub from: [u8; 32],
    /// The hash of its successor.
    pub to: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// The next idle end.
    pub idle_until: Timestamp,
}

healthcare_core::code_enum! {
    /// Why a session was ended before its time.
    pub enum EndReason {
        /// The user signed out.
        SignOut = "sign-out",
        /// A refresh token was used twice: somebody else has it.
        Reuse = "reuse",
        /// The user went on in another clinic.
        Switched = "switched",
        /// The password was changed.
        Password = "password",
        /// The user was disabled, or left the clinic.
        Removed = "removed",
    }
}

/// Users or sessions could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A user with this address or id exists.
    #[error("this user exists already")]
    Exists,
    /// There is no such user.
    #[error("there is no such user")]
    NoUser,
    /// A limit of the store: clinics of a user, roles of a membership.
    #[error("more than {0} of one user")]
    Limit(usize),
    /// What is stored cannot be read.
    #[error("a stored user or session cannot be read: schema and program differ in version")]
    Unreadable,
    /// Storage failed.
    #[error("users and sessions are not available")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// A storage failure with its cause.
    pub fn failed(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(cause.into())
    }

    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Exists => ErrorCode::UserExists,
            Self::NoUser => ErrorCode::UserNotFound,
            Self::Limit(_) => ErrorCode::ValidationFailed,
            Self::Unreadable => ErrorCode::StorageFailed,
            Self::Failed(_) => ErrorCode::StorageUnavailable,
        }
    }
}

/// Keeps sessions.
///
/// # Contract
/// - Every method is one atomic step, whatever runs beside it, in every process.
/// - A session that was revoked is never live again, and its row stays until its end.
/// - [`rotate`](Self::rotate) succeeds for exactly one of several callers with the same `from`.
/// - [`create`](Self::create) and [`replace`](Self::replace) store nothing when the user is not active or their epoch is not
///   the given one: a sign-in judged by an old password cannot slip in after the change.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// Stores a session; `false` when the user changed meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn create(&self, new: &NewSession) -> Result<bool, StoreError>;

    /// Ends `old` and stores `new` in one step; `false`, with nothing done, when `old` is not live at `at` or the user changed.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn replace(&self, old: SessionId, new: &NewSession, at: Timestamp) -> Result<bool, StoreError>;

    /// A session, with its user's state.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError>;

    /// Sets the next refresh hash when `from` is still the newest and the session is not revoked.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn rotate(&self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError>;

    /// Ends a session; `false` when it was over already or never was.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke(&self, id: SessionId, at: Timestamp, why: EndReason) -> Result<bool, StoreError>;

    /// Ends every session of a user, and says how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_user(&self, user: UserId, at: Timestamp, why: EndReason) -> Result<u64, StoreError>;

    /// Forgets at most `limit` sessions that ended before `before`, and says how many.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
