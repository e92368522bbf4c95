//! Signing in, staying signed in, signing out.

use crate::{
    App,
    http::{Caller, ClientAddress, Json, Problem},
};
use axum::{Extension, extract::State};
use healthcare_core::{ClinicId, ErrorCode};
use healthcare_rbac::{
    login::{Credentials, SignedIn},
    password::Password,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginBody {
    /// The address.
    email: String,
    /// The password.
    password: String,
    /// The clinic to sign in to; the first of the user's unless said otherwise.
    clinic_id: Option<String>,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshBody {
    /// The `refresh_token` of the last answer.
    refresh_token: String,
}

/// Another clinic.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClinicBody {
    /// The clinic to go on in.
    clinic_id: String,
}

/// Tokens of a sign-in.
#[derive(Serialize, ToSchema)]
pub(super) struct Tokens {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// For the next refresh; each is used once.
    refresh_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// How many seconds the access token lives.
    expires_in: u64,
    /// Who signed in.
    user: UserView,
}

/// A user, as they are in the clinic of their token.
#[derive(Serialize, ToSchema)]
pub(super) struct UserView {
    /// The user's id.
    id: String,
    /// The clinic of the token.
    clinic_id: String,
    /// The roles in that clinic.
    roles: Vec<String>,
    /// The record that stands for the user, as `practitioner/{id}` or `patient/{id}`.
    profile: Option<String>,
    /// Every clinic the user belongs to.
    clinics: Vec<String>,
}

impl Tokens {
    fn of(app: &App, signed_in: &SignedIn) -> Self {
        Self {
            access_token: signed_in.access.text.clone(),
            refresh_token: signed_in.refresh.as_str().to_owned(),
            token_type: "Bearer",
            expires_in: app.tokens.life().as_secs(),
            user: UserView {
                id: signed_in.user.to_string(),
                clinic_id: signed_in.clinic.to_string(),
                roles: signed_in.roles.iter().map(ToString::to_string).collect(),
                profile: signed_in.profile.as_ref().map(|profile| format!("{}/{}", profile.kind, profile.id)),
                clinics: signed_in.clinics.iter().map(ToString::to_string).collect(),
            },
        }
    }
}

/// Signs in with e-mail and password.
#[utoipa::path(post, path = "/auth/login", tag = "auth", security(()), request_body = LoginBody, responses((status = 200, body = Tokens), (status = 401), (status = 403)))]
pub(super) async fn login(
    State(app): State<Arc<App>>,
    Extension(ClientAddress(source)): Extension<ClientAddress>,
    Json { value: body, .. }: Json<LoginBody>,
) -> Result<axum::Json<Tokens>, Problem> {
    // A clinic that is none, and a password that is too long for one, are wrong in the same way as wrong ones.
    let wrong = || Problem::of(ErrorCode::CredentialsInvalid);
    let clinic = body.clinic_id.map(|id| id.parse()).transpose().map_err(|_| wrong())?;
    let password = Password::take(body.password).map_err(|_| wrong())?;
    let signed_in = app.login.sign_in(&Credentials { email: body.email, password, clinic, source }).await?;
    Ok(axum::Json(Tokens::of(&app, &signed_in)))
}

/// Renews an access token. Used twice, a refresh token ends the sign-in.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", security(()), request_body = RefreshBody, responses((status = 200, body = Tokens), (status = 401), (status = 403)))]
pub(super) async fn refresh(
    State(app): State<Arc<App>>,
    Extension(ClientAddress(source)): Extension<ClientAddress>,
    Json { value: body, .. }: Json<RefreshBody>,
) -> Result<axum::Json<Tokens>, Problem> {
    let signed_in = app.login.refresh(&body.refresh_token, source).await?;
    Ok(axum::Json(Tokens::of(&app, &signed_in)))
}

/// Signs out: the tokens of this sign-in are refused from now on.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 204)))]
pub(super) async fn logout(State(app): State<Arc<App>>, caller: Caller) -> Result<StatusCode, Problem> {
    app.login.sign_out(&caller.claims, caller.context.source()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Goes on in another clinic the user belongs to: new tokens, and the old ones end.
#[utoipa::path(post, path = "/auth/clinic", tag = "auth", request_body = ClinicBody, responses((status = 200, body = Tokens)))]
pub(super) async fn switch_clinic(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json { value: body, .. }: Json<ClinicBody>,
) -> Result<axum::Json<Tokens>, Problem> {
    // What is no id is no clinic of the user's.
    let foreign = |_| Problem::of(ErrorCode::ClinicAccessDenied);
    let clinic: ClinicId = body.clinic_id.parse().map_err(foreign)?;
    let signed_in = app.login.switch_clinic(&caller.claims, clinic, caller.context.source()).await?;
    Ok(axum::Json(Tokens::of(&app, &signed_in)))
}
