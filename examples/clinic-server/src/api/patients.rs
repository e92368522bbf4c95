//! Patients: list, find, read, create, change.

use super::list::{Listing, PageQuery, page};
use crate::{
    App,
    http::{Caller, Fields, IdempotencyKey, Json, Object, Once, PathId, Problem, Query, Reply, replayed},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use healthcare_core::{
    AccessError, Address, Create, Criteria, Draft, Email, ErrorCode, Field, Gender, Hidden, Id, List,
    Patient, Phi, Read, Record, RecordNumber, Released, RequestContext, Search, Update, patient,
};
use http::{StatusCode, header};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A patient, as far as the caller's role may see them.
#[derive(Serialize, ToSchema)]
pub(crate) struct PatientView {
    pub(crate) id: String,
    /// Send it back with a change.
    pub(crate) version: i64,
    pub(crate) active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) given: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) birth_date: Option<String>,
    /// `male`, `female`, `other` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gender: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<AddressBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deceased: Option<String>,
    /// The fields that the caller's role does not see. They may have a value.
    pub(crate) hidden: Vec<&'static str>,
}

impl PatientView {
    pub(crate) fn of(patient: &Released<Patient>) -> Self {
        fn shown<F: Field<Record = Patient>>(patient: &Released<Patient>, field: F) -> Option<F::Value> {
            patient.reveal(field).ok().cloned()
        }
        Self {
            id: patient.id().to_string(),
            version: patient.version(),
            active: patient.active,
            family: shown(patient, patient::Family),
            given: shown(patient, patient::Given),
            birth_date: shown(patient, patient::BirthDate).flatten().map(|date| date.to_string()),
            gender: shown(patient, patient::AdministrativeGender)
                .flatten()
                .map(|gender| gender.as_str().to_owned()),
            phone: shown(patient, patient::Telephone).flatten(),
            email: shown(patient, patient::ElectronicMail).flatten().map(|email| email.as_str().to_owned()),
            address: shown(patient, patient::PostalAddress).flatten().map(AddressBody::from),
            record_number: shown(patient, patient::Number).flatten().map(|number| number.as_str().to_owned()),
            deceased: shown(patient, patient::DeceasedOn).flatten().map(|date| date.to_string()),
            hidden: patient.hidden().collect(),
        }
    }
}

/// A postal address.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddressBody {
    /// Street, number, apartment.
    #[serde(default)]
    pub(crate) lines: Vec<String>,
    pub(crate) city: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) postal_code: Option<String>,
    pub(crate) country: Option<String>,
}

impl From<Address> for AddressBody {
    fn from(address: Address) -> Self {
        let Address { lines, city, state, postal_code, country } = address;
        Self { lines, city, state, postal_code, country }
    }
}

impl AddressBody {
    fn check(self, fields: &mut Fields) -> Option<Address> {
        let Self { lines, city, state, postal_code, country } = self;
        if lines.len() > 6 {
            fields.wrong("address.lines", "write at most 6 lines");
        }
        let mut text = |field, text: Option<String>| text.and_then(|text| fields.text(field, &text, 1, 200));
        Some(Address {
            lines: lines.into_iter().filter_map(|line| text("address.lines", Some(line))).collect(),
            city: text("address.city", city),
            state: text("address.state", state),
            postal_code: text("address.postal_code", postal_code),
            country: text("address.country", country),
        })
    }
}

/// A new patient.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPatient {
    family: String,
    given: String,
    /// `1987-04-30`
    birth_date: Option<String>,
    /// `male`, `female`, `other` or `unknown`.
    gender: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    #[serde(default, deserialize_with = "object")]
    address: Option<AddressBody>,
    record_number: Option<String>,
}

/// What is to be changed. Absent: as it is. `null`: removed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PatientPatch {
    /// The version the change was made on.
    version: i64,
    active: Option<bool>,
    family: Option<String>,
    given: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    birth_date: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    gender: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    phone: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "present_object")]
    #[schema(value_type = Option<AddressBody>)]
    address: Option<Option<AddressBody>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    record_number: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    deceased: Option<Option<String>>,
}

/// Tells `null` from absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer).map(|sent| sent.map(|Object(value)| value))
}

fn present_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    object(deserializer).map(Some)
}

/// Whom to look for. Every field that is sent must match.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PatientSearch {
    /// Beginnings of the family name's words, from three letters.
    pub(crate) family: Option<String>,
    /// Beginnings of given names, from three letters.
    pub(crate) given: Option<String>,
    /// The date of birth, `1987-04-30`.
    pub(crate) birth_date: Option<String>,
    /// The whole record number.
    pub(crate) record_number: Option<String>,
    /// The whole telephone number.
    pub(crate) phone: Option<String>,
    /// The whole address.
    pub(crate) email: Option<String>,
    /// The most items, 1 to 200.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

/// The clinic's patients, as far as the caller may see them.
#[utoipa::path(get, path = "/patients", tag = "patients", params(PageQuery), responses((status = 200, body = Listing<PatientView>), (status = 422)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Listing<PatientView>>, Problem> {
    let grant = app.gate.open(&caller.context, List::<Patient>::all()).await?;
    let rows = app.stores.patients.list(&grant, &page.request()?).await?;
    Ok(axum::Json(Listing::of(grant.release(rows).await?, PatientView::of)))
}

/// Finds patients. By POST, so that names stand in no address and no log of addresses.
#[utoipa::path(post, path = "/patients/search", tag = "patients", request_body = PatientSearch, responses((status = 200, body = Listing<PatientView>)))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json { value: asked, .. }: Json<PatientSearch>,
) -> Result<axum::Json<Listing<PatientView>>, Problem> {
    Ok(axum::Json(find(&app, &caller.context, asked).await?))
}

/// One page of the patients that match.
pub(crate) async fn find(
    app: &App,
    context: &RequestContext,
    asked: PatientSearch,
) -> Result<Listing<PatientView>, Problem> {
    let page = page(asked.limit, asked.after.clone())?;
    let criteria = criteria(asked)?;
    let grant = app.gate.open(context, Search::<Patient>::all()).await?;
    let rows = app.stores.patients.search(&grant, &criteria, &page).await?;
    Ok(Listing::of(grant.release(rows).await?, PatientView::of))
}

fn criteria(asked: PatientSearch) -> Result<Criteria<Patient>, Problem> {
    let mut fields = Fields::default();
    let mut criteria = Criteria::new();
    if let Some(family) = asked.family.and_then(|text| fields.text("family", &text, 1, 200)) {
        criteria = criteria.field(patient::Family, &Phi::new(family));
    }
    if let Some(given) = asked.given.and_then(|text| fields.text("given", &text, 1, 200)) {
        criteria = criteria.field(patient::Given, &Phi::new(given));
    }
    if let Some(date) = asked.birth_date.and_then(|text| date(&mut fields, "birth_date", &text)) {
        criteria = criteria.field(patient::BirthDate, &Phi::new(Some(date)));
    }
    if let Some(number) =
        asked.record_number.and_then(|text| fields.parse::<RecordNumber>("record_number", &text))
    {
        criteria = criteria.field(patient::Number, &Phi::new(Some(number)));
    }
    if let Some(phone) = asked.phone.and_then(|text| fields.text("phone", &text, 1, 40)) {
        criteria = criteria.field(patient::Telephone, &Phi::new(Some(phone)));
    }
    if let Some(email) = asked.email.and_then(|text| fields.parse::<Email>("email", &text)) {
        criteria = criteria.field(patient::ElectronicMail, &Phi::new(Some(email)));
    }
    fields.finish(Some(criteria))
}

/// One patient.
#[utoipa::path(get, path = "/patients/{id}", tag = "patients", params(("id" = String, Path, format = "uuid")), responses((status = 200, body = PatientView), (status = 404)))]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<Patient>,
) -> Result<axum::Json<PatientView>, Problem> {
    let patient = read_patient(&app, &caller.context, id).await?;
    Ok(axum::Json(PatientView::of(&patient)))
}

/// One patient, released; a missing one is called a patient.
pub(crate) async fn read_patient(
    app: &App,
    context: &RequestContext,
    id: Id<Patient>,
) -> Result<Released<Patient>, Problem> {
    let found = async {
        let grant = app.gate.open(context, Read::new(id)).await?;
        let row = app.stores.patients.find(&grant).await?;
        grant.release(row).await
    };
    found.await.map_err(|error: AccessError| Problem::from(error).missing_is(ErrorCode::PatientNotFound))
}

/// Whether there is such a patient, for a caller who may book for people they may not read: a doctor's new patient becomes theirs with the
/// appointment. The look-up is a named job's, and in the log like any other.
pub(crate) async fn exists(app: &App, caller: &Caller, id: Id<Patient>) -> Result<bool, Problem> {
    match read_patient(app, &caller.context, id).await {
        Ok(_) => return Ok(true),
        Err(problem) if problem.code == ErrorCode::PatientNotFound => return Ok(false),
        Err(problem) if problem.code.status() != 403 => return Err(problem),
        Err(_) => {}
    }
    let role = "IMPORT".parse().map_err(|_| Problem::of(ErrorCode::Internal))?;
    let job = app.system.job("find-booked-patient", role, caller.context.clinic());
    match read_patient(app, &job, id).await {
        Ok(_) => Ok(true),
        Err(problem) if problem.code == ErrorCode::PatientNotFound => Ok(false),
        Err(problem) => Err(problem),
    }
}

/// A new patient.
#[utoipa::path(post, path = "/patients", tag = "patients", params(("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), request_body = NewPatient, responses((status = 201, body = PatientView)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    key: IdempotencyKey,
    body: Json<NewPatient>,
) -> Result<Response, Problem> {
    let once = Once::begin(&app, &caller, key, "POST /patients", &body.bytes).await?;
    let checked = new_patient(body.value)?;
    if let Some(reply) = again(&app, &caller, once.as_ref()).await? {
        return Ok(reply);
    }
    let id = Id::random();
    let grant = app.gate.open(&caller.context, Create::new(id)).await?;
    let patient = Patient::new(id, caller.context.clinic(), patient::Plain { active: true }, checked);
    let change = grant.fill(patient).await?.event("patient.registered");
    let reply = Reply::new(StatusCode::CREATED, id.as_uuid(), &PatientView::of(&change.preview()))?;
    let change = match &once {
        Some(once) => change.remembering(once.remember(&reply)?),
        None => change,
    };
    match app.stores.patients.commit(change).await {
        Ok(_) => {
            let location = format!("{}/patients/{id}", super::PREFIX);
            Ok(([(header::LOCATION, location)], reply).into_response())
        }
        Err(AccessError::Repeated) => {
            again(&app, &caller, once.as_ref()).await?.ok_or(Problem::of(ErrorCode::AlreadyExists))
        }
        Err(error) => Err(error.into()),
    }
}

/// The answer that was given before, once the gate has decided anew that the caller may see whom it speaks of.
async fn again(app: &App, caller: &Caller, once: Option<&Once>) -> Result<Option<Response>, Problem> {
    let Some(once) = once else { return Ok(None) };
    let Some(reply) = once.earlier(app, caller).await? else { return Ok(None) };
    read_patient(app, &caller.context, Id::from_uuid(reply.record)).await?;
    Ok(Some(replayed(reply)))
}

/// Changes a patient. The version must be the present one.
#[utoipa::path(patch, path = "/patients/{id}", tag = "patients", params(("id" = String, Path, format = "uuid"), ("Idempotency-Key" = Option<String>, Header, description = "Of several requests under one key one is carried out: 1 to 200 visible characters")), request_body = PatientPatch, responses((status = 200, body = PatientView), (status = 404), (status = 409)))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathId(id): PathId<Patient>,
    key: IdempotencyKey,
    body: Json<PatientPatch>,
) -> Result<Response, Problem> {
    let missing = |error: AccessError| Problem::from(error).missing_is(ErrorCode::PatientNotFound);
    let once = Once::begin(&app, &caller, key, &format!("PATCH /patients/{id}"), &body.bytes).await?;
    if let Some(reply) = again(&app, &caller, once.as_ref()).await? {
        return Ok(reply);
    }
    let version = body.value.version;
    let edit = checked_edit(body.value)?;
    let grant = app.gate.open(&caller.context, Update::new(id)).await?;
    let row = app.stores.patients.find_for_update(&grant).await?;
    let mut draft = grant.edit(row).await.map_err(missing)?;
    if draft.version() != version {
        return Err(Problem::of(ErrorCode::VersionConflict));
    }
    edit.apply(&mut draft).map_err(|hidden| Problem::from(AccessError::HiddenField(hidden.0)))?;
    let reply = Reply::new(StatusCode::OK, id.as_uuid(), &PatientView::of(&draft.preview()))?;
    let mut change = draft.change().await?.event("patient.updated");
    if let Some(once) = &once {
        change = change.remembering(once.remember(&reply)?);
    }
    match app.stores.patients.commit(change).await {
        Ok(_) => Ok(reply.into_response()),
        Err(AccessError::Repeated) => {
            again(&app, &caller, once.as_ref()).await?.ok_or(Problem::of(ErrorCode::AlreadyExists))
        }
        Err(error) => Err(missing(error)),
    }
}

fn date(fields: &mut Fields, field: &'static str, text: &str) -> Option<Date> {
    let date = text.parse::<Date>().ok().filter(|date| text.len() == 10 && date.year() >= 1850);
    if date.is_none() {
        fields.wrong(field, "write a date such as 1987-04-30");
    }
    date
}

fn gender(fields: &mut Fields, text: &str) -> Option<Gender> {
    let gender = text.parse::<Gender>().ok();
    if gender.is_none() {
        fields.wrong("gender", "write male, female, other or unknown");
    }
    gender
}

fn new_patient(body: NewPatient) -> Result<patient::Protected, Problem> {
    let mut fields = Fields::default();
    let family = fields.text("family", &body.family, 1, 200);
    let given = fields.text("given", &body.given, 0, 200);
    let protected = patient::Protected {
        family: Phi::new(family.unwrap_or_default()),
        given: Phi::new(given.unwrap_or_default()),
        birth_date: Phi::new(body.birth_date.and_then(|text| date(&mut fields, "birth_date", &text))),
        gender: Phi::new(body.gender.and_then(|text| gender(&mut fields, &text))),
        phone: Phi::new(body.phone.and_then(|text| fields.text("phone", &text, 3, 40))),
        email: Phi::new(body.email.and_then(|text| fields.parse("email", &text))),
        address: Phi::new(body.address.and_then(|address| address.check(&mut fields))),
        record_number: Phi::new(body.record_number.and_then(|text| fields.parse("record_number", &text))),
        deceased: Phi::new(None),
    };
    fields.finish(Some(protected))
}

/// A patch whose every value was checked. Outside: whether it is to be set; inside: to what.
#[derive(Default)]
struct Edit {
    active: Option<bool>,
    family: Option<String>,
    given: Option<String>,
    birth_date: Option<Option<Date>>,
    gender: Option<Option<Gender>>,
    phone: Option<Option<String>>,
    email: Option<Option<Email>>,
    address: Option<Option<Address>>,
    record_number: Option<Option<RecordNumber>>,
    deceased: Option<Option<Date>>,
}

fn checked_edit(patch: PatientPatch) -> Result<Edit, Problem> {
    let mut fields = Fields::default();
    let edit = Edit {
        active: patch.active,
        family: patch.family.and_then(|text| fields.text("family", &text, 1, 200)),
        given: patch.given.and_then(|text| fields.text("given", &text, 0, 200)),
        birth_date: patch.birth_date.map(|v| v.and_then(|text| date(&mut fields, "birth_date", &text))),
        gender: patch.gender.map(|v| v.and_then(|text| gender(&mut fields, &text))),
        phone: patch.phone.map(|v| v.and_then(|text| fields.text("phone", &text, 3, 40))),
        email: patch.email.map(|v| v.and_then(|text| fields.parse("email", &text))),
        address: patch.address.map(|v| v.and_then(|address| address.check(&mut fields))),
        record_number: patch.record_number.map(|v| v.and_then(|text| fields.parse("record_number", &text))),
        deceased: patch.deceased.map(|v| v.and_then(|text| date(&mut fields, "deceased", &text))),
    };
    fields.finish(Some(edit))
}

impl Edit {
    fn apply(self, draft: &mut Draft<Patient>) -> Result<(), Hidden> {
        fn set<F: Field<Record = Patient>>(
            draft: &mut Draft<Patient>,
            field: F,
            value: Option<F::Value>,
        ) -> Result<(), Hidden> {
            value.map_or(Ok(()), |value| draft.set(field, Phi::new(value)))
        }
        if let Some(active) = self.active {
            draft.plain_mut().active = active;
        }
        set(draft, patient::Family, self.family)?;
        set(draft, patient::Given, self.given)?;
        set(draft, patient::BirthDate, self.birth_date)?;
        set(draft, patient::AdministrativeGender, self.gender)?;
        set(draft, patient::Telephone, self.phone)?;
        set(draft, patient::ElectronicMail, self.email)?;
        set(draft, patient::PostalAddress, self.address)?;
        set(draft, patient::Number, self.record_number)?;
        set(draft, patient::DeceasedOn, self.deceased)
    }
}
