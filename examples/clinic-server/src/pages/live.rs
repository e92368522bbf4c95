//! Tickets for the sockets of pages.

use super::form::Submitted;
use crate::{App, http::Problem, live::TicketView};
use axum::{extract::State, response::Response};
use serde::Deserialize;
use std::sync::Arc;

/// The form has its token and nothing else.
#[derive(Deserialize)]
pub(super) struct NoFields {}

/// A ticket, as JSON, for a page that shows its form token.
pub(super) async fn ticket(
    State(app): State<Arc<App>>,
    Submitted { visitor, .. }: Submitted<NoFields>,
) -> Result<Response, Problem> {
    let ticket = TicketView::issue(&app, visitor.caller.clone())?;
    Ok(visitor.answer(axum::Json(ticket)))
}
