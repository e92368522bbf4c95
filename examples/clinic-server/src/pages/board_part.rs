//! One row of a board that is open: told that an appointment has changed, its script fetches that one.

use super::{
    board::{BoardParams, appointments, board_day, window, with},
    board_row::{Reader, row},
    diary::{self, Diary},
    rendered,
    session::Visitor,
    view::{BoardRowPart, Section},
};
use crate::{
    App,
    http::{Problem, Query},
};
use axum::{
    extract::{Path, State},
    response::Response,
};
use healthcare_core::{Appointment, AppointmentWindow, ErrorCode, Id, PageRequest, Patient, Record};
use http::StatusCode;
use std::sync::Arc;

/// The row as it stands now, read and recorded for itself; nothing (204) where it is not on this board, or not for this reader.
pub(super) async fn part(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    visitor: Visitor,
    Query(asked): Query<BoardParams>,
) -> Result<Response, Problem> {
    let id: Id<Appointment> = id.parse().map_err(|_| Problem::of(ErrorCode::AppointmentNotFound))?;
    let diary = Diary::read(&app, &visitor.caller.context).await?;
    let now = app.clock.now();
    let today = diary.date(now);
    let (day, with) = (diary::day(asked.day.as_deref(), today)?, with(&asked)?);
    let (from, to) = (diary.midnight(day)?, diary.midnight(day.tomorrow().unwrap_or(day))?);
    // Listed as the board lists it, for whoever may see the board may see its row; and narrowed before it is read, for what is
    // read is disclosed.
    let window = AppointmentWindow { id: Some(id), ..window((from, to), with)? };
    let first = PageRequest::first(1).unwrap_or_default();
    let shown = appointments(&app, &visitor, &window, (first, None)).await?;
    let Some(found) = shown.items.first() else { return Ok(visitor.answer(StatusCode::NO_CONTENT)) };
    let patients = found.subject().map(Id::<Patient>::from_uuid).into_iter().collect();
    let names = diary::names(&app, &visitor, patients).await?;
    let part = BoardRowPart {
        frame: visitor.frame_of(&app, Section::Board, diary.clinic.clone()),
        day: board_day(day, today),
        with: with.map(|id| id.to_string()).unwrap_or_default(),
        row: row(found, &Reader::of(&app, visitor.actor(), now, &diary, &names)),
    };
    let answer = rendered(&part);
    Ok(visitor.answer(answer))
}
