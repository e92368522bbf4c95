//! The caller themselves.

use crate::http::Caller;
use healthcare_core::Profile;
use serde::Serialize;
use utoipa::ToSchema;

/// Who the token says the caller is.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// The user's id.
    id: String,
    /// The clinic of the token.
    clinic_id: String,
    /// The roles in that clinic.
    roles: Vec<String>,
    /// The record that stands for the user.
    profile: Option<ProfileView>,
    /// When the token ends, RFC 3339.
    expires: String,
}

#[derive(Serialize, ToSchema)]
struct ProfileView {
    /// `practitioner` or `patient`.
    kind: String,
    /// The record's id.
    id: String,
}

/// Who the caller is.
#[utoipa::path(get, path = "/me", tag = "auth", responses((status = 200, body = Me)))]
pub(super) async fn me(caller: Caller) -> axum::Json<Me> {
    let view = |profile: &Profile| ProfileView { kind: profile.kind.to_string(), id: profile.id.to_string() };
    axum::Json(Me {
        id: caller.claims.user.to_string(),
        clinic_id: caller.claims.clinic.to_string(),
        roles: caller.claims.roles.iter().map(ToString::to_string).collect(),
        profile: caller.claims.profile.as_ref().map(view),
        expires: caller.claims.expires.to_string(),
    })
}
