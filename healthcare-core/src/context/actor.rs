//! Actors, roles and profiles.

use crate::UserId;
use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};
use uuid::Uuid;

/// The name of a role, as the policy writes it: `DOCTOR`. A different type from every id, so that a user can never be
/// mistaken for a role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Role(Arc<str>);

/// The text is not a role's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is 2 to 40 capital letters, digits and underscores, beginning with a letter")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;
    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        let good = (2..=40).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if good { Ok(Self(Arc::from(text))) } else { Err(InvalidRole) }
    }
}

impl Role {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The record that stands for a user: a practitioner's or a patient's. SMART App Launch calls it `fhirUser`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// The record's kind, as its [`Record::KIND`](crate::Record::KIND).
    pub kind: Cow<'static, str>,
    /// The record's id.
    pub id: Uuid,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Actor {
    /// Somebody who signed in.
    User {
        /// Their id.
        id: UserId,
        /// Their roles in this clinic.
        roles: Arc<[Role]>,
        /// The record that stands for them.
        profile: Option<Profile>,
    },
    /// A named job of the system itself, with a role like anyone else.
    System {
        /// The job's name.
        job: Cow<'static, str>,
        /// The role it acts in.
        role: Role,
    },
    /// Nobody known.
    Anonymous,
}

impl Actor {
    /// The roles the actor has.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        match self {
            Self::User { roles, .. } => roles,
            Self::System { role, .. } => std::slice::from_ref(role),
            Self::Anonymous => &[],
        }
    }

    /// The record that stands for the actor.
    #[must_use]
    pub const fn profile(&self) -> Option<&Profile> {
        match self {
            Self::User { profile, .. } => profile.as_ref(),
            Self::System { .. } | Self::Anonymous => None,
        }
    }

    /// The user's id, when the actor is a user.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::System { .. } | Self::Anonymous => None,
        }
    }
}
