//! A first start that is cut short at any of its writes is finished by the starts after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;
mod cut;

use clinic_server::{
    App, seed,
    wiring::{Process, Server, StartError, wire},
};
use common::{Client, HARBOUR, Site, login};
use cut::{Knife, cut_stores, cut_users};
use healthcare_rbac::{
    password::{HasherConfig, Password, PasswordHasher},
    user::{EmailKey, NewUser},
};
use std::sync::Arc;

on_both_databases!(
    a_start_that_is_cut_at_any_write_is_finished_by_the_next,
    a_user_without_a_clinic_gets_theirs,
    a_membership_that_is_there_is_left_as_it_is,
    two_that_seed_at_once_make_one_demonstration,
);

/// The writes of a whole seeding: each clinic's place, services, people and appointments, users with their memberships, and the clinic.
const WRITES: u32 = 2 * (1 + 4 + 3 + 4 + 2 + 2 * 16 + 1);

async fn wired(site: &Site) -> Server {
    wire(&site.config, Process::All).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Ends a server that never served, so that another may take its directory.
async fn close(server: Server) {
    let audit = server.app.audit.clone();
    tokio::task::spawn_blocking(move || audit.close()).await.unwrap().unwrap();
    server.database.close().await;
}

/// A server whose writes the knife can end.
async fn wired_under(site: &Site, knife: &Knife) -> Server {
    let mut server = wired(site).await;
    let app = Arc::get_mut(&mut server.app).expect("nobody shares it yet");
    app.users = cut_users(&app.users, knife);
    app.stores = cut_stores(&app.stores, knife);
    server
}

/// What a whole demonstration holds, asked as its users ask.
async fn assert_whole(site: &Site) {
    let running = site.start().await;
    for clinic in seed::demo_clinics() {
        for address in clinic.addresses() {
            let client = Client::signed_in(running.address, &address).await;
            let me = client.get("/api/v1/me").await.expect(200).json();
            let role = address.split('@').next().unwrap().to_ascii_uppercase().replace('-', "_");
            assert_eq!(me["roles"], serde_json::json!([role]), "{address}");
            assert_eq!(me["clinic_id"], clinic.id.to_string(), "{address}");
            let profile = match role.as_str() {
                "DOCTOR" => "practitioner".into(),
                "PATIENT" => "patient".into(),
                _ => serde_json::Value::Null,
            };
            assert_eq!(me["profile"]["kind"], profile, "{address}");
        }
        let receptionist = Client::signed_in(running.address, &clinic.address_of("RECEPTIONIST")).await;
        let wanted = [("patients", 4), ("practitioners", 3), ("locations", 1), ("services", 4)];
        for (list, count) in wanted {
            let found = receptionist.get(&format!("/api/v1/{list}")).await.expect(200).json();
            assert_eq!(found["items"].as_array().unwrap().len(), count, "{list} of {}", clinic.name);
        }
        let month = jiff::ToSpan::days(31);
        let (from, to) = (jiff::Timestamp::now(), jiff::Zoned::now().checked_add(month).unwrap().timestamp());
        let path = format!("/api/v1/appointments?from={from}&to={to}");
        let found = receptionist.get(&path).await.expect(200).json();
        assert_eq!(found["items"].as_array().unwrap().len(), 2, "appointments of {}", clinic.name);
    }
    assert!(running.stop().await.is_clean());
}

/// Each start comes one write further than the one before it, so every prefix of the writes is what some start finds.
async fn a_start_that_is_cut_at_any_write_is_finished_by_the_next(site: Site) {
    let knife = Knife::default();
    let server = wired_under(&site, &knife).await;
    for start in 1..=WRITES {
        knife.allow(1);
        match seed::seed(&server.app).await {
            Ok(fresh) => assert!(fresh && start == WRITES, "start {start} had nothing left to write"),
            Err(StartError::Seed(_)) => assert_ne!(start, WRITES, "the last start has one write to do"),
            Err(error) => panic!("{error}"),
        }
    }
    knife.allow(0);
    assert!(!seed::seed(&server.app).await.unwrap(), "nothing is left to be seeded");
    close(server).await;
    assert_whole(&site).await;
}

fn sign_in_key(app: &App) -> EmailKey {
    EmailKey::new(app.keys.secret("sign-in-address").unwrap().as_slice()).unwrap()
}

/// The state that was seen: the user is stored, and neither their membership nor the clinic is.
async fn a_user_without_a_clinic_gets_theirs(site: Site) {
    let server = wired(&site).await;
    let clinic = &seed::demo_clinics()[0];
    let hasher = PasswordHasher::new(HasherConfig::default()).unwrap();
    let hash = hasher.hash(&Password::new(seed::DEMO_PASSWORD).unwrap()).await.unwrap();
    let id = healthcare_core::UserId::random();
    let email = sign_in_key(&server.app).index(&clinic.address_of("NURSE"));
    server.app.users.add(&NewUser { id, email, password: Some(hash) }).await.unwrap();
    seed::seed(&server.app).await.unwrap();
    assert!(server.app.users.by_id(id).await.unwrap().unwrap().membership(clinic.id).is_some());
    close(server).await;
    let running = site.start().await;
    assert_eq!(login(running.address, &clinic.address_of("NURSE")).await["user"]["clinic_id"], HARBOUR);
    running.stop().await;
}

/// Tokens of an older epoch are refused, so a membership is not written again for nothing.
async fn a_membership_that_is_there_is_left_as_it_is(site: Site) {
    let knife = Knife::default();
    let server = wired_under(&site, &knife).await;
    let clinic = &seed::demo_clinics()[0];
    // All but the last write of the first clinic, its own record.
    knife.allow(WRITES / 2 - 1);
    seed::seed(&server.app).await.unwrap_err();
    let email = sign_in_key(&server.app).index(&clinic.address_of("NURSE"));
    let before = server.app.users.by_email(&email).await.unwrap().unwrap();
    assert!(before.membership(clinic.id).is_some());
    knife.allow(u32::MAX);
    seed::seed(&server.app).await.unwrap();
    assert_eq!(server.app.users.by_email(&email).await.unwrap().unwrap(), before);
    close(server).await;
}

async fn two_that_seed_at_once_make_one_demonstration(site: Site) {
    let server = wired(&site).await;
    let (one, two) = tokio::join!(seed::seed(&server.app), seed::seed(&server.app));
    assert!(one.unwrap() || two.unwrap(), "somebody did it");
    close(server).await;
    assert_whole(&site).await;
}
