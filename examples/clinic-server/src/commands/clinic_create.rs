//! `clinic-server clinic create`: the first clinic of a production database, with somebody who may sign in to it.

use super::Failure;
use crate::{
    App,
    config::{Config, CreateArgs},
    seed, wiring,
    wiring::{Process, email_key},
};
use healthcare_core::{
    Clinic, ClinicId, Create, Email, Id, Plugins, Record as _, Role, UserId, Zone, clinic,
};
use healthcare_rbac::{
    password::{CommonPasswords, HasherConfig, NewPasswordRules, Password, PasswordHasher},
    session::StoreError,
    user::{Membership, NewUser},
};
use ring::hmac;
use std::{io::BufRead, sync::Arc};

/// Of what is typed no more is read.
const PASSWORD_BYTES_MAX: u64 = 4096;
const NAME_CHARS_MAX: usize = 200;
const SLUG_BYTES_MAX: usize = 40;
/// What the first user may: run the clinic, and see no chart.
const ROLE: &str = "CLINIC_ADMIN";
/// What a new clinic's diary follows.
const PLUGINS: &str = r#"{
    "eligibility": {"minimum_notice_minutes": 15, "maximum_days_ahead": 180},
    "notification": {},
    "reminder": {"minutes_before": 1440}
}"#;

/// A clinic that is to be, with its first administrator.
#[derive(Debug)]
pub struct NewClinic {
    name: String,
    slug: String,
    zone: Zone,
    email: Email,
    password: Password,
    plugins: String,
}

pub(super) async fn run(config: &Config, args: CreateArgs, input: impl BufRead) -> Result<bool, Failure> {
    let wanted = NewClinic::read(args, input)?;
    let mut server = wiring::wire(config, Process::Clinic).await?;
    wanted.check(&server.plugins)?;
    server.hear().await?;
    let made = create_clinic(&server.app, &wanted).await;
    server.close().await?;
    let (id, had_account) = made?;
    println!("The clinic {} is there: {id}", wanted.slug);
    println!("Its administrator signs in with the given address.");
    if had_account {
        println!("There was an account with that address: its password is what it was.");
    }
    Ok(true)
}

impl NewClinic {
    /// Checks what was given; the password is the first line of `input`.
    ///
    /// # Errors
    /// What is wrong, all of it; the password is not repeated.
    pub fn read(args: CreateArgs, input: impl BufRead) -> Result<Self, Failure> {
        let mut wrong = Vec::new();
        let name = args.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            wrong.push(format!("--name: write 1 to {NAME_CHARS_MAX} characters"));
        }
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if args.slug.is_empty() || args.slug.len() > SLUG_BYTES_MAX || !args.slug.bytes().all(letters) {
            wrong.push(format!("--slug: write 1 to {SLUG_BYTES_MAX} small letters, digits and hyphens"));
        }
        let zone = args.zone.parse::<Zone>().map_err(|error| wrong.push(format!("--zone: {error}"))).ok();
        let email = args.admin_email.parse::<Email>();
        let email = email.map_err(|error| wrong.push(format!("--admin-email: {error}"))).ok();
        let password = password(input).map_err(|error| wrong.push(format!("standard input: {error}"))).ok();
        match (zone, email, password) {
            (Some(zone), Some(email), Some(password)) if wrong.is_empty() => {
                let plugins = args.plugins.unwrap_or_else(|| PLUGINS.to_owned());
                Ok(Self { name, slug: args.slug, zone, email, password, plugins })
            }
            _ => Err(wrong.join("\n  ").into()),
        }
    }
}

impl NewClinic {
    /// Checks that there are such plugins, and that they take such settings.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, plugins: &Plugins) -> Result<(), Failure> {
        // A clinic that is not there yet.
        plugins
            .configure(ClinicId::random(), &self.plugins)
            .map_err(|wrong| format!("--plugins: {wrong}").into())
    }
}

fn password(input: impl BufRead) -> Result<Password, Failure> {
    let mut line = String::new();
    input
        .take(PASSWORD_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|_| "a line of text with the password is needed")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    let password = Password::take(line)?;
    NewPasswordRules::single_factor(&CommonPasswords).check(&password)?;
    Ok(password)
}

/// Makes the clinic: its user, what they may, and last the clinic's own record. Cut short, it is done again with the same short name and goes
/// on where it was; the answer says whether the address had an account before.
///
/// # Errors
/// When there is a clinic of this short name, or storage fails.
pub async fn create_clinic(app: &App, wanted: &NewClinic) -> Result<(ClinicId, bool), Failure> {
    let id = clinic_id(app, &wanted.slug)?;
    let context = app.system.job("create-clinic", "SEED".parse::<Role>()?, id);
    if seed::exists(app, &context).await? {
        return Err("--slug: there is a clinic of this short name".into());
    }
    let (user, had_account) = account(app, wanted).await?;
    let membership = Membership { clinic: id, roles: Arc::from([ROLE.parse::<Role>()?]), profile: None };
    app.users.set_membership(user, &membership).await?;
    let plain = clinic::Plain {
        name: wanted.name.clone(),
        slug: wanted.slug.clone(),
        zone: wanted.zone.clone(),
        active: true,
        plugins: wanted.plugins.clone(),
    };
    let record = Clinic::new(Id::from_uuid(id.as_uuid()), id, plain, clinic::Protected {});
    let grant = app.gate.open(&context, Create::new(record.id())).await?;
    app.stores.clinics.commit(grant.fill_absent(record).await?).await?;
    Ok((id, had_account))
}

/// The same short name is the same clinic in this house, whoever makes it and however often.
fn clinic_id(app: &App, slug: &str) -> Result<ClinicId, Failure> {
    let secret = app.keys.secret("clinic-id")?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()), slug.as_bytes());
    let bytes = tag.as_ref().first_chunk::<16>().ok_or("a tag is longer than an id")?;
    Ok(ClinicId::from_uuid(uuid::Builder::from_custom_bytes(*bytes).into_uuid()))
}

async fn account(app: &App, wanted: &NewClinic) -> Result<(UserId, bool), Failure> {
    let email = email_key(&app.keys)?.index(wanted.email.as_str());
    if let Some(user) = app.users.by_email(&email).await? {
        return Ok((user.id, true));
    }
    let hash = PasswordHasher::new(HasherConfig::default())?.hash(&wanted.password).await?;
    let user = NewUser { id: UserId::random(), email, password: Some(hash) };
    match app.users.add(&user).await {
        Ok(()) => Ok((user.id, false)),
        Err(StoreError::Exists) => Err("another command made this user just now: try again".into()),
        Err(error) => Err(error.into()),
    }
}
