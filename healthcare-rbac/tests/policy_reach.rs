//! What a policy could allow: menus offer it, the gate decides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(feature = "clinic")]

use healthcare_core::{Action, Actor, Profile, UserId};
use healthcare_rbac::policy::{Policy, Reach, Schema};
use std::borrow::Cow;
use uuid::Uuid;

fn actor(roles: &[&str], profile: Option<&'static str>) -> Actor {
    let profile = profile.map(|kind| Profile { kind: Cow::Borrowed(kind), id: Uuid::now_v7() });
    Actor::User {
        id: UserId::random(),
        roles: roles.iter().map(|role| role.parse().unwrap()).collect(),
        profile,
    }
}

#[test]
fn a_condition_reaches_some_rows_and_only_whoever_can_meet_it() {
    let policy = Policy::clinic().unwrap();
    let reach = |roles: &[&str], profile, kind, action| policy.reach(&actor(roles, profile), kind, action);
    assert_eq!(reach(&["RECEPTIONIST"], None, "appointment", Action::Update), Reach::All);
    assert_eq!(reach(&["RECEPTIONIST"], None, "patient", Action::ReadChart), Reach::Nothing);
    assert_eq!(reach(&["DOCTOR"], Some("practitioner"), "appointment", Action::Update), Reach::Some);
    assert_eq!(
        reach(&["DOCTOR"], None, "appointment", Action::Update),
        Reach::Nothing,
        "no schedule of their own"
    );
    assert_eq!(reach(&["PATIENT"], Some("patient"), "appointment", Action::List), Reach::Some);
    assert_eq!(reach(&["PATIENT", "NURSE"], Some("patient"), "appointment", Action::List), Reach::All);
    assert_eq!(reach(&["NURSE"], None, "unheard-of", Action::List), Reach::Nothing);
    assert_eq!(reach(&["NOBODY"], None, "appointment", Action::List), Reach::Nothing);
    assert_eq!(reach(&["NURSE"], None, "appointment", Action::Enter), Reach::Nothing);
    // A job's role offers people nothing.
    assert_eq!(reach(&["SEED"], None, "appointment", Action::List), Reach::Nothing);
    assert_eq!(policy.reach(&Actor::Anonymous, "appointment", Action::List), Reach::Nothing);
}

#[test]
fn what_is_denied_is_not_offered() {
    let policy = Policy::clinic().unwrap();
    let both = actor(&["CLINIC_ADMIN", "AUDITOR"], None);
    assert_eq!(policy.reach(&both, "user", Action::Create), Reach::Nothing);
    assert_eq!(policy.reach(&both, "user", Action::List), Reach::All);
    let text = r#"version = 1
[purposes]
TREAT = "x"
[conditions.own]
about = "x"
profile = "patient"
column = "subject_id"
[roles.NURSE]
about = "x"
purposes = ["TREAT"]
allow = [{ on = ["patient"], do = ["read"] }]
deny = [{ on = ["patient"], do = ["read"], when = "own", why = "x" }]
"#;
    let policy = Policy::load(text, Schema::clinic()).unwrap();
    assert_eq!(policy.reach(&actor(&["NURSE"], Some("patient")), "patient", Action::Read), Reach::Some);
    assert_eq!(policy.reach(&actor(&["NURSE"], None), "patient", Action::Read), Reach::All);
}
