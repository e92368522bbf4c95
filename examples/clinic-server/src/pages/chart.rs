//! One patient's chart.

use super::{
    break_glass,
    patients::{name, shown},
    rendered,
    session::Visitor,
    view::{ChartPage, ChartPart, ChartPerson, GlassForm, OpenGlass, Section, Shown},
};
use crate::{
    App,
    api::{AppointmentView, PatientView, read_record},
    http::{PathId, Problem},
};
use axum::{extract::State, response::Response};
use healthcare_core::{
    AllergyIntolerance, Appointment, Chart, Coded, Condition, Encounter, ErrorCode, Field, Immunization,
    Measure, MedicationRequest, Observation, Patient, Period, Procedure, Record, Released,
    allergy_intolerance, condition, encounter, immunization, medication_request, observation, procedure,
};
use http::StatusCode;
use jiff::{Timestamp, Unit, civil::Date, tz::TimeZone};
use std::sync::Arc;

/// The chart. Its address holds an id, which says nothing of the person.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    PathId(id): PathId<Patient>,
) -> Result<Response, Problem> {
    let context = &visitor.caller.context;
    let may_break = break_glass::may_break(&app, context);
    let opened = if may_break { app.emergencies.opened(context, id).await? } else { None };
    let reading = opened.as_ref().map_or(context, |(_, emergency)| emergency);
    let (patient, chart) = match read_record(&app, reading, id).await {
        Err(problem) if may_break && problem.code == ErrorCode::AccessDenied => {
            return Ok(break_glass::offered(&app, visitor, id, (StatusCode::FORBIDDEN, None)).await);
        }
        read => read?,
    };
    let (now, view, parts) = (app.clock.now(), PatientView::of(&patient), parts(&chart));
    let hides = !view.hidden.is_empty() || parts.iter().any(ChartPart::hides);
    let frame = visitor.frame(&app, Section::Patients).await;
    let page = ChartPage {
        frame,
        person: person(&view, now.to_zoned(TimeZone::UTC).date()),
        form: (may_break && opened.is_none() && hides)
            .then(|| GlassForm { patient: id.to_string(), problem: None }),
        glass: opened.map(|(until, _)| OpenGlass::until(until, now)),
        parts,
    };
    Ok(visitor.answer(rendered(&page)))
}

fn person(patient: &PatientView, today: Date) -> ChartPerson {
    let address = patient.address.as_ref().map(|address| {
        let town = [&address.postal_code, &address.city]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        let rest = [Some(town), address.state.clone(), address.country.clone()].into_iter().flatten();
        address
            .lines
            .iter()
            .cloned()
            .chain(rest)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    });
    let age = if patient.deceased.is_some() {
        None
    } else {
        patient.birth_date.as_deref().and_then(|born| age(born, today))
    };
    ChartPerson {
        name: name(patient),
        birth_date: shown(patient, "birth_date", patient.birth_date.clone()),
        age,
        sex: shown(patient, "gender", patient.gender.clone()),
        record_number: shown(patient, "record_number", patient.record_number.clone()),
        phone: shown(patient, "phone", patient.phone.clone()),
        email: shown(patient, "email", patient.email.clone()),
        address: shown(patient, "address", address),
        deceased: patient.deceased.is_some(),
    }
}

fn age(born: &str, today: Date) -> Option<String> {
    let born: Date = born.parse().ok()?;
    let years = born.until((Unit::Year, today)).ok()?.get_years();
    Some(if years == 1 { "1 year".into() } else { format!("{years} years") })
}

fn parts(chart: &Chart) -> Vec<ChartPart> {
    vec![
        part(
            "allergies",
            "Allergies",
            "No allergy is known.",
            &["What", "Criticality", "Status", "Recorded"],
            chart,
            allergy,
        ),
        part(
            "conditions",
            "Conditions",
            "No condition is recorded.",
            &["What", "Status", "Since", "Until"],
            chart,
            condition_row,
        ),
        part(
            "medications",
            "Medications",
            "No prescription is recorded.",
            &["What", "Status", "Written"],
            chart,
            medication,
        ),
        part(
            "appointments",
            "Appointments",
            "No appointment.",
            &["When", "Status", "What for"],
            chart,
            appointment,
        ),
        part("visits", "Visits", "No visit is recorded.", &["When", "What", "Why", "Status"], chart, visit),
        part(
            "observations",
            "Observations",
            "Nothing was measured.",
            &["When", "What", "Value"],
            chart,
            observation_row,
        ),
        part(
            "procedures",
            "Procedures",
            "No procedure is recorded.",
            &["When", "What", "Status"],
            chart,
            procedure_row,
        ),
        part(
            "immunizations",
            "Immunisations",
            "No vaccination is recorded.",
            &["When", "Vaccine", "Status"],
            chart,
            vaccination,
        ),
    ]
}

/// A row of a part: what it is sorted by, newest first, and its cells.
type Row = (Option<Timestamp>, Vec<Shown>);

fn part<T: Record>(
    id: &'static str,
    title: &'static str,
    nothing: &'static str,
    columns: &'static [&'static str],
    chart: &Chart,
    row: impl Fn(&Released<T>) -> Row,
) -> ChartPart {
    let rows = chart.rows::<T>().map(|rows| {
        let mut rows: Vec<Row> = rows.iter().map(row).collect();
        rows.sort_by_key(|(when, _)| std::cmp::Reverse(*when));
        rows.into_iter().map(|(_, cells)| cells).collect()
    });
    ChartPart { id, title, nothing, columns, rows }
}

fn field<F: Field>(
    row: &Released<F::Record>,
    field: F,
    write: impl FnOnce(&F::Value) -> Option<String>,
) -> Shown {
    row.reveal(field).map_or(Shown::Hidden, |value| write(value).into())
}

fn day(when: Option<Timestamp>) -> Option<String> {
    when.map(|when| when.to_zoned(TimeZone::UTC).date().to_string())
}

fn words(concept: &Coded) -> Option<String> {
    concept.text.clone().or_else(|| concept.code.clone())
}

fn measured(measure: &Measure) -> Option<String> {
    match measure {
        Measure::Quantity { value, comparator, unit } => {
            let parts = [comparator.as_deref(), Some(value), unit.as_deref()];
            Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
        }
        Measure::Concept(concept) => words(concept),
        Measure::Text(text) => Some(text.clone()),
        Measure::Components(parts) => {
            let part = |(concept, value): &(Coded, Measure)| {
                format!("{}: {}", words(concept).unwrap_or_default(), measured(value).unwrap_or_default())
            };
            Some(parts.iter().map(part).collect::<Vec<_>>().join("; "))
        }
        _ => None,
    }
}

fn start(period: &Period) -> Option<String> {
    day(period.start)
}

fn allergy(row: &Released<AllergyIntolerance>) -> Row {
    let when = row.reveal(allergy_intolerance::RecordedOn).ok().copied().flatten();
    let cells = vec![
        field(row, allergy_intolerance::Code, words),
        field(row, allergy_intolerance::Criticality, Clone::clone),
        field(row, allergy_intolerance::ClinicalStatus, Clone::clone),
        field(row, allergy_intolerance::RecordedOn, |when| day(*when)),
    ];
    (when, cells)
}

fn condition_row(row: &Released<Condition>) -> Row {
    let when = row.reveal(condition::Onset).ok().and_then(|period| period.start);
    let cells = vec![
        field(row, condition::Code, words),
        field(row, condition::ClinicalStatus, Clone::clone),
        field(row, condition::Onset, start),
        field(row, condition::Onset, |period| day(period.end)),
    ];
    (when, cells)
}

fn medication(row: &Released<MedicationRequest>) -> Row {
    let when = row.reveal(medication_request::AuthoredOn).ok().copied().flatten();
    let cells = vec![
        field(row, medication_request::Medication, words),
        field(row, medication_request::Status, |status| Some(status.clone())),
        field(row, medication_request::AuthoredOn, |when| day(*when)),
    ];
    (when, cells)
}

fn appointment(row: &Released<Appointment>) -> Row {
    let view = AppointmentView::of(row);
    let when = view.local_start.replace('T', " ");
    let service = view.service.map_or(Shown::Hidden, |service| Some(service).into());
    (Some(row.starts), vec![Shown::Value(when), Shown::Value(view.status.to_owned()), service])
}

fn visit(row: &Released<Encounter>) -> Row {
    let when = row.reveal(encounter::When).ok().and_then(|period| period.start);
    let cells = vec![
        field(row, encounter::When, start),
        field(row, encounter::Kind, words),
        field(row, encounter::Reason, |reason| reason.as_ref().and_then(words)),
        field(row, encounter::Status, |status| Some(status.clone())),
    ];
    (when, cells)
}

fn observation_row(row: &Released<Observation>) -> Row {
    let when = row.reveal(observation::Effective).ok().copied().flatten();
    let cells = vec![
        field(row, observation::Effective, |when| day(*when)),
        field(row, observation::Code, words),
        field(row, observation::Outcome, |value| value.as_ref().and_then(measured)),
    ];
    (when, cells)
}

fn procedure_row(row: &Released<Procedure>) -> Row {
    let when = row.reveal(procedure::Performed).ok().and_then(|period| period.start);
    let cells = vec![
        field(row, procedure::Performed, start),
        field(row, procedure::Code, words),
        field(row, procedure::Status, |status| Some(status.clone())),
    ];
    (when, cells)
}

fn vaccination(row: &Released<Immunization>) -> Row {
    let when = row.reveal(immunization::OccurredOn).ok().copied().flatten();
    let cells = vec![
        field(row, immunization::OccurredOn, |when| day(*when)),
        field(row, immunization::Vaccine, words),
        field(row, immunization::Status, |status| Some(status.clone())),
    ];
    (when, cells)
}
