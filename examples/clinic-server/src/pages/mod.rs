//! Server-rendered pages: sign-in, day board, booking, patients with their charts, the audit log.

mod api_docs;
mod assets;
mod board;
mod board_part;
mod board_row;
mod booking;
mod break_glass;
mod chart;
mod diary;
mod form;
mod free;
mod jobs;
mod live;
mod logger;
mod nav;
mod patients;
mod renewed;
mod session;
mod sign_in;
pub mod view;

pub(crate) use renewed::Renewed;
pub use session::PageSessions;

use crate::{App, http::Problem};
use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use healthcare_core::{CorrelationId, ErrorCode};
use http::StatusCode;
use session::Visitor;
use std::sync::Arc;
use view::{Frame, ProblemPage};

/// The pages' routes.
pub fn routes() -> Router<Arc<App>> {
    live_routes()
        .route("/", get(start))
        .route("/assets/{name}", get(assets::serve))
        .route("/sign-in", get(sign_in::page).post(sign_in::submit))
        .route("/sign-in/demo", post(sign_in::demo))
        .route("/sign-out", post(sign_in::leave))
        .route("/board", get(board::page))
        .route("/board/{id}", get(board_part::part))
        .route("/board/{id}/{step}", post(board::step))
        .route("/appointments/new", get(booking::page).post(booking::submit))
        .route("/patients", get(patients::page).post(patients::search))
        .route("/patients/{id}", get(chart::page))
        .route("/patients/{id}/break-glass", post(break_glass::begin))
        .route("/break-glass", get(break_glass::page))
        .route("/break-glass/{id}", get(break_glass::report))
        .route("/break-glass/{id}/end", post(break_glass::end))
        .route("/break-glass/{id}/review", post(break_glass::review))
        .route("/api-docs", get(api_docs::page))
        .route("/queue-dashboard", get(jobs::page))
        .route("/queue-dashboard/retry", post(jobs::retry))
        .route("/logger", get(logger::page))
        .route("/logger/verify", post(logger::verify))
}

/// What a process has of them that holds connections alone.
pub fn live_routes() -> Router<Arc<App>> {
    Router::new().route("/live/ticket", post(live::ticket))
}

/// Whether problems at this address are answered with a page.
pub(crate) fn is_page(path: &str) -> bool {
    path != "/ws"
        && !["/api/", "/api-docs/", "/health", "/live/", "/livez", "/readyz"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
}

/// Where the reader's role begins.
async fn start(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let home = nav::home(&app, visitor.actor());
    visitor.answer(Redirect::to(&home))
}

/// A rendered page.
pub(crate) fn rendered(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A problem as a page. Who is not signed in is sent to sign in.
pub(crate) fn problem(app: &App, problem: &Problem, correlation: CorrelationId) -> Response {
    if problem.code.status() == 401 {
        return Redirect::to("/sign-in").into_response();
    }
    let title = match problem.code.status() {
        404 => "Not found",
        403 => "Not permitted",
        400..=499 => "This did not work",
        _ => "Something failed here",
    };
    let page = ProblemPage {
        frame: Frame { person: None, links: Vec::new(), csrf: String::new(), demo: app.settings.demo },
        title: title.to_owned(),
        text: problem_text(problem),
        code: problem.code.as_str().to_owned(),
        correlation: Some(correlation.to_string()),
    };
    let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, rendered(&page)).into_response()
}

/// A problem in a sentence or two.
pub(crate) fn problem_text(problem: &Problem) -> String {
    if problem.code == ErrorCode::ValidationFailed && !problem.details.is_empty() {
        let parts: Vec<_> = problem
            .details
            .iter()
            .map(|d| format!("{}: {}.", d.field.replace('_', " "), d.problem))
            .collect();
        return parts.join(" ");
    }
    problem.message.clone().unwrap_or(problem.code.message().into()).into_owned()
}
