//! Clinics of the caller, and the locations and services of one.

use super::list::{Listing, PageQuery};
use crate::{
    App,
    http::{Caller, NoParams, Problem, Query},
};
use axum::extract::State;
use healthcare_core::{
    AccessError, Clinic, Clues, ErrorCode, Id, Identity, List, Location, Read, Record, Released, Service,
};
use healthcare_rbac::user::Membership;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A clinic the caller belongs to.
#[derive(Serialize, ToSchema)]
pub(super) struct ClinicView {
    id: String,
    name: String,
    /// The IANA zone of locations that name none.
    zone: String,
    /// The caller's roles there.
    roles: Vec<String>,
    /// Whether it is the clinic of the token.
    current: bool,
}

/// A place where patients are seen.
#[derive(Serialize, ToSchema)]
pub(super) struct LocationView {
    id: String,
    name: String,
    /// The IANA zone of its clocks.
    zone: String,
    address: Option<String>,
    /// Whether appointments can be made there.
    active: bool,
}

impl LocationView {
    fn of(location: &Released<Location>) -> Self {
        Self {
            id: location.id().to_string(),
            name: location.name.clone(),
            zone: location.zone.to_string(),
            address: location.address.clone(),
            active: location.active,
        }
    }
}

/// Something that can be booked.
#[derive(Serialize, ToSchema)]
pub(super) struct ServiceView {
    /// What bookings and availability call it.
    code: String,
    name: String,
    duration_minutes: u32,
    /// Whether it can be booked.
    active: bool,
}

impl ServiceView {
    fn of(service: &Released<Service>) -> Self {
        Self {
            code: service.code.clone(),
            name: service.name.clone(),
            duration_minutes: service.duration_minutes,
            active: service.active,
        }
    }
}

/// The clinics the caller belongs to. Each is read in its own scope, with the roles the caller has there.
#[utoipa::path(get, path = "/clinics", tag = "clinics", responses((status = 200, body = Listing<ClinicView>), (status = 422)))]
pub(super) async fn clinics(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(NoParams {}): Query<NoParams>,
) -> Result<axum::Json<Listing<ClinicView>>, Problem> {
    let user = app.users.by_id(caller.claims.user).await?.ok_or(Problem::of(ErrorCode::SessionRevoked))?;
    let mut items = Vec::new();
    for membership in &user.memberships {
        match clinic(&app, &caller, membership).await {
            Ok(clinic) => items.push(clinic),
            // A role that may not read its clinic's record does not see it in the list either.
            Err(problem) if problem.code.status() < 500 => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(axum::Json(Listing { items, next: None }))
}

async fn clinic(app: &App, caller: &Caller, membership: &Membership) -> Result<ClinicView, Problem> {
    let identity = Identity {
        user: caller.claims.user,
        clinic: membership.clinic,
        roles: Arc::clone(&membership.roles),
        profile: membership.profile.clone(),
        session: Some(caller.claims.session),
    };
    let context =
        app.edge.request(identity, &Clues { source: caller.context.source(), ..Clues::default() })?;
    let clinic = read_clinic(app, &context).await?;
    Ok(ClinicView {
        id: clinic.id().to_string(),
        name: clinic.name.clone(),
        zone: clinic.zone.to_string(),
        roles: membership.roles.iter().map(ToString::to_string).collect(),
        current: membership.clinic == caller.claims.clinic,
    })
}

/// The record of the context's own clinic.
pub(crate) async fn read_clinic(
    app: &App,
    context: &healthcare_core::RequestContext,
) -> Result<Released<Clinic>, AccessError> {
    let grant =
        app.gate.open(context, Read::<Clinic>::new(Id::from_uuid(context.clinic().as_uuid()))).await?;
    let row = app.stores.clinics.find(&grant).await?;
    grant.release(row).await
}

/// The clinic's locations.
#[utoipa::path(get, path = "/locations", tag = "clinics", params(PageQuery), responses((status = 200, body = Listing<LocationView>), (status = 422)))]
pub(super) async fn locations(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Listing<LocationView>>, Problem> {
    let grant = app.gate.open(&caller.context, List::<Location>::all()).await?;
    let rows = app.stores.locations.list(&grant, &page.request()?).await?;
    Ok(axum::Json(Listing::of(grant.release(rows).await?, LocationView::of)))
}

/// The clinic's services: what can be booked, and under which code.
#[utoipa::path(get, path = "/services", tag = "clinics", params(PageQuery), responses((status = 200, body = Listing<ServiceView>), (status = 422)))]
pub(super) async fn services(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(page): Query<PageQuery>,
) -> Result<axum::Json<Listing<ServiceView>>, Problem> {
    let grant = app.gate.open(&caller.context, List::<Service>::all()).await?;
    let rows = app.stores.services.list(&grant, &page.request()?).await?;
    Ok(axum::Json(Listing::of(grant.release(rows).await?, ServiceView::of)))
}
