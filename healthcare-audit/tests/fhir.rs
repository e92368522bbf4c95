//! Export as FHIR R4.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_audit::{
    fhir::{Site, audit_events},
    testing::{allowed, clinic, disclosed, id, patient},
};
use healthcare_core::{Action, Actor, AuditEvent, Outcome, Profile};
use serde_json::{Value, json};

fn export(event: &AuditEvent) -> Vec<Value> {
    audit_events(event, &Site { observer: "clinic.example".to_owned() })
}

fn one(event: &AuditEvent) -> Value {
    let resources = export(event);
    assert_eq!(resources.len(), 1);
    check(&resources[0]);
    resources[0].clone()
}

/// The elements that R4 requires, and its invariant sev-1.
fn check(resource: &Value) {
    assert_eq!(resource["resourceType"], "AuditEvent");
    assert!(resource["type"]["code"].is_string() && resource["type"]["system"].is_string());
    resource["recorded"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(["0", "4", "8", "12"].contains(&resource["outcome"].as_str().unwrap()));
    assert!(["C", "R", "U", "D", "E"].contains(&resource["action"].as_str().unwrap()));
    assert!(resource["source"]["observer"].is_object());
    let agents = resource["agent"].as_array().unwrap();
    assert!(
        agents.len() >= 2
            && agents.iter().all(|agent| agent["requestor"].is_boolean() && agent["who"].is_object())
    );
    assert_eq!(agents.iter().filter(|agent| agent["requestor"] == true).count(), 1);
    for entity in resource["entity"].as_array().unwrap() {
        assert!(entity.get("name").is_none() || entity.get("query").is_none());
    }
    // FHIR has no empty arrays, strings or nulls.
    let text = resource.to_string();
    assert!(!text.contains("[]") && !text.contains("\"\"") && !text.contains("null"), "{text}");
}

fn agent<'r>(resource: &'r Value, code: &str) -> &'r Value {
    let agents = resource["agent"].as_array().unwrap();
    agents
        .iter()
        .find(|agent| agent["type"]["coding"][0]["code"] == code)
        .unwrap_or_else(|| panic!("no agent {code}"))
}

#[test]
fn a_read_is_what_the_patient_read_pattern_asks_for() {
    let practitioner = Profile { kind: "practitioner".into(), id: patient(99) };
    let event = AuditEvent {
        actor: Actor::User {
            id: healthcare_core::UserId::from_uuid(patient(98)),
            roles: ["DOCTOR".parse().unwrap()].into(),
            profile: Some(practitioner),
        },
        purpose: Some("TREAT".parse().unwrap()),
        source: Some("2001:db8::1".parse().unwrap()),
        ..disclosed(clinic(1), 5)
    };
    let resource = one(&event);
    assert_eq!(resource["type"]["code"], "rest");
    assert_eq!(
        resource["subtype"][0],
        json!({"system": "http://hl7.org/fhir/restful-interaction", "code": "read", "display": "read"})
    );
    assert_eq!((&resource["action"], &resource["outcome"]), (&json!("R"), &json!("0")));
    let user = agent(&resource, "IRCP");
    assert_eq!(user["who"]["reference"], format!("Practitioner/{}", patient(99)));
    assert_eq!(user["role"][0]["text"], "DOCTOR");
    assert_eq!(user["purposeOfUse"][0]["coding"][0]["code"], "TREAT");
    assert!(user.get("network").is_none(), "people are not network devices");
    assert_eq!(agent(&resource, "110152")["network"]["address"], "2001:db8::1", "the client receives");
    assert_eq!(agent(&resource, "110153")["who"]["display"], "clinic.example", "the server gives");
    let entities = resource["entity"].as_array().unwrap();
    assert_eq!(entities[0]["what"]["reference"], format!("Patient/{}", patient(5)));
    assert_eq!((&entities[0]["type"]["code"], &entities[0]["role"]["code"]), (&json!("1"), &json!("1")));
    assert_eq!((&entities[1]["type"]["code"], &entities[1]["role"]["code"]), (&json!("2"), &json!("4")));
    assert_eq!(entities[2]["type"]["code"], "XrequestId");
    assert_eq!(entities[2]["what"]["identifier"]["value"], event.id.correlation.to_string());
}

#[test]
fn every_person_disclosed_has_a_resource() {
    let subjects = vec![patient(1), patient(2), patient(3)];
    let mut event = disclosed(clinic(1), 1);
    event.ask.action = Action::Search;
    event.ask.subject = None;
    event.ask.target = None;
    event.outcome = Outcome::Disclosed { subjects: subjects.clone(), counts: Vec::new() };
    let resources = export(&event);
    assert_eq!(resources.len(), 3);
    for (resource, subject) in resources.iter().zip(subjects) {
        check(resource);
        let people: Vec<_> = resource["entity"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entity| entity["role"]["code"] == "1")
            .collect();
        assert_eq!(people.len(), 1, "one person each");
        assert_eq!(people[0]["what"]["reference"], format!("Patient/{subject}"));
        assert_eq!(agent(resource, "110153")["who"]["display"], "client", "the query flows from the client");
        let query = resource["entity"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entity| entity["role"]["code"] == "24")
            .unwrap();
        assert_eq!(query["_query"]["extension"][0]["valueCode"], "masked");
    }
}

#[test]
fn actions_and_outcomes_have_their_codes() {
    let actions = [
        (Action::Create, "C", "create", "AUT"),
        (Action::Update, "U", "update", "AUT"),
        (Action::Delete, "D", "delete", "AUT"),
        (Action::ReadChart, "E", "operation", "IRCP"),
        (Action::List, "E", "search", "IRCP"),
    ];
    for (action, letter, interaction, part) in actions {
        let mut event = allowed(clinic(1), 1);
        event.ask.action = action;
        let resource = one(&event);
        assert_eq!(
            (&resource["action"], &resource["subtype"][0]["code"]),
            (&json!(letter), &json!(interaction))
        );
        agent(&resource, part);
    }
    let outcomes = [
        (Outcome::Denied("role".into()), "4", Some("role")),
        (Outcome::NotFound, "4", Some("not found")),
        (Outcome::Unconfirmed, "8", Some("cut off while it was committed: it may have happened")),
        (Outcome::Written { subjects: Vec::new(), counts: Vec::new(), events: 0 }, "0", None),
    ];
    for (outcome, code, description) in outcomes {
        let resource = one(&AuditEvent { outcome, ..allowed(clinic(1), 1) });
        assert_eq!(
            (resource["outcome"].as_str(), resource["outcomeDesc"].as_str()),
            (Some(code), description)
        );
    }
}

#[test]
fn a_sign_in_is_dicoms_login_and_nobody_is_anonymous_by_mistake() {
    let mut event = allowed(clinic(1), 1);
    event.ask.action = Action::Enter;
    event.ask.subject = None;
    event.ask.target = None;
    event.outcome = Outcome::Noted("signed-in".into());
    let resource = one(&event);
    assert_eq!(
        (&resource["type"]["code"], &resource["subtype"][0]["code"]),
        (&json!("110114"), &json!("110122"))
    );
    let job = Actor::System { job: "import".into(), role: "SYSTEM".parse().unwrap() };
    assert_eq!(one(&AuditEvent { actor: job, ..event.clone() })["agent"][0]["who"]["display"], "import");
    assert_eq!(
        one(&AuditEvent { actor: Actor::Anonymous, ..event })["agent"][0]["who"]["display"],
        "anonymous"
    );
    let strange =
        AuditEvent { rule: Some("r1".into()), emergency: true, of: Some(id(1, 0)), ..allowed(clinic(1), 1) };
    assert!(one(&strange).to_string().contains("\"emergency\""));
}
