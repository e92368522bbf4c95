//! Practitioners, and when they have room.

use super::{
    appointments::book_problem,
    list::{Listing, PageQuery},
};
use crate::{
    App,
    http::{Caller, Fields, Problem, Query},
};
use axum::extract::State;
use healthcare_core::{Id, List, Practitioner, Record, Released, StartTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Somebody who treats patients.
#[derive(Serialize, ToSchema)]
pub(super) struct PractitionerView {
    id: String,
    /// Title, given names and family name.
    name: String,
    family: String,
    given: String,
    prefix: Option<String>,
    location_id: Option<String>,
    /// Weekly windows: `weekday` 1 is Monday; `from` and `to` are local times at the location.
    #[schema(value_type = Vec<Object>)]
    hours: serde_json::Value,
    /// Whether appointments can be made with them.
    active: bool,
}

impl PractitionerView {
    fn of(practitioner: &Released<Practitioner>) -> Self {
        let prefix = practitioner.prefix.as_deref();
        let parts = [prefix.unwrap_or_default(), &practitioner.given, &practitioner.family];
        Self {
            id: practitioner.id().to_string(),
            name: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
            family: practitioner.family.clone(),
            given: practitioner.given.clone(),
            prefix: practitioner.prefix.clone(),
            location_id: practitioner.location_id.map(|id| id.to_string()),
            hours: serde_json::to_value(&practitioner.hours).unwrap_or_default(),
            active: practitioner.active,
        }
    }
}

/// The clinic's practitioners.
#[utoipa::path(get, path = "/practitioners", tag = "clinics", params(PageQuery), responses((status = 200, body = Listing<PractitionerView>), (status = 422)))]
pub(super) async fn practitioners(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Listing<PractitionerView>>, Problem> {
    let grant = app.gate.open(&caller.context, List::<Practitioner>::all()).await?;
    let rows = app.stores.practitioners.list(&grant, &page.request()?).await?;
    Ok(axum::Json(Listing::of(grant.release(rows).await?, PractitionerView::of)))
}

/// With whom, what for, from when to when.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AvailabilityParams {
    /// The practitioner.
    practitioner_id: String,
    /// A service's code.
    service: String,
    /// RFC 3339, or local time at the practitioner's location.
    from: String,
    /// At most 31 days later.
    to: String,
}

/// Free times.
#[derive(Serialize, ToSchema)]
pub(super) struct Slots {
    slots: Vec<Slot>,
}

#[derive(Serialize, ToSchema)]
struct Slot {
    /// RFC 3339, UTC.
    start: String,
    /// RFC 3339, UTC.
    end: String,
}

/// When a practitioner has room for a service: working hours, less what is taken.
#[utoipa::path(get, path = "/availability", tag = "appointments", params(AvailabilityParams), responses((status = 200, body = Slots), (status = 422)))]
pub(super) async fn availability(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(asked): Query<AvailabilityParams>,
) -> Result<axum::Json<Slots>, Problem> {
    let mut fields = Fields::default();
    let practitioner = fields.parse::<Id<Practitioner>>("practitioner_id", &asked.practitioner_id);
    let from = fields.parse::<StartTime>("from", &asked.from);
    let to = fields.parse::<StartTime>("to", &asked.to);
    let checked = practitioner.zip(from.zip(to));
    let (practitioner, range) = fields.finish(checked)?;
    let found = app.appointments.availability(&caller.context, practitioner, &asked.service, range).await;
    let found = found.map_err(|error| book_problem(error, "from"))?;
    let slot = |slot: &healthcare_core::Interval| Slot {
        start: slot.starts().to_string(),
        end: slot.ends().to_string(),
    };
    Ok(axum::Json(Slots { slots: found.slots().iter().map(slot).collect() }))
}
