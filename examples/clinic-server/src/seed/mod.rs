//! The demonstration: two invented clinics, written on the first start and never again.
//!
//! Everything is done by a named system actor in the role `SEED`, one clinic at a time, through the gate, and is in the audit log like anything
//! else. The clinic's own record is written last: a start that was cut short begins again and changes nothing that is there.

mod clinic;
mod data;
mod users;

pub(crate) use clinic::office_hours;
pub use data::{DEMO_PASSWORD, DemoClinic, demo_clinics, demo_roles};

use crate::{App, wiring::StartError};
use healthcare_core::{AccessError, Clinic, Id, Read, RequestContext, Role};

/// The role of the seeding job.
const ROLE: &str = "SEED";

/// Seeds what is missing, and says whether anything was.
///
/// # Errors
/// [`StartError::Seed`] when it cannot be written.
pub async fn seed(app: &App) -> Result<bool, StartError> {
    let mut fresh = false;
    for demo in demo_clinics() {
        let context = context(app, demo)?;
        if exists(app, &context).await.map_err(failed)? {
            continue;
        }
        fresh = true;
        let profiles = clinic::fill(app, &context, demo).await.map_err(failed)?;
        users::add(app, demo, &profiles).await?;
        clinic::open(app, &context, demo).await.map_err(failed)?;
    }
    Ok(fresh)
}

fn context(app: &App, demo: &DemoClinic) -> Result<RequestContext, StartError> {
    let role: Role = ROLE.parse().map_err(|error| StartError::Wiring(Box::new(error)))?;
    Ok(app.system.job("seed", role, demo.id))
}

/// Whether the clinic has a record of its own.
pub(crate) async fn exists(app: &App, context: &RequestContext) -> Result<bool, AccessError> {
    let id = Id::<Clinic>::from_uuid(context.clinic().as_uuid());
    let grant = app.gate.open(context, Read::new(id)).await?;
    let row = app.stores.clinics.find(&grant).await?;
    match grant.release(row).await {
        Ok(_) => Ok(true),
        Err(AccessError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

fn failed(error: AccessError) -> StartError {
    StartError::Seed(Box::new(error))
}
