//! The demonstration's doctor becomes the practitioner with the most visits, so that there are charts to look at.

use super::Report;
use crate::{App, seed::demo_clinics, wiring::email_key};
use healthcare_core::{ClinicId, Profile};
use healthcare_rbac::user::Membership;
use std::{borrow::Cow, error::Error};

/// Sets the profile, unless it is so already: setting it ends the doctor's tokens.
pub(super) async fn become_busiest(
    app: &App,
    clinic: ClinicId,
    report: &Report,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Some(demo) = demo_clinics().iter().find(|demo| demo.id == clinic) else { return Ok(()) };
    let busiest = report.encounters.iter().max_by_key(|(id, visits)| (**visits, **id));
    let Some((practitioner, _)) = busiest else { return Ok(()) };
    let email = email_key(&app.keys)?.index(&demo.address_of("DOCTOR"));
    let Some(user) = app.users.by_email(&email).await? else { return Ok(()) };
    let Some(membership) = user.membership(clinic) else { return Ok(()) };
    let profile = Profile { kind: Cow::Borrowed("practitioner"), id: practitioner.as_uuid() };
    if membership.profile.as_ref() != Some(&profile) {
        let membership = Membership { profile: Some(profile), ..membership.clone() };
        app.users.set_membership(user.id, &membership).await?;
    }
    Ok(())
}
