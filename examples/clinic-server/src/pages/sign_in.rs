//! The door.

use super::{
    form::{self, Submitted},
    problem_text, rendered,
    session::{role_name, with_cookies},
    view::{DemoDoor, DemoRole, Frame, SignInPage},
};
use crate::{
    App,
    http::{ClientAddress, Problem},
    seed::{DEMO_PASSWORD, DemoClinic, demo_clinics, demo_roles},
};
use axum::{
    Extension,
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use healthcare_core::ErrorCode;
use healthcare_rbac::{login::Credentials, password::Password};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::{net::IpAddr, sync::Arc};

#[derive(Deserialize)]
struct Credential {
    email: String,
    password: String,
}

#[derive(Deserialize)]
struct DemoChoice {
    clinic: String,
    role: String,
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

/// The form.
pub(super) async fn page(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    door(&app, &headers, None)
}

fn door(app: &App, headers: &HeaderMap, problem: Option<&Problem>) -> Result<Response, Problem> {
    let (seed, set) = app.pages.seed(headers)?;
    let page = SignInPage {
        frame: Frame {
            person: None,
            links: Vec::new(),
            csrf: app.pages.form_token(&seed, None),
            demo: app.settings.demo,
        },
        problem: problem.map(problem_text),
        doors: if app.settings.demo { doors(app) } else { Vec::new() },
    };
    let status = problem.map_or(StatusCode::OK, |problem| {
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    });
    Ok(with_cookies((status, rendered(&page)), set.into_iter().collect()))
}

/// The roles most people want to try.
const FIRST: [&str; 6] = ["RECEPTIONIST", "DOCTOR", "NURSE", "PHARMACIST", "AUDITOR", "PATIENT"];

/// One button for each role of the demonstration, with what the policy says of it.
fn doors(app: &App) -> Vec<DemoDoor> {
    let policy = app.policy.policy();
    let role = |name: &&str| DemoRole {
        role: (*name).to_owned(),
        name: role_name(name),
        about: policy
            .roles()
            .find(|(role, ..)| role.as_str() == *name)
            .map(|(_, about, _)| about.to_owned())
            .unwrap_or_default(),
    };
    let door = |clinic: &'static DemoClinic| DemoDoor {
        slug: clinic.slug,
        name: clinic.name,
        first: FIRST.iter().map(role).collect(),
        others: demo_roles().iter().filter(|name| !FIRST.contains(name)).map(role).collect(),
    };
    demo_clinics().iter().map(door).collect()
}

/// Signs in, and goes to where the role begins.
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    Extension(ClientAddress(source)): Extension<ClientAddress>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let (Credential { email, password }, token) = form::read(request).await?;
    enter(&app, &headers, &token, Credential { email, password }, source).await
}

/// Signs in as one of the demonstration's roles. Elsewhere there is no such address.
pub(super) async fn demo(
    State(app): State<Arc<App>>,
    Extension(ClientAddress(source)): Extension<ClientAddress>,
    request: Request,
) -> Result<Response, Problem> {
    let unknown = || Problem::of(ErrorCode::NotFound);
    if !app.settings.demo {
        return Err(unknown());
    }
    let headers = request.headers().clone();
    let (chosen, token) = form::read::<DemoChoice>(request).await?;
    let clinic = demo_clinics().iter().find(|clinic| clinic.slug == chosen.clinic).ok_or_else(unknown)?;
    let role = demo_roles().iter().find(|role| **role == chosen.role).ok_or_else(unknown)?;
    let credential = Credential { email: clinic.address_of(role), password: DEMO_PASSWORD.to_owned() };
    enter(&app, &headers, &token, credential, source).await
}

async fn enter(
    app: &App,
    headers: &HeaderMap,
    token: &str,
    Credential { email, password }: Credential,
    source: Option<IpAddr>,
) -> Result<Response, Problem> {
    let tried = async {
        app.pages.check_form(headers, None, token)?;
        let password = Password::take(password).map_err(|_| Problem::of(ErrorCode::CredentialsInvalid))?;
        let credentials = Credentials { email, password, clinic: None, source };
        app.login.sign_in(&credentials).await.map_err(Problem::from)
    };
    match tried.await {
        Ok(signed_in) => Ok(with_cookies(Redirect::to("/"), app.pages.signed_in(&signed_in))),
        Err(problem) => door(app, headers, Some(&problem)),
    }
}

/// Signs out, and goes back to the door.
pub(super) async fn leave(
    State(app): State<Arc<App>>,
    Submitted { visitor, .. }: Submitted<Nothing>,
) -> Result<Response, Problem> {
    app.login.sign_out(&visitor.caller.claims, visitor.caller.context.source()).await?;
    Ok(with_cookies(Redirect::to("/sign-in"), app.pages.signed_out()).into_response())
}
