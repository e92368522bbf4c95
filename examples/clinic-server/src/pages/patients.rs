//! Finding patients. By POST: what is searched for stands in no address.

use super::{
    form::Submitted,
    nav, problem_text, rendered,
    session::Visitor,
    view::{Asked, PatientRow, PatientsPage, Results, Section, Shown},
};
use crate::{
    App,
    api::{PatientSearch, PatientView, find},
    http::Problem,
};
use axum::{extract::State, response::Response};
use healthcare_core::{Action, Appointment, Patient, Record};
use healthcare_rbac::policy::Reach;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct SearchForm {
    family: String,
    given: String,
    birth_date: String,
    record_number: String,
    after: String,
}

/// The empty form.
pub(super) async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let frame = visitor.frame(&app, Section::Patients).await;
    let (charts, books) = offered(&app, &visitor);
    let page = PatientsPage { frame, asked: Asked::default(), problem: None, charts, books, results: None };
    visitor.answer(rendered(&page))
}

/// The form with what was found.
pub(super) async fn search(
    State(app): State<Arc<App>>,
    Submitted { visitor, form }: Submitted<SearchForm>,
) -> Result<Response, Problem> {
    let found = find(&app, &visitor.caller.context, form.asked()).await;
    let (problem, results) = match found {
        Ok(found) => {
            let rows = found.items.iter().map(PatientRow::of).collect();
            (None, Some(Results { rows, next: found.next }))
        }
        Err(problem) if problem.code.status() < 500 => (Some(problem_text(&problem)), None),
        Err(problem) => return Err(problem),
    };
    let frame = visitor.frame(&app, Section::Patients).await;
    let SearchForm { family, given, birth_date, record_number, .. } = form;
    let asked = Asked { family, given, birth_date, record_number };
    let (charts, books) = offered(&app, &visitor);
    Ok(visitor.answer(rendered(&PatientsPage { frame, asked, problem, charts, books, results })))
}

/// Whether the reader's role reads charts, and whether it books.
fn offered(app: &App, visitor: &Visitor) -> (bool, bool) {
    let reaches = |kind, action| nav::reach(app, visitor.actor(), kind, action) > Reach::Nothing;
    (reaches(Patient::KIND, Action::ReadChart), reaches(Appointment::KIND, Action::Create))
}

impl SearchForm {
    fn asked(&self) -> PatientSearch {
        let filled = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        PatientSearch {
            family: filled(&self.family),
            given: filled(&self.given),
            birth_date: filled(&self.birth_date),
            record_number: filled(&self.record_number),
            after: filled(&self.after),
            ..PatientSearch::default()
        }
    }
}

impl PatientRow {
    pub(super) fn of(patient: &PatientView) -> Self {
        Self {
            id: patient.id.clone(),
            name: name(patient),
            birth_date: shown(patient, "birth_date", patient.birth_date.clone()),
            sex: shown(patient, "gender", patient.gender.clone()),
            record_number: shown(patient, "record_number", patient.record_number.clone()),
        }
    }
}

/// A value, or why there is none.
pub(super) fn shown(patient: &PatientView, field: &str, value: Option<String>) -> Shown {
    if patient.hidden.contains(&field) { Shown::Hidden } else { value.into() }
}

/// `Family, Given`, as far as the reader may see it.
pub(super) fn name(patient: &PatientView) -> Shown {
    match (&patient.family, &patient.given) {
        (None, None) => Shown::Hidden,
        (family, given) => {
            let parts = [family, given].into_iter().flatten().filter(|part| !part.is_empty());
            Some(parts.cloned().collect::<Vec<_>>().join(", ")).into()
        }
    }
}
