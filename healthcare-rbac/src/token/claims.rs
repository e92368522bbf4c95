//! What an access token says.

use healthcare_core::{ClinicId, Identity, Profile, Role, SessionId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// The claims of a verified access token. Only [`TokenService::verify`](super::TokenService::verify) makes one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccessClaims {
    /// Who signed in (`sub`).
    pub user: UserId,
    /// The one clinic (`clinic`).
    pub clinic: ClinicId,
    /// The roles in it (`roles`).
    pub roles: Arc<[Role]>,
    /// The sign-in (`sid`). Whether it still lives is [`SessionGuard`](crate::session::SessionGuard)'s to say.
    pub session: SessionId,
    /// The record that stands for the user (`fhirUser`).
    pub profile: Option<Profile>,
    /// The user's epoch when the token was issued (`epoch`): a higher one in the store ends the token.
    pub epoch: u64,
    /// The token's own id (`jti`).
    pub id: Uuid,
    /// When it was issued (`iat`), to the second.
    pub issued: Timestamp,
    /// When it ends (`exp`), to the second.
    pub expires: Timestamp,
}

impl AccessClaims {
    /// The identity that an [`Edge`](healthcare_core::Edge) turns into a context, once the session was checked.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            user: self.user,
            clinic: self.clinic,
            roles: Arc::clone(&self.roles),
            profile: self.profile.clone(),
            session: Some(self.session),
        }
    }
}

/// The claims as written. Every member is required and typed; an unknown or doubled one is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire<'t> {
    #[serde(borrow)]
    pub(super) iss: Cow<'t, str>,
    #[serde(borrow)]
    pub(super) aud: Cow<'t, str>,
    pub(super) sub: UserId,
    pub(super) clinic: ClinicId,
    pub(super) roles: Arc<[Role]>,
    pub(super) sid: SessionId,
    #[serde(rename = "fhirUser", borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) fhir_user: Option<Cow<'t, str>>,
    pub(super) epoch: u64,
    pub(super) jti: Uuid,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

/// The kinds a profile may have, as core and as FHIR name them.
const PROFILES: [(&str, &str); 2] = [("practitioner", "Practitioner"), ("patient", "Patient")];

/// `Practitioner/{id}` or `Patient/{id}`, as SMART App Launch writes `fhirUser`.
pub(super) fn to_fhir(profile: &Profile) -> Option<String> {
    let (_, fhir) = PROFILES.iter().find(|(kind, _)| *kind == profile.kind)?;
    Some(format!("{fhir}/{}", profile.id))
}

pub(super) fn from_fhir(text: &str) -> Option<Profile> {
    let (fhir, id) = text.split_once('/')?;
    let (kind, _) = PROFILES.iter().find(|(_, name)| *name == fhir)?;
    // Hyphenated only: one id, one spelling.
    let id = (id.len() == 36).then(|| Uuid::try_parse(id).ok()).flatten()?;
    Some(Profile { kind: Cow::Borrowed(kind), id })
}
