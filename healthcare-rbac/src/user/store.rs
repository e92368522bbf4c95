//! The users table, as a seam.

use super::EmailIndex;
use crate::{password::PasswordHash, session::StoreError};
use async_trait::async_trait;
use healthcare_core::{ClinicId, Profile, Role, UserId};
use jiff::Timestamp;
use std::{fmt, sync::Arc};

/// The most clinics one user may belong to.
pub const MAX_MEMBERSHIPS: usize = 256;
/// The most roles one user may have in one clinic.
pub const MAX_ROLES: usize = 16;

healthcare_core::code_enum! {
    /// Whether a user may sign in.
    pub enum UserStatus {
        /// They may.
        Active = "active",
        /// They may not.
        Disabled = "disabled",
    }
}

/// That a user belongs to a clinic, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The clinic.
    pub clinic: ClinicId,
    /// The roles there.
    pub roles: Arc<[Role]>,
    /// The practitioner or patient who stands for the user there.
    pub profile: Option<Profile>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their password's hash; none when they cannot sign in with one.
    pub password: Option<PasswordHash>,
    /// Whether they may sign in.
    pub status: UserStatus,
    /// Rises with every change of rights: tokens of an older one are refused.
    pub epoch: u64,
    /// Their clinics, the oldest membership first.
    pub memberships: Vec<Membership>,
}

impl User {
    /// The membership in a clinic.
    #[must_use]
    pub fn membership(&self, clinic: ClinicId) -> Option<&Membership> {
        self.memberships.iter().find(|membership| membership.clinic == clinic)
    }
}

/// A user to be added, active and without a clinic.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Their id.
    pub id: UserId,
    /// Their address in the index.
    pub email: EmailIndex,
    /// Their password's hash.
    pub password: Option<PasswordHash>,
}

/// A new password hash for a user.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// Only when the stored hash is still this one. `None`: whatever is stored, as an administrator would.
    pub expected: Option<PasswordHash>,
    /// The hash to store.
    pub new: PasswordHash,
    /// `Some(now)` when the password itself is another: the epoch rises and every session ends with it. `None` when the same
    /// password was only hashed at a higher cost.
    pub changed_at: Option<Timestamp>,
}

/// Keeps users.
///
/// # Contract
/// - Every method is one atomic step, whatever runs beside it.
/// - Whatever takes rights away raises the epoch and ends the sessions concerned *in the same step*: who disables a user and
///   gets the answer knows that no session of theirs is live.
/// - At most [`MAX_MEMBERSHIPS`] and [`MAX_ROLES`]; more is [`StoreError::Limit`] and nothing is done.
#[async_trait]
pub trait UserStore: fmt::Debug + Send + Sync {
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the id or the address is taken.
    async fn add(&self, user: &NewUser) -> Result<(), StoreError>;

    /// The user with this address.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn by_email(&self, email: &EmailIndex) -> Result<Option<User>, StoreError>;

    /// The user with this id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn by_id(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Stores a password hash; `false` when the stored one is not the expected one, or there is no such user.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_password(&self, id: UserId, change: &PasswordChange) -> Result<bool, StoreError>;

    /// Lets a user sign in, or not; `false` when there is no such user. Disabling ends all their sessions.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn set_status(&self, id: UserId, status: UserStatus, at: Timestamp) -> Result<bool, StoreError>;

    /// Sets roles and profile in a clinic, and raises the epoch.
    ///
    /// # Errors
    /// [`StoreError::NoUser`]; [`StoreError::Limit`] above the limits.
    async fn set_membership(&self, id: UserId, membership: &Membership) -> Result<(), StoreError>;

    /// Takes a user out of a clinic and ends their sessions there; `false` when they were not in it.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn remove_membership(
        &self,
        id: UserId,
        clinic: ClinicId,
        at: Timestamp,
    ) -> Result<bool, StoreError>;
}
