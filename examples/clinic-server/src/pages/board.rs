//! The day's appointments by practitioner, and the steps that a reader may take with them.

use super::{
    board_row::{Reader, row},
    diary::{self, Diary},
    form::Submitted,
    nav, problem_text, rendered,
    session::Visitor,
    view::{BoardColumn, BoardDay, BoardPage, Choice, Section},
};
use crate::{
    App,
    api::book_problem,
    http::{Fields, Problem, Query},
};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use healthcare_core::{
    AccessError, Action, Appointment, AppointmentWindow, BookError, Cursor, ErrorCode, Id, Interval, List,
    Page, PageRequest, Patient, Phi, Practitioner, Record, Released, Step, StepDetails,
};
use healthcare_rbac::policy::Reach;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use utoipa::IntoParams;

/// How far ahead the next appointment is looked for when a day has none.
const AHEAD: SignedDuration = SignedDuration::from_hours(24 * 180);
/// How many of those without an appointment are named.
const IDLE_MAX: usize = 8;

/// Which day, and with whom. Neither says anything of a patient, so both may stand in an address.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct BoardParams {
    pub(super) day: Option<String>,
    with: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct StepForm {
    version: i64,
    #[serde(default)]
    day: String,
    #[serde(default)]
    with: String,
    #[serde(default)]
    reason: String,
}

/// The board.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<BoardParams>,
) -> Result<Response, Problem> {
    shown(&app, visitor, asked, None).await
}

/// Takes a step, and shows the board again.
pub(super) async fn step(
    State(app): State<Arc<App>>,
    Path((id, step)): Path<(String, String)>,
    Submitted { visitor, form }: Submitted<StepForm>,
) -> Result<Response, Problem> {
    let asked = BoardParams { day: Some(form.day.clone()), with: Some(form.with.clone()), after: None };
    match take(&app, &visitor, (&id, &step), &form).await {
        Ok(()) => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("day", form.day.trim());
            if !form.with.is_empty() {
                query.append_pair("with", &form.with);
            }
            Ok(visitor.answer(Redirect::to(&format!("/board?{}#a-{id}", query.finish()))))
        }
        Err(problem) if problem.code.status() < 500 => shown(&app, visitor, asked, Some(problem)).await,
        Err(problem) => Err(problem),
    }
}

async fn take(
    app: &App,
    visitor: &Visitor,
    (id, step): (&str, &str),
    form: &StepForm,
) -> Result<(), Problem> {
    let missing = || Problem::of(ErrorCode::AppointmentNotFound);
    let step: Step = step.parse().map_err(|_| Problem::of(ErrorCode::NotFound))?;
    let id: Id<Appointment> = id.parse().map_err(|_| missing())?;
    let mut fields = Fields::default();
    let reason = Some(form.reason.trim()).filter(|reason| !reason.is_empty());
    let mut details = StepDetails::default();
    details.version = Some(form.version);
    details.reason = Phi::new(reason.and_then(|reason| fields.text("reason", reason, 1, 500)));
    let details = fields.finish(Some(details))?;
    match app.appointments.step(&visitor.caller.context, id, step, details, None).await {
        Ok(_) => Ok(()),
        Err(BookError::Access(AccessError::NotFound)) => Err(missing()),
        Err(BookError::Access(AccessError::VersionConflict)) => Err(Problem::of(ErrorCode::VersionConflict)
            .saying("Somebody else has changed this appointment meanwhile: this is how it stands now.")),
        Err(error) => Err(book_problem(error, "start")),
    }
}

async fn shown(
    app: &App,
    visitor: Visitor,
    asked: BoardParams,
    problem: Option<Problem>,
) -> Result<Response, Problem> {
    let diary = Diary::read(app, &visitor.caller.context).await?;
    let now = app.clock.now();
    let today = diary.date(now);
    let day = diary::day(asked.day.as_deref(), today)?;
    let with = with(&asked)?;
    let (from, to) = (diary.midnight(day)?, diary.midnight(day.tomorrow().unwrap_or(day))?);
    let page = PageRequest::first(PageRequest::LIMIT_MAX).unwrap_or_default();
    let window = window((from, to), with)?;
    let found = appointments(app, &visitor, &window, (page, asked.after.clone())).await?;
    let next_day = if found.items.is_empty() {
        // What is read is disclosed, and only the first is shown.
        let first = PageRequest::first(1).unwrap_or_default();
        let ahead = self::window((to, to + AHEAD), with)?;
        let later = appointments(app, &visitor, &ahead, (first, None)).await?;
        later
            .items
            .first()
            .map(|first| diary.date(first.starts))
            .map(|day| (day.to_string(), diary::in_words(day)))
    } else {
        None
    };
    let patients = found.items.iter().filter_map(|row| row.subject()).map(Id::<Patient>::from_uuid).collect();
    let names = diary::names(app, &visitor, patients).await?;
    let reader = Reader::of(app, visitor.actor(), now, &diary, &names);
    let status = problem.as_ref().map_or(StatusCode::OK, |problem| {
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    });
    let (columns, idle) = columns(&diary, &found.items, &reader, with);
    let page = BoardPage {
        frame: visitor.frame_of(app, Section::Board, diary.clinic.clone()),
        day: board_day(day, today),
        colleagues: colleagues(&diary, with),
        with: with.map(|id| id.to_string()).unwrap_or_default(),
        problem: problem.as_ref().map(problem_text),
        unseen: unseen(app, &visitor, &found.items),
        columns,
        idle,
        after: asked.after.unwrap_or_default(),
        more: found.next.map(|cursor| cursor.as_str().to_owned()),
        next_day,
        may_book: nav::reach(app, visitor.actor(), Appointment::KIND, Action::Create) > Reach::Nothing,
    };
    let answer = rendered(&page);
    Ok(visitor.answer((status, answer).into_response()))
}

pub(super) fn with(asked: &BoardParams) -> Result<Option<Id<Practitioner>>, Problem> {
    let mut fields = Fields::default();
    let with = asked.with.as_deref().filter(|id| !id.is_empty()).and_then(|id| fields.parse("with", id));
    fields.finish(Some(with))
}

/// What a board of this time and practitioner shows.
pub(super) fn window(
    (from, to): (Timestamp, Timestamp),
    practitioner: Option<Id<Practitioner>>,
) -> Result<AppointmentWindow, Problem> {
    let within = Interval::new(from, to).map_err(|_| Problem::field("day", "choose another day"))?;
    Ok(AppointmentWindow { within: Some(within), practitioner, id: None })
}

pub(super) async fn appointments(
    app: &App,
    visitor: &Visitor,
    window: &AppointmentWindow,
    (page, after): (PageRequest, Option<String>),
) -> Result<Page<Appointment>, Problem> {
    let page = match after {
        Some(after) if after.len() > Cursor::LENGTH_MAX => {
            return Err(Problem::field("after", "load the page again"));
        }
        after => page.after(after.map(Cursor::new)),
    };
    let grant = app.gate.open(&visitor.caller.context, List::<Appointment>::all()).await?;
    let rows = app.stores.appointments.within(&grant, window, &page).await?;
    Ok(grant.release(rows).await?)
}

pub(super) fn board_day(day: Date, today: Date) -> BoardDay {
    let other = |found: Result<Date, jiff::Error>| found.unwrap_or(day).to_string();
    BoardDay {
        iso: day.to_string(),
        words: diary::in_words(day),
        before: other(day.yesterday()),
        after: other(day.checked_add(1.day())),
        is_today: day == today,
    }
}

fn colleagues(diary: &Diary, with: Option<Id<Practitioner>>) -> Vec<Choice> {
    let choice = |one: &diary::Colleague| Choice {
        value: one.id.to_string(),
        label: one.name.clone(),
        chosen: with == Some(one.id),
    };
    diary.colleagues.iter().map(choice).collect()
}

/// One column for each who has appointments; the others are only named.
fn columns(
    diary: &Diary,
    rows: &[Released<Appointment>],
    reader: &Reader<'_>,
    with: Option<Id<Practitioner>>,
) -> (Vec<BoardColumn>, Vec<String>) {
    let mut by: BTreeMap<Id<Practitioner>, Vec<_>> = BTreeMap::new();
    for appointment in rows {
        by.entry(appointment.practitioner_id).or_default().push(row(appointment, reader));
    }
    let mut columns = Vec::new();
    let mut idle = Vec::new();
    for one in &diary.colleagues {
        match by.remove(&one.id) {
            Some(rows) => {
                columns.push(BoardColumn { with: one.id.to_string(), name: one.name.clone(), rows });
            }
            None if one.active && with.is_none_or(|with| with == one.id) => idle.push(one.name.clone()),
            None => {}
        }
    }
    let somebody = |(with, rows): (Id<Practitioner>, _)| BoardColumn {
        with: with.to_string(),
        name: "Somebody else".to_owned(),
        rows,
    };
    columns.extend(by.into_iter().map(somebody));
    if idle.len() > IDLE_MAX {
        let more = idle.len() - IDLE_MAX;
        idle.truncate(IDLE_MAX);
        idle.push(format!("{more} more"));
    }
    (columns, idle)
}

/// What the role does not see, in words: said once, above the board.
fn unseen(app: &App, visitor: &Visitor, rows: &[Released<Appointment>]) -> Vec<String> {
    let mut said = Vec::new();
    if nav::reach(app, visitor.actor(), Appointment::KIND, Action::List) == Reach::Some {
        said.push("other people's appointments".to_owned());
    }
    if nav::reach(app, visitor.actor(), Patient::KIND, Action::Read) == Reach::Nothing {
        said.push("patients' names".to_owned());
    }
    let mut hidden: Vec<_> =
        rows.iter().flat_map(|row| row.hidden()).map(|field| field.replace('_', " ")).collect();
    hidden.sort_unstable();
    hidden.dedup();
    said.extend(hidden);
    said
}
