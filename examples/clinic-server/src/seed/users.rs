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
    user::{EmailIndex, Membership, NewUser, User},
};
use std::{borrow::Cow, error::Error, sync::Arc};

/// Adds the users of a clinic, each with their membership. Whoever has one is left as they are; a user without was stored by a start that was
/// cut short before it stored the membership, and gets it now.
pub(super) async fn add(app: &App, demo: &DemoClinic, profiles: &Profiles) -> Result<(), StartError> {
    let hasher = PasswordHasher::new(HasherConfig::default()).map_err(|error| failed(error.into()))?;
    let password = Password::new(DEMO_PASSWORD).map_err(|error| failed(error.into()))?;
    let index = email_key(&app.keys)?;
    for name in ROLES {
        let role: Role = name.parse().map_err(|error| StartError::Wiring(Box::new(error)))?;
        let email = index.index(&demo.address_of(name));
        let user = match find(app, &email).await? {
            Some(user) if user.membership(demo.id).is_some() => continue,
            Some(user) => user.id,
            None => {
                // Each its own salt, as users who chose the same password would have.
                let hash = hasher.hash(&password).await.map_err(|error| failed(error.into()))?;
                store(app, NewUser { id: UserId::random(), email, password: Some(hash) }).await?
            }
        };
        let membership =
            Membership { clinic: demo.id, roles: Arc::from([role]), profile: profile(name, profiles) };
        app.users.set_membership(user, &membership).await.map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

fn failed(error: Box<dyn Error + Send + Sync>) -> StartError {
    StartError::Seed(error)
}

async fn find(app: &App, email: &EmailIndex) -> Result<Option<User>, StartError> {
    app.users.by_email(email).await.map_err(|error| failed(error.into()))
}

/// Stores a user, and says who has the address now: another process may seed the same database, and its user stays.
async fn store(app: &App, user: NewUser) -> Result<UserId, StartError> {
    match app.users.add(&user).await {
        Ok(()) => Ok(user.id),
        Err(StoreError::Exists) => {
            find(app, &user.email).await?.map(|user| user.id).ok_or_else(|| failed(StoreError::NoUser.into()))
        }
        Err(error) => Err(failed(error.into())),
    }
}

fn profile(role: &str, profiles: &Profiles) -> Option<Profile> {
    match role {
        "DOCTOR" => Some(Profile { kind: Cow::Borrowed("practitioner"), id: profiles.doctor.as_uuid() }),
        "PATIENT" => Some(Profile { kind: Cow::Borrowed("patient"), id: profiles.patient.as_uuid() }),
        _ => None,
    }
}
