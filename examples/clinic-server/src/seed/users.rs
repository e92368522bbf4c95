//! One user for each role.

use super::{
    clinic::Profiles,
    data::{DEMO_PASSWORD, DemoClinic, ROLES},
};
use crate::{
    App,
    wiring::{StartError, email_key},
};
use healthcare_core::{Profile, Role, UserId};
use healthcare_rbac::{
    password::{HasherConfig, Password, PasswordHasher},
    session::StoreError,
    user::{Membership, NewUser},
};
use std::{borrow::Cow, sync::Arc};

/// Adds the users of a clinic. Those that exist are left as they are.
pub(super) async fn add(app: &App, demo: &DemoClinic, profiles: &Profiles) -> Result<(), StartError> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| StartError::Seed(error);
    let hasher = PasswordHasher::new(HasherConfig::default()).map_err(|error| failed(error.into()))?;
    let password = Password::new(DEMO_PASSWORD).map_err(|error| failed(error.into()))?;
    let index = email_key(&app.keys)?;
    for name in ROLES {
        let role: Role = name.parse().map_err(|error| StartError::Wiring(Box::new(error)))?;
        let email = index.index(&demo.address_of(name));
        if app.users.by_email(&email).await.map_err(|error| failed(error.into()))?.is_some() {
            continue;
        }
        // Each its own salt, as users who chose the same password would have.
        let hash = hasher.hash(&password).await.map_err(|error| failed(error.into()))?;
        let user = NewUser { id: UserId::random(), email, password: Some(hash) };
        match app.users.add(&user).await {
            Ok(()) | Err(StoreError::Exists) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let membership =
            Membership { clinic: demo.id, roles: Arc::from([role]), profile: profile(name, profiles) };
        app.users.set_membership(user.id, &membership).await.map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

fn profile(role: &str, profiles: &Profiles) -> Option<Profile> {
    match role {
        "DOCTOR" => Some(Profile { kind: Cow::Borrowed("practitioner"), id: profiles.doctor.as_uuid() }),
        "PATIENT" => Some(Profile { kind: Cow::Borrowed("patient"), id: profiles.patient.as_uuid() }),
        _ => None,
    }
}
