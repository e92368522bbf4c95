//! Export as FHIR R4 [`AuditEvent`](https://hl7.org/fhir/R4/auditevent.html) resources, along the lines of IHE Basic Audit Log
//! Patterns ([BALP](https://profiles.ihe.net/ITI/BALP/)): one resource for each person concerned.
//!
//! ```
//! use healthcare_audit::{fhir::{Site, audit_events}, testing::{clinic, disclosed}};
//! let site = Site { observer: "clinic.example".to_owned() };
//! let resources = audit_events(&disclosed(clinic(1), 1), &site);
//! assert_eq!(resources[0]["resourceType"], "AuditEvent");
//! assert_eq!(resources[0]["action"], "R");
//! ```

mod codes;

use codes::Coding;
use healthcare_core::{Action, Actor, AuditEvent, Outcome};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Who recorded the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The recording system, as its users know it: a host name.
    pub observer: String,
}

/// The resources that say what an event says: one for each person concerned, or one when it concerns nobody.
///
/// Search terms are not in the log, so a query's text is marked as masked. `outcome` is 0 for what was done, 4 for what was refused
/// or not found, and 8 for what may have been done.
#[must_use]
pub fn audit_events(event: &AuditEvent, site: &Site) -> Vec<Value> {
    let subjects = subjects(event);
    if subjects.is_empty() {
        return vec![resource(event, site, None)];
    }
    subjects.into_iter().map(|subject| resource(event, site, Some(subject))).collect()
}

fn subjects(event: &AuditEvent) -> Vec<Uuid> {
    match &event.outcome {
        Outcome::Disclosed { subjects, .. } | Outcome::Written { subjects, .. } if !subjects.is_empty() => {
            subjects.clone()
        }
        _ => event.ask.subject.into_iter().collect(),
    }
}

fn resource(event: &AuditEvent, site: &Site, subject: Option<Uuid>) -> Value {
    let (kind, subtype) = codes::event_type(event.ask.action, &event.outcome);
    let (outcome, description) = codes::outcome(&event.outcome);
    let mut resource = json!({
        "resourceType": "AuditEvent",
        "type": kind.value(),
        "action": codes::action(event.ask.action),
        "recorded": event.at.to_string(),
        "outcome": outcome,
        "agent": agents(event, site),
        "source": {
            "site": event.clinic.to_string(),
            "observer": {"display": site.observer},
            "type": [codes::APPLICATION_SERVER.value()],
        },
        "entity": entities(event, subject),
    });
    if let Some(fields) = resource.as_object_mut() {
        insert(fields, "subtype", subtype.map(|code| json!([code.value()])));
        insert(fields, "outcomeDesc", description.map(Value::String));
        insert(fields, "purposeOfEvent", purpose(event));
    }
    resource
}

fn insert(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value);
    }
}

fn purpose(event: &AuditEvent) -> Option<Value> {
    let purpose = event.purpose.as_ref()?;
    Some(json!([{"coding": [{"system": codes::ACT_REASON, "code": purpose.as_str()}]}]))
}

/// Whoever asked, the program they asked through, and the server that answered.
fn agents(event: &AuditEvent, site: &Site) -> Vec<Value> {
    let action = event.ask.action;
    let (client, server) = codes::roles(action);
    let mut asking = json!({"type": concept(client), "requestor": false, "who": {"display": "client"}});
    if let (Some(address), Some(fields)) = (event.source, asking.as_object_mut()) {
        fields.insert("network".to_owned(), json!({"address": address.to_string(), "type": "2"}));
    }
    let answering = json!({
        "type": concept(server),
        "requestor": false,
        "who": {"display": site.observer},
        "network": {"address": site.observer, "type": "1"},
    });
    vec![requestor(event), asking, answering]
}

fn requestor(event: &AuditEvent) -> Value {
    let mut agent = Map::new();
    agent.insert("type".to_owned(), concept(codes::participation(event.ask.action)));
    agent.insert("requestor".to_owned(), Value::Bool(true));
    let who = match &event.actor {
        Actor::User { id, profile, .. } => {
            match profile.as_ref().and_then(|it| codes::reference(&it.kind, it.id)) {
                Some(reference) => json!({"reference": reference, "identifier": urn(id.as_uuid())}),
                None => json!({"identifier": urn(id.as_uuid())}),
            }
        }
        Actor::System { job, .. } => json!({"display": job}),
        _ => json!({"display": "anonymous"}),
    };
    agent.insert("who".to_owned(), who);
    let roles: Vec<Value> = event.actor.roles().iter().map(|role| json!({"text": role.as_str()})).collect();
    insert(&mut agent, "role", (!roles.is_empty()).then_some(Value::Array(roles)));
    insert(&mut agent, "purposeOfUse", purpose(event));
    Value::Object(agent)
}

fn concept(code: Coding) -> Value {
    json!({"coding": [code.value()]})
}

/// An id as RFC 4122 and FHIR write it.
fn urn(id: Uuid) -> Value {
    json!({"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{id}")})
}

fn entities(event: &AuditEvent, subject: Option<Uuid>) -> Vec<Value> {
    let mut entities = Vec::new();
    if let Some(subject) = subject {
        entities.push(json!({
            "what": {"reference": format!("Patient/{subject}")},
            "type": codes::PERSON.value(),
            "role": codes::PATIENT.value(),
        }));
    }
    if let Some(target) = event.ask.target {
        let what = match codes::reference(&event.ask.kind, target) {
            Some(reference) => json!({"reference": reference}),
            None => json!({"identifier": urn(target)}),
        };
        entities.push(json!({
            "what": what,
            "type": codes::SYSTEM_OBJECT.value(),
            "role": codes::DOMAIN_RESOURCE.value(),
        }));
    }
    if matches!(event.ask.action, Action::List | Action::Search) {
        entities.push(json!({
            "type": codes::SYSTEM_OBJECT.value(),
            "role": codes::QUERY.value(),
            "_query": {"extension": [{"url": codes::DATA_ABSENT, "valueCode": "masked"}]},
        }));
    }
    let mut transaction = json!({
        "what": {"identifier": {"value": event.id.correlation.to_string()}},
        "type": codes::X_REQUEST_ID.value(),
    });
    let details = details(event);
    if let Some(fields) = transaction.as_object_mut() {
        insert(fields, "detail", (!details.is_empty()).then_some(Value::Array(details)));
    }
    entities.push(transaction);
    entities
}

/// What R4 has no element for.
fn details(event: &AuditEvent) -> Vec<Value> {
    let mut details = vec![json!({"type": "event", "valueString": event.id.to_string()})];
    let mut say = |name: &str, value: Option<String>| {
        details.extend(value.map(|value| json!({"type": name, "valueString": value})));
    };
    say("decision", event.of.map(|id| id.to_string()));
    say("rule", event.rule.as_ref().map(ToString::to_string));
    say("trace", event.trace.as_ref().map(ToString::to_string));
    say("emergency", event.emergency.then(|| "true".to_owned()));
    details
}
