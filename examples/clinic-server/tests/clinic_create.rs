//! A production database gets its first clinic, and somebody who can sign in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;
mod cut;

use clinic_server::{
    commands::{NewClinic, create_clinic, start},
    config::{Config, CreateArgs, Environment, KeySource},
    wiring::{Process, Server, wire},
};
use common::{Client, Site};
use cut::{Knife, cut_stores, cut_users};
use healthcare_core::{Id, Read};
use serde_json::json;
use std::{io::Cursor, sync::Arc};

on_both_databases!(the_first_clinic_can_be_signed_in_to, a_command_that_was_cut_short_goes_on);

const PASSWORD: &str = "seven lanterns over the weir";

fn production(site: &Site) -> Config {
    let key = site.dir.path().join("key");
    if !key.exists() {
        healthcare_core::KeyFile::at(&key).create_absent().unwrap();
    }
    Config { environment: Environment::Production, key: KeySource::File(key), ..site.config.clone() }
}

fn args(slug: &str) -> CreateArgs {
    CreateArgs {
        name: "Quay Practice".to_owned(),
        slug: slug.to_owned(),
        zone: "Europe/Berlin".to_owned(),
        admin_email: "Ada@quay.example".to_owned(),
        plugins: None,
    }
}

fn wanted(slug: &str) -> NewClinic {
    NewClinic::read(args(slug), Cursor::new(format!("{PASSWORD}\r\nrest"))).unwrap()
}

async fn beside(config: &Config) -> Server {
    wire(config, Process::Clinic).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn the_first_clinic_can_be_signed_in_to(site: Site) {
    let config = production(&site);
    let running = start(&config).await.unwrap_or_else(|error| panic!("{error}"));
    // Beside a server that serves.
    let server = beside(&config).await;
    let (id, had_account) = create_clinic(&server.app, &wanted("quay")).await.unwrap();
    assert!(!had_account);
    let twice = create_clinic(&server.app, &wanted("quay")).await.unwrap_err().to_string();
    assert!(twice.contains("--slug"), "{twice}");
    let body = json!({"email": "ada@quay.example", "password": PASSWORD});
    let tokens = Client::new(running.address).post("/api/v1/auth/login", &body).await.expect(200).json();
    assert_eq!(tokens["user"]["clinic_id"], id.to_string());
    assert_eq!(tokens["user"]["roles"], json!(["CLINIC_ADMIN"]));
    let ada = Client::new(running.address).with_token(tokens["access_token"].as_str().unwrap());
    let clinics = ada.get("/api/v1/clinics").await.expect(200).json();
    assert_eq!(clinics["items"][0]["name"], "Quay Practice", "{clinics}");
    // Another clinic for the same person: the account stays as it is.
    let ruled = |plugins: &str| {
        let args = CreateArgs { plugins: Some(plugins.to_owned()), ..args("weir") };
        NewClinic::read(args, Cursor::new(PASSWORD)).unwrap()
    };
    for wrong in ["eligibility", r#"{"magic": {}}"#, r#"{"eligibility": {"coverage": {}}}"#] {
        let told = ruled(wrong).check(&server.plugins).unwrap_err().to_string();
        assert!(told.contains("--plugins"), "{told}");
    }
    let weir = ruled(r#"{"eligibility": {"minimum_age": 18}}"#);
    weir.check(&server.plugins).unwrap();
    let (other, had_account) = create_clinic(&server.app, &weir).await.unwrap();
    let context = server.app.system.job("test", "SEED".parse().unwrap(), other);
    let grant = server.app.gate.open(&context, Read::new(Id::from_uuid(other.as_uuid()))).await.unwrap();
    let row = server.app.stores.clinics.find(&grant).await.unwrap();
    assert_eq!(grant.release(row).await.unwrap().plugins, r#"{"eligibility": {"minimum_age": 18}}"#);
    assert!(had_account && other != id);
    let tokens = Client::new(running.address).post("/api/v1/auth/login", &body).await.expect(200).json();
    assert_eq!(tokens["user"]["clinics"].as_array().unwrap().len(), 2);
    running.stop().await;
}

async fn a_command_that_was_cut_short_goes_on(site: Site) {
    let mut server = beside(&production(&site)).await;
    let knife = Knife::default();
    let app = Arc::get_mut(&mut server.app).expect("nobody else has it yet");
    app.users = cut_users(&app.users, &knife);
    app.stores = cut_stores(&app.stores, &knife);
    // The user, what they may, the clinic: one write more each time, and the last time all that is left.
    for written_before in 0..3 {
        knife.allow(u32::from(written_before > 0));
        create_clinic(&server.app, &wanted("quay")).await.unwrap_err();
    }
    knife.allow(u32::MAX);
    let (id, had_account) = create_clinic(&server.app, &wanted("quay")).await.unwrap();
    assert!(had_account, "by the command that was cut short");
    let running = start(&production(&site)).await.unwrap_or_else(|error| panic!("{error}"));
    let body = json!({"email": "ada@quay.example", "password": PASSWORD});
    let tokens = Client::new(running.address).post("/api/v1/auth/login", &body).await.expect(200).json();
    assert_eq!(tokens["user"]["clinics"], json!([id.to_string()]), "one clinic, not one for each try");
    running.stop().await;
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_the_password_is_not() {
    let wrong = CreateArgs {
        name: " ".to_owned(),
        slug: "Quay Practice".to_owned(),
        zone: "Mars/Base".to_owned(),
        admin_email: "nobody".to_owned(),
        plugins: None,
    };
    let said = NewClinic::read(wrong, Cursor::new("geheim\n")).unwrap_err().to_string();
    for setting in ["--name", "--slug", "--zone", "--admin-email", "standard input"] {
        assert!(said.contains(setting), "{setting} in {said}");
    }
    assert!(!said.contains("geheim"), "{said}");
    assert!(NewClinic::read(args("quay"), Cursor::new("")).is_err());
    assert!(!format!("{:?}", wanted("quay")).contains(PASSWORD));
}
