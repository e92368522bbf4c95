//! The door.

use super::{
    form::{self, Submitted},
    problem_text, rendered,
    session::with_cookies,
    view::{Frame, Section, SignInPage},
};
use crate::{
    App,
    http::{ClientAddress, Problem},
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
use std::sync::Arc;

#[derive(Deserialize)]
struct Credential {
    email: String,
    password: String,
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
            csrf: app.pages.form_token(&seed, None),
            section: Section::Other,
            demo: app.settings.demo,
        },
        problem: problem.map(problem_text),
    };
    let status = problem.map_or(StatusCode::OK, |problem| {
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    });
    Ok(with_cookies((status, rendered(&page)), set.into_iter().collect()))
}

/// Signs in, and goes to the patients.
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    Extension(ClientAddress(source)): Extension<ClientAddress>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let (Credential { email, password }, token) = form::read(request).await?;
    let tried = async {
        app.pages.check_form(&headers, None, &token)?;
        let password = Password::take(password).map_err(|_| Problem::of(ErrorCode::CredentialsInvalid))?;
        let credentials = Credentials { email, password, clinic: None, source };
        app.login.sign_in(&credentials).await.map_err(Problem::from)
    };
    match tried.await {
        Ok(signed_in) => Ok(with_cookies(Redirect::to("/patients"), app.pages.signed_in(&signed_in))),
        Err(problem) => door(&app, &headers, Some(&problem)),
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
