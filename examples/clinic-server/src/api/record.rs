//! A patient's record: everything the clinic knows of them, as far as the caller's role may see it.

use super::{
    appointments::AppointmentView,
    patients::{PatientView, read_patient},
};
use crate::{
    App,
    http::{Caller, PathId, Problem},
};
use axum::extract::State;
use healthcare_core::{
    AllergyIntolerance, Appointment, Chart, Coded, Condition, Encounter, Field, Immunization, Measure,
    MedicationRequest, Observation, Patient, Period, Procedure, ReadChart, Record, Released, RequestContext,
    allergy_intolerance, condition, encounter, immunization, medication_request, observation, procedure,
};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use utoipa::ToSchema;

/// A patient with their chart. A part that is absent is one that the caller's role does not see; `hidden` names it.
#[derive(Serialize, ToSchema)]
pub(super) struct RecordView {
    patient: PatientView,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments: Option<Vec<AppointmentView>>,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    encounters: Part,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Part,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    observations: Part,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    medication_requests: Part,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    allergies: Part,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    procedures: Part,
    #[schema(value_type = Option<Vec<Object>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    immunizations: Part,
    /// How many rows each part has.
    #[schema(value_type = Object)]
    counts: Map<String, Json>,
    /// The parts that the caller's role does not see.
    hidden: Vec<&'static str>,
}

type Part = Option<Vec<Json>>;

/// A patient's record.
#[utoipa::path(get, path = "/patients/{id}/record", tag = "patients", params(("id" = String, Path, format = "uuid")), responses((status = 200, body = RecordView), (status = 404)))]
pub(super) async fn record(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<Patient>,
) -> Result<axum::Json<RecordView>, Problem> {
    let (patient, chart) = read_record(&app, &caller.context, id).await?;
    let counts =
        chart.counts().into_iter().map(|count| (count.kind.into_owned(), json!(count.count))).collect();
    let view = RecordView {
        patient: PatientView::of(&patient),
        appointments: chart.rows::<Appointment>().map(|rows| rows.iter().map(AppointmentView::of).collect()),
        encounters: part(&chart, encounter_view),
        conditions: part(&chart, condition_view),
        observations: part(&chart, observation_view),
        medication_requests: part(&chart, medication_view),
        allergies: part(&chart, allergy_view),
        procedures: part(&chart, procedure_view),
        immunizations: part(&chart, immunization_view),
        counts,
        hidden: hidden_parts(&chart),
    };
    Ok(axum::Json(view))
}

/// A patient and their chart, both released. Whoever may not read the patient learns nothing of a chart.
pub(crate) async fn read_record(
    app: &App,
    context: &RequestContext,
    id: healthcare_core::Id<Patient>,
) -> Result<(Released<Patient>, Chart), Problem> {
    let patient = read_patient(app, context, id).await?;
    let grant = app.gate.open(context, ReadChart::of(id)).await?;
    let rows = app.stores.patients.chart(&grant).await?;
    Ok((patient, grant.release(rows).await?))
}

fn hidden_parts(chart: &Chart) -> Vec<&'static str> {
    fn absent<T: Record>(chart: &Chart) -> Option<&'static str> {
        chart.rows::<T>().is_none().then_some(T::KIND)
    }
    [
        absent::<Appointment>(chart),
        absent::<Encounter>(chart),
        absent::<Condition>(chart),
        absent::<Observation>(chart),
        absent::<MedicationRequest>(chart),
        absent::<AllergyIntolerance>(chart),
        absent::<Procedure>(chart),
        absent::<Immunization>(chart),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn part<T: Record>(chart: &Chart, view: impl Fn(&mut RowView<'_, T>)) -> Part {
    let row = |row: &Released<T>| {
        let mut written = RowView { row, map: Map::new() };
        written.map.insert("id".into(), json!(row.id()));
        view(&mut written);
        let hidden: Vec<_> = row.hidden().collect();
        if !hidden.is_empty() {
            written.map.insert("hidden".into(), json!(hidden));
        }
        Json::Object(written.map)
    };
    chart.rows::<T>().map(|rows| rows.iter().map(row).collect())
}

/// A row on its way to JSON: protected fields go in when the reader sees them.
struct RowView<'r, T: Record> {
    row: &'r Released<T>,
    map: Map<String, Json>,
}

impl<T: Record> RowView<'_, T> {
    fn plain(&mut self, name: &str, value: impl Serialize) {
        self.insert(name, json!(value));
    }

    fn field<F: Field<Record = T>>(&mut self, name: &str, field: F, write: impl FnOnce(&F::Value) -> Json) {
        if let Ok(value) = self.row.reveal(field) {
            let value = write(value);
            self.insert(name, value);
        }
    }

    fn insert(&mut self, name: &str, value: Json) {
        if !value.is_null() {
            self.map.insert(name.to_owned(), value);
        }
    }
}

fn text(value: &impl Serialize) -> Json {
    json!(value)
}

fn coded(value: &Coded) -> Json {
    json!(value)
}

fn measure(value: &Option<Measure>) -> Json {
    json!(value)
}

fn period(value: &Period) -> Json {
    json!(value)
}

fn encounter_view(view: &mut RowView<'_, Encounter>) {
    view.plain("practitioner_id", view.row.practitioner_id);
    view.plain("location_id", view.row.location_id);
    view.field("status", encounter::Status, text);
    view.field("class", encounter::Class, text);
    view.field("kind", encounter::Kind, coded);
    view.field("period", encounter::When, period);
    view.field("reason", encounter::Reason, text);
}

fn condition_view(view: &mut RowView<'_, Condition>) {
    view.plain("encounter_id", view.row.encounter_id);
    view.field("code", condition::Code, coded);
    view.field("clinical_status", condition::ClinicalStatus, text);
    view.field("verification_status", condition::VerificationStatus, text);
    view.field("onset", condition::Onset, period);
}

fn observation_view(view: &mut RowView<'_, Observation>) {
    view.plain("encounter_id", view.row.encounter_id);
    view.field("status", observation::Status, text);
    view.field("category", observation::Category, text);
    view.field("code", observation::Code, coded);
    view.field("value", observation::Outcome, measure);
    view.field("effective", observation::Effective, text);
}

fn medication_view(view: &mut RowView<'_, MedicationRequest>) {
    view.plain("encounter_id", view.row.encounter_id);
    view.plain("practitioner_id", view.row.practitioner_id);
    view.field("status", medication_request::Status, text);
    view.field("intent", medication_request::Intent, text);
    view.field("medication", medication_request::Medication, coded);
    view.field("authored_on", medication_request::AuthoredOn, text);
}

fn allergy_view(view: &mut RowView<'_, AllergyIntolerance>) {
    view.plain("encounter_id", view.row.encounter_id);
    view.field("code", allergy_intolerance::Code, coded);
    view.field("clinical_status", allergy_intolerance::ClinicalStatus, text);
    view.field("verification_status", allergy_intolerance::VerificationStatus, text);
    view.field("criticality", allergy_intolerance::Criticality, text);
    view.field("recorded_on", allergy_intolerance::RecordedOn, text);
}

fn procedure_view(view: &mut RowView<'_, Procedure>) {
    view.plain("encounter_id", view.row.encounter_id);
    view.field("status", procedure::Status, text);
    view.field("code", procedure::Code, coded);
    view.field("performed", procedure::Performed, period);
}

fn immunization_view(view: &mut RowView<'_, Immunization>) {
    view.plain("encounter_id", view.row.encounter_id);
    view.field("status", immunization::Status, text);
    view.field("vaccine", immunization::Vaccine, coded);
    view.field("occurred_on", immunization::OccurredOn, text);
}
