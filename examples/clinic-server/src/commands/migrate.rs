//! `clinic-server migrate`: prepares PostgreSQL.

use super::Failure;
use crate::config::{DatabaseUrl, MigrateUrls};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use healthcare_db::{Login, Logins, migrate};
use ring::rand::{SecureRandom, SystemRandom};

/// Brings the schema up to date, and makes the application's and the relay's logins: those of the URLs that are set, or new ones whose URLs
/// are printed once.
pub(super) async fn run(urls: MigrateUrls) -> Result<bool, Failure> {
    let owner = urls.owner;
    let application = LoginUrl::of(urls.application, &owner, "clinic_app")?;
    let relay = LoginUrl::of(urls.relay, &owner, "clinic_relay")?;
    let logins = Logins { application: application.login()?, relay: relay.login()? };
    migrate(owner.expose(), &logins).await?;
    println!("The database is ready.");
    for (made, variable) in [(application, "CLINIC_DATABASE_URL"), (relay, "CLINIC_RELAY_URL")] {
        if made.is_new {
            println!("{variable}={}", made.url.expose());
        }
    }
    Ok(true)
}

struct LoginUrl {
    url: DatabaseUrl,
    is_new: bool,
}

impl LoginUrl {
    /// The URL that is set, or the owner's with a login and a password of its own.
    fn of(wanted: Option<DatabaseUrl>, owner: &DatabaseUrl, name: &str) -> Result<Self, Failure> {
        if let Some(url) = wanted {
            return Ok(Self { url, is_new: false });
        }
        let mut bytes = [0; 24];
        SystemRandom::new().fill(&mut bytes).map_err(|_| "the operating system gave no random bytes")?;
        let url =
            owner.with_login(name, &URL_SAFE_NO_PAD.encode(bytes)).ok_or("the owner's URL takes no login")?;
        Ok(Self { url, is_new: true })
    }

    fn login(&self) -> Result<Login, Failure> {
        let (name, password) = self.url.login();
        Ok(Login::new(name, password)?)
    }
}
