//! Appointments: list, book, move on.

use super::{
    list::{Listing, page},
    patients::exists,
};
use crate::{
    App,
    http::{Caller, Fields, IdempotencyKey, Json, Once, OptionalJson, Problem, Query, Reply, replayed},
};
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use healthcare_core::{
    AccessError, Appointment, AppointmentWindow, BookError, BookRequest, ErrorCode, Id, Interval, List,
    Patient, Phi, Practitioner, Read, Record, Released, Remember, StartTime, Step, StepDetails, appointment,
};
use http::{StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// An appointment, as far as the caller's role may see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppointmentView {
    id: String,
    version: i64,
    patient_id: Option<String>,
    practitioner_id: String,
    location_id: String,
    /// FHIR's `appointmentstatus`, and `in-progress`.
    pub(crate) status: &'static str,
    confirmed: bool,
    /// RFC 3339, UTC.
    pub(crate) start: String,
    /// RFC 3339, UTC.
    end: String,
    /// The zone it was agreed in.
    zone: String,
    /// The same start on the location's clocks.
    pub(crate) local_start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<String>,
    hidden: Vec<&'static str>,
}

impl AppointmentView {
    pub(crate) fn of(appointment: &Released<Appointment>) -> Self {
        let local = appointment.starts.to_zoned(appointment.zone.as_jiff().clone()).datetime();
        Self {
            id: appointment.id().to_string(),
            version: appointment.version(),
            patient_id: appointment.subject().map(|id| id.to_string()),
            practitioner_id: appointment.practitioner_id.to_string(),
            location_id: appointment.location_id.to_string(),
            status: appointment.status.as_str(),
            confirmed: appointment.confirmed,
            start: appointment.starts.to_string(),
            end: appointment.ends.to_string(),
            zone: appointment.zone.to_string(),
            local_start: local.to_string(),
            service: appointment.reveal(appointment::ServiceCode).ok().cloned(),
            note: appointment.reveal(appointment::Note).ok().cloned().flatten(),
            cancel_reason: appointment.reveal(appointment::CancelReason).ok().cloned().flatten(),
            hidden: appointment.hidden().collect(),
        }
    }
}

/// Which appointments.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AppointmentParams {
    /// From when, RFC 3339; needs `to`.
    from: Option<String>,
    /// Up to when, RFC 3339; needs `from`.
    to: Option<String>,
    /// With whom.
    practitioner_id: Option<String>,
    /// Whose.
    patient_id: Option<String>,
    /// The most items, 1 to 200.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// What to book.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BookBody {
    patient_id: String,
    practitioner_id: String,
    location_id: String,
    /// A service's code.
    service: String,
    /// RFC 3339 with an offset, or local time at the location.
    start: String,
    /// 5 to 480; the service's own duration unless said otherwise.
    duration_minutes: Option<u32>,
    note: Option<String>,
}

/// What a step needs: a version to be sure of, a new start for a reschedule, a reason for a cancellation.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StepBody {
    version: Option<i64>,
    start: Option<String>,
    duration_minutes: Option<u32>,
    reason: Option<String>,
}

/// The clinic's appointments, in the order of their start.
#[utoipa::path(get, path = "/appointments", tag = "appointments", params(AppointmentParams), responses((status = 200, body = Listing<AppointmentView>), (status = 422)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(asked): Query<AppointmentParams>,
) -> Result<axum::Json<Listing<AppointmentView>>, Problem> {
    let page = page(asked.limit, asked.after)?;
    let mut fields = Fields::default();
    let mut instant =
        |field, text: Option<String>| text.and_then(|text| fields.parse::<Timestamp>(field, &text));
    let range = (instant("from", asked.from), instant("to", asked.to));
    let within = match range {
        (None, None) => None,
        (Some(from), Some(to)) => fields.take("to", Interval::new(from, to)),
        _ => {
            fields.wrong("from", "send both `from` and `to`, RFC 3339, or neither");
            None
        }
    };
    let practitioner =
        asked.practitioner_id.and_then(|id| fields.parse::<Id<Practitioner>>("practitioner_id", &id));
    let patient = asked.patient_id.and_then(|id| fields.parse::<Id<Patient>>("patient_id", &id));
    let window = fields.finish(Some(AppointmentWindow { within, practitioner, id: None }))?;
    let access = patient.map_or_else(List::all, |patient| List::about(patient.as_uuid()));
    let grant = app.gate.open(&caller.context, access).await?;
    let rows = app.stores.appointments.within(&grant, &window, &page).await?;
    Ok(axum::Json(Listing::of(grant.release(rows).await?, AppointmentView::of)))
}

/// Books an appointment. Of several on one time exactly one succeeds.
#[utoipa::path(post, path = "/appointments", tag = "appointments", params(("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), request_body = BookBody, responses((status = 201, body = AppointmentView), (status = 409), (status = 422)))]
pub(super) async fn book(
    State(app): State<Arc<App>>,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<BookBody>,
) -> Result<Response, Problem> {
    let once = Once::begin(&app, &caller, key, "POST /appointments", &body.bytes).await?;
    if let Some(reply) = again(&app, &caller, once.as_ref()).await? {
        return Ok(reply);
    }
    let request = book_request(body.value)?;
    if !exists(&app, &caller, request.patient).await? {
        return Err(Problem::field("patient_id", "there is no such record"));
    }
    let keeper = Keeper::new(once.as_ref(), StatusCode::CREATED);
    let booked = app.appointments.book(&caller.context, request, keeper.remembering().as_deref()).await;
    match booked {
        Ok(booked) => {
            let location = format!("{}/appointments/{}", super::PREFIX, booked.id());
            Ok(([(header::LOCATION, location)], keeper.reply(&booked)?).into_response())
        }
        Err(error) => repeated(&app, &caller, once.as_ref(), error).await,
    }
}

fn book_request(body: BookBody) -> Result<BookRequest, Problem> {
    let mut fields = Fields::default();
    let patient = fields.parse("patient_id", &body.patient_id);
    let practitioner = fields.parse("practitioner_id", &body.practitioner_id);
    let location = fields.parse("location_id", &body.location_id);
    let service = fields.text("service", &body.service, 1, 64);
    let start = fields.parse::<StartTime>("start", &body.start);
    let note = body.note.and_then(|note| fields.text("note", &note, 1, 2000));
    let checked = patient.zip(practitioner).zip(location).zip(service).zip(start).map(
        |((((patient, practitioner), location), service), start)| BookRequest {
            id: Id::random(),
            patient,
            practitioner,
            location,
            service: Phi::new(service),
            start,
            duration_minutes: body.duration_minutes,
            note: Phi::new(note),
        },
    );
    fields.finish(checked)
}

/// Moves an appointment on: `confirm`, `check-in`, `start`, `complete`, `cancel`, `reschedule` or `no-show`.
#[utoipa::path(post, path = "/appointments/{id}/{step}", tag = "appointments", params(("id" = String, Path, format = "uuid"), ("step" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), request_body = Option<StepBody>, responses((status = 200, body = AppointmentView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn step(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((id, step)): Path<(String, String)>,
    key: IdempotencyKey,
    body: OptionalJson<StepBody>,
) -> Result<Response, Problem> {
    let missing = || Problem::of(ErrorCode::AppointmentNotFound);
    let step: Step = step.parse().map_err(|_| Problem::of(ErrorCode::NotFound))?;
    let id: Id<Appointment> = id.parse().map_err(|_| missing())?;
    let path = format!("POST /appointments/{id}/{}", step.as_str());
    let once = Once::begin(&app, &caller, key, &path, &body.bytes).await?;
    if let Some(reply) = again(&app, &caller, once.as_ref()).await? {
        return Ok(reply);
    }
    let details = step_details(body.value)?;
    let keeper = Keeper::new(once.as_ref(), StatusCode::OK);
    match app.appointments.step(&caller.context, id, step, details, keeper.remembering().as_deref()).await {
        Ok(moved) => Ok(keeper.reply(&moved)?.into_response()),
        Err(BookError::Access(AccessError::NotFound)) => Err(missing()),
        Err(error) => repeated(&app, &caller, once.as_ref(), error).await,
    }
}

fn step_details(body: StepBody) -> Result<StepDetails, Problem> {
    let mut fields = Fields::default();
    let mut details = StepDetails::default();
    details.version = body.version;
    details.duration_minutes = body.duration_minutes;
    details.start = body.start.and_then(|start| fields.parse("start", &start));
    details.reason = Phi::new(body.reason.and_then(|reason| fields.text("reason", &reason, 1, 500)));
    fields.finish(Some(details))
}

/// Seals the answer that is committed with an appointment.
struct Keeper<'o> {
    once: Option<&'o Once>,
    status: StatusCode,
}

type Remembering<'k> = Box<dyn Fn(&Released<Appointment>) -> Remember + Send + Sync + 'k>;

impl<'o> Keeper<'o> {
    const fn new(once: Option<&'o Once>, status: StatusCode) -> Self {
        Self { once, status }
    }

    fn reply(&self, appointment: &Released<Appointment>) -> Result<Reply, Problem> {
        Reply::new(self.status, appointment.id().as_uuid(), &AppointmentView::of(appointment))
    }

    /// What the service calls to seal the answer, when a key was sent.
    fn remembering(&self) -> Option<Remembering<'_>> {
        let once = self.once?;
        Some(Box::new(move |appointment| {
            // An answer that cannot be sealed is not kept; a repetition is then told that it was done, and not what.
            self.reply(appointment)
                .and_then(|reply| once.remember(&reply))
                .unwrap_or_else(|_| once.unanswered())
        }))
    }
}

/// The answer that was given before, once the gate has decided anew that the caller may see the appointment.
async fn again(app: &App, caller: &Caller, once: Option<&Once>) -> Result<Option<Response>, Problem> {
    let Some(once) = once else { return Ok(None) };
    let Some(reply) = once.earlier(app, caller).await? else { return Ok(None) };
    let grant = app.gate.open(&caller.context, Read::<Appointment>::new(Id::from_uuid(reply.record))).await?;
    let row = app.stores.appointments.find(&grant).await?;
    grant.release(row).await?;
    Ok(Some(replayed(reply)))
}

/// An error of the service as a problem, unless the same request was committed by somebody faster: then its answer.
async fn repeated(
    app: &App,
    caller: &Caller,
    once: Option<&Once>,
    error: BookError,
) -> Result<Response, Problem> {
    // Of two requests under one key the slower one may find its own time taken by the faster one.
    let by_twin = matches!(
        error,
        BookError::Access(AccessError::Repeated | AccessError::Claimed(_) | AccessError::VersionConflict)
    );
    if by_twin && let Some(reply) = again(app, caller, once).await? {
        return Ok(reply);
    }
    Err(book_problem(error, "start"))
}

/// An error of the appointment service as a problem; a local time that is none is blamed on `time`.
pub(crate) fn book_problem(error: BookError, time: &'static str) -> Problem {
    let code = error.code();
    match error {
        BookError::Invalid(invalid) => Problem::field(invalid.field, invalid.problem),
        BookError::LocalTime(wrong) => Problem { code, ..Problem::field(time, wrong.to_string()) },
        BookError::Range(wrong) => Problem::field(time, wrong.to_string()),
        BookError::Hours(wrong) => Problem::of(code).saying(wrong.to_string()),
        BookError::Step(wrong) => Problem::of(code).saying(wrong.to_string()),
        BookError::Access(error) => error.into(),
        _ => Problem::of(code),
    }
}
