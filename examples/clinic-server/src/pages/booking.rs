//! Booking: whom it is for, what for, with whom, and a free time.
//!
//! All by POST: what an appointment is for stands in no address. A form that is sent twice books once, because the appointment's id comes
//! with the form.

use super::{
    diary::{self, Colleague, Diary},
    form::Submitted,
    free,
    patients::shown as shown_field,
    problem_text, rendered,
    session::Visitor,
    view::{Asked, BookFor, BookingPage, Choice, PatientRow, Section, Shown, TimeChoice, Times},
};
use crate::{
    App,
    api::{PatientSearch, book_problem, find},
    http::{Fields, Problem, Query},
};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use healthcare_core::{
    AccessError, Appointment, BookError, BookRequest, ErrorCode, Id, Patient, Phi, Practitioner, Read,
    Record, StartTime,
};
use http::StatusCode;
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// From which day: all that may stand in the address.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct BookingParams {
    day: Option<String>,
    patient: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct BookingForm {
    family: String,
    given: String,
    birth_date: String,
    record_number: String,
    patient: String,
    service: String,
    with: String,
    day: String,
    later: String,
    note: String,
    key: String,
    /// An instant and a practitioner.
    choice: String,
}

/// What the page shows beside its form.
#[derive(Default)]
struct Findings {
    problem: Option<Problem>,
    found: Option<Vec<PatientRow>>,
    times: Option<Times>,
    alternatives: Vec<TimeChoice>,
}

/// The empty form, or one for a patient who was chosen elsewhere.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Query(asked): Query<BookingParams>,
) -> Result<Response, Problem> {
    let diary = Diary::read(&app, &visitor.caller.context).await?;
    let form = BookingForm {
        day: asked.day.unwrap_or_default(),
        patient: asked.patient.unwrap_or_default(),
        ..BookingForm::default()
    };
    shown(&app, visitor, &diary, form, Findings::default()).await
}

/// Finds a patient, shows free times, or books, as far as the form is filled in.
pub(super) async fn submit(
    State(app): State<Arc<App>>,
    Submitted { visitor, mut form }: Submitted<BookingForm>,
) -> Result<Response, Problem> {
    let diary = Diary::read(&app, &visitor.caller.context).await?;
    if !form.later.is_empty() {
        form.day = std::mem::take(&mut form.later);
    }
    let result = if !form.choice.is_empty() {
        match book(&app, &visitor, &form).await {
            Ok((id, starts)) => {
                let day = diary.date(starts);
                return Ok(visitor.answer(Redirect::to(&format!("/board?day={day}#a-{id}"))));
            }
            Err(problem) => refused(&app, &visitor, &diary, &form, problem).await,
        }
    } else if form.patient.is_empty() && own(&visitor).is_none() {
        found(&app, &visitor, &form).await
    } else if form.service.is_empty() {
        Ok(Findings::default())
    } else {
        times(&app, &visitor, &diary, &form).await
    };
    let findings = match result {
        Ok(findings) => findings,
        Err(problem) if problem.code.status() < 500 => {
            Findings { problem: Some(problem), ..Findings::default() }
        }
        Err(problem) => return Err(problem),
    };
    shown(&app, visitor, &diary, form, findings).await
}

/// Patients book for themselves.
fn own(visitor: &Visitor) -> Option<Id<Patient>> {
    let profile = visitor.actor().profile().filter(|profile| profile.kind == Patient::KIND)?;
    Some(Id::from_uuid(profile.id))
}

fn patient_id(visitor: &Visitor, form: &BookingForm) -> Result<Option<Id<Patient>>, Problem> {
    if let Some(own) = own(visitor) {
        return Ok(Some(own));
    }
    let mut fields = Fields::default();
    let asked = Some(form.patient.trim()).filter(|id| !id.is_empty());
    let id = asked.and_then(|id| fields.parse("patient", id));
    fields.finish(Some(id))
}

async fn found(app: &App, visitor: &Visitor, form: &BookingForm) -> Result<Findings, Problem> {
    let filled = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let search = PatientSearch {
        family: filled(&form.family),
        given: filled(&form.given),
        birth_date: filled(&form.birth_date),
        record_number: filled(&form.record_number),
        ..PatientSearch::default()
    };
    let found = find(app, &visitor.caller.context, search).await?;
    Ok(Findings { found: Some(found.items.iter().map(PatientRow::of).collect()), ..Findings::default() })
}

fn colleague<'d>(diary: &'d Diary, id: &str) -> Result<&'d Colleague, Problem> {
    let known = diary.colleagues.iter().find(|one| one.id.to_string() == id);
    known.ok_or_else(|| Problem::field("with", "there is no such practitioner"))
}

async fn times(app: &App, visitor: &Visitor, diary: &Diary, form: &BookingForm) -> Result<Findings, Problem> {
    let with = colleague(diary, &form.with)?;
    let day = diary::day(Some(&form.day), diary.date(app.clock.now()))?;
    let slots = free::week(app, visitor, diary, with, (&form.service, day)).await?;
    let about = format!("{} with {}", diary.service(&form.service), with.name);
    Ok(Findings { times: Some(free::by_day(with, &slots, (about, day))), ..Findings::default() })
}

/// An instant and a practitioner, as a button sends them.
fn choice(text: &str) -> Result<(Timestamp, Id<Practitioner>), Problem> {
    let parsed = text.split_once('@').and_then(|(at, who)| Some((at.parse().ok()?, who.parse().ok()?)));
    parsed.ok_or_else(|| Problem::field("choice", "choose one of the times"))
}

async fn book(
    app: &App,
    visitor: &Visitor,
    form: &BookingForm,
) -> Result<(Id<Appointment>, Timestamp), Problem> {
    let (at, with) = choice(&form.choice)?;
    let context = &visitor.caller.context;
    let patient =
        patient_id(visitor, form)?.ok_or_else(|| Problem::field("patient", "choose whom it is for"))?;
    let mut fields = Fields::default();
    let id: Option<Id<Appointment>> = fields.parse("key", &form.key);
    let service = fields.text("service", &form.service, 1, 64);
    let start = fields.parse::<StartTime>("choice", &at.to_string());
    let note = Some(form.note.trim()).filter(|note| !note.is_empty());
    let note = note.and_then(|note| fields.text("note", note, 1, 2000));
    let checked = id.zip(service).zip(start);
    let ((id, service), start) = fields.finish(checked)?;
    let location = location(app, visitor, with).await?;
    if !crate::api::patient_exists(app, &visitor.caller, patient).await? {
        return Err(Problem::field("patient", "there is no such record"));
    }
    let request = BookRequest {
        id,
        patient,
        practitioner: with,
        location,
        service: Phi::new(service),
        start,
        duration_minutes: None,
        note: Phi::new(note),
    };
    match app.appointments.book(context, request, None).await {
        Ok(booked) => Ok((id, booked.starts)),
        Err(error) => match error {
            // Of a form that was sent twice the second finds what the first has booked.
            BookError::Access(AccessError::Claimed(_) | AccessError::AlreadyExists) => {
                match booked_before(app, visitor, id, patient).await? {
                    Some(before) if before == (at, with) => Ok((id, at)),
                    Some(_) => Err(Problem::field(
                        "choice",
                        "this form has booked another time already: load the page again to book one more",
                    )),
                    None => Err(book_problem(error, "choice")),
                }
            }
            error => Err(book_problem(error, "choice")),
        },
    }
}

async fn location(
    app: &App,
    visitor: &Visitor,
    with: Id<Practitioner>,
) -> Result<Id<healthcare_core::Location>, Problem> {
    let grant = app.gate.open(&visitor.caller.context, Read::new(with)).await?;
    let row = app.stores.practitioners.find(&grant).await?;
    let practitioner = match grant.release(row).await {
        Err(AccessError::NotFound) => return Err(Problem::field("with", "there is no such practitioner")),
        other => other?,
    };
    practitioner.location_id.ok_or_else(|| Problem::field("with", "works at no location"))
}

/// When and with whom this very appointment is, when this form has booked it already.
async fn booked_before(
    app: &App,
    visitor: &Visitor,
    id: Id<Appointment>,
    patient: Id<Patient>,
) -> Result<Option<(Timestamp, Id<Practitioner>)>, Problem> {
    let grant = app.gate.open(&visitor.caller.context, Read::new(id)).await?;
    let row = app.stores.appointments.find(&grant).await?;
    match grant.release(row).await {
        Ok(found) if found.subject() == Some(patient.as_uuid()) => {
            Ok(Some((found.starts, found.practitioner_id)))
        }
        Ok(_) | Err(AccessError::NotFound | AccessError::Denied(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What to show when it was not booked: why, and other times when the time itself was the reason.
async fn refused(
    app: &App,
    visitor: &Visitor,
    diary: &Diary,
    form: &BookingForm,
    problem: Problem,
) -> Result<Findings, Problem> {
    let taken = [ErrorCode::AppointmentConflict, ErrorCode::AppointmentUnavailable];
    if !taken.contains(&problem.code) {
        return Err(problem);
    }
    let (at, with) = choice(&form.choice)?;
    let alternatives = free::instead(app, visitor, diary, (at, with), &form.service).await?;
    Ok(Findings { problem: Some(problem), alternatives, ..Findings::default() })
}

async fn shown(
    app: &App,
    visitor: Visitor,
    diary: &Diary,
    form: BookingForm,
    findings: Findings,
) -> Result<Response, Problem> {
    let patient = match patient_id(&visitor, &form)? {
        Some(id) => Some(book_for(app, &visitor, id).await?),
        None => None,
    };
    let status = findings.problem.as_ref().map_or(StatusCode::OK, |problem| {
        StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    });
    let today = diary.date(app.clock.now());
    let day = diary::day(Some(&form.day), today).map_or(today, |day: Date| day.max(today));
    let is_known = form.key.parse::<Id<Appointment>>().is_ok() && findings.problem.is_none();
    let page = BookingPage {
        frame: visitor.frame_of(app, Section::Booking, diary.clinic.clone()),
        problem: findings.problem.as_ref().map(problem_text),
        alternatives: findings.alternatives,
        patient,
        found: findings.found,
        colleagues: colleagues(diary, &visitor, &form.with),
        offers: offers(diary, &form.service),
        day: day.to_string(),
        key: if is_known { form.key } else { Id::<Appointment>::random().to_string() },
        times: findings.times,
        note: form.note,
        asked: Asked {
            family: form.family,
            given: form.given,
            birth_date: form.birth_date,
            record_number: form.record_number,
        },
    };
    let answer = rendered(&page);
    Ok(visitor.answer((status, answer).into_response()))
}

/// Whom it is for. Who may book for somebody they may not read yet sees that there is a name.
async fn book_for(app: &App, visitor: &Visitor, id: Id<Patient>) -> Result<BookFor, Problem> {
    let own = own(visitor).is_some();
    match diary::patient(app, &visitor.caller.context, id).await {
        Ok(patient) => Ok(BookFor {
            id: patient.id.clone(),
            name: super::patients::name(&patient),
            born: shown_field(&patient, "birth_date", patient.birth_date.clone()),
            own,
        }),
        Err(AccessError::Denied(_)) => {
            Ok(BookFor { id: id.to_string(), name: Shown::Hidden, born: Shown::Hidden, own })
        }
        Err(error) => Err(Problem::from(error).missing_is(ErrorCode::PatientNotFound)),
    }
}

/// Those who take appointments; the reader themselves first chosen, when they are one.
fn colleagues(diary: &Diary, visitor: &Visitor, with: &str) -> Vec<Choice> {
    let own = visitor.actor().profile().filter(|profile| profile.kind == Practitioner::KIND);
    let own = own.map(|profile| profile.id.to_string()).unwrap_or_default();
    let chosen = if with.is_empty() { own.as_str() } else { with };
    let takes = diary.colleagues.iter().filter(|one| one.active && one.location.is_some());
    takes
        .map(|one| {
            let value = one.id.to_string();
            Choice { chosen: value == chosen, label: one.name.clone(), value }
        })
        .collect()
}

fn offers(diary: &Diary, service: &str) -> Vec<Choice> {
    let offer = |one: &diary::Offer| Choice {
        chosen: one.code == service,
        label: format!("{}, {} minutes", one.name, one.minutes),
        value: one.code.clone(),
    };
    diary.offers.iter().filter(|one| one.active).map(offer).collect()
}
