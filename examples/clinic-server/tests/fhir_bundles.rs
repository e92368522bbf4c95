//! What becomes of a bundle's entries, and what it takes to be refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use clinic_server::fhir::{
    Bundle, BundleError, Content, Kind, Limits, Problem, Reason, Resource, read_bundle,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::io::Write;

const SECRET: &str = "Zebrowski-Canary";

fn bundle(entries: &[Value]) -> Vec<u8> {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries}).to_string().into_bytes()
}

fn entry(resource: Value) -> Value {
    json!({"resource": resource, "request": {"method": "POST"}})
}

fn parse(entries: &[Value]) -> Result<Bundle, BundleError> {
    Bundle::parse(&bundle(entries), &Limits::default())
}

fn reasons(entries: &[Value]) -> Vec<Option<Reason>> {
    let reason = |content: &Content| match content {
        Content::LeftOut(_, reason) => Some(*reason),
        Content::Resource(..) => None,
    };
    parse(entries).unwrap().entries.iter().map(|entry| reason(&entry.content)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn patient() -> Value {
    json!({"resourceType": "Patient", "id": "p1", "name": [{"family": SECRET, "given": ["Ada", null]}], "birthDate": "1987-04-30"})
}

fn encounter(id: &str) -> Value {
    json!({
        "resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": "Patient/p1"},
        "participant": [{"individual": {"reference": "urn:uuid:2d0a9b3e-0000-4000-8000-000000000001"}}],
        "period": {"start": "2019-05-31T10:00:00-04:00"},
    })
}

#[test]
fn each_reason_to_leave_an_entry_out() {
    let observation = |id: &str, more: Value| {
        let mut value = json!({
            "resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Weight"}, "subject": {"reference": "Patient/p1"},
        });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry(value)
    };
    let mut alone = encounter("e2");
    alone.as_object_mut().unwrap().remove("participant");
    let mut timeless = encounter("e3");
    timeless.as_object_mut().unwrap().remove("period");
    let found = reasons(&[
        observation("o1", json!({})),
        entry(patient()),
        entry(patient()),
        entry(json!({"resourceType": "Claim", "id": "c1"})),
        entry(encounter("e1")),
        entry(alone),
        entry(timeless),
        observation("o2", json!({"subject": null})),
        observation("o3", json!({"subject": {"reference": "Group/p1"}})),
        observation("o4", json!({"status": "entered-in-error"})),
        observation("o5", json!({"modifierExtension": [{"url": "http://example.org/not"}]})),
        json!({"request": {"method": "DELETE", "url": "Patient/p9"}}),
        json!({"resource": patient(), "request": {"method": "PATCH"}}),
    ]);
    let expected = [
        None,
        None,
        Some(Reason::Repeat),
        Some(Reason::UnsupportedType),
        None,
        Some(Reason::NoParticipant),
        Some(Reason::NoStart),
        Some(Reason::NoPatient),
        Some(Reason::NoPatient),
        Some(Reason::EnteredInError),
        Some(Reason::Modified),
        Some(Reason::Request),
        Some(Reason::Request),
    ];
    assert_eq!(found, expected);
}

#[test]
fn values_keep_their_precision_and_links_their_targets() {
    // A literal: serde_json::json! would print 1.50 as 1.5.
    let text = br#"{"resourceType":"Bundle","type":"batch","entry":[
        {"fullUrl":"urn:uuid:AAAA","resource":{"resourceType":"Patient"}},
        {"resource":{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},
          "subject":{"reference":"urn:uuid:AAAA"},"valueQuantity":{"value":1.50,"unit":"kg"}}}]}"#;
    let bundle = Bundle::parse(text, &Limits::default()).unwrap();
    let Content::Resource(_, Resource::Observation(observation)) = &bundle.entries[1].content else {
        panic!("an observation")
    };
    assert_eq!(observation.value_quantity.as_ref().unwrap().value.as_ref().unwrap().as_str(), "1.50");
    let link = bundle.link(observation.subject.as_ref().unwrap(), Kind::Patient).unwrap();
    assert_eq!((link.kind, link.id.as_str()), (Kind::Patient, "aaaa"));
    assert!(!bundle.is_directory());
    assert!(parse(&[entry(json!({"resourceType": "Practitioner", "id": "d"}))]).unwrap().is_directory());
}

#[test]
fn a_malformed_supported_resource_fails_the_bundle_and_is_named_by_position() {
    let broken: [(Value, Problem); 3] = [
        (
            json!({"resourceType": "Observation", "id": "x", "status": [SECRET]}),
            Problem::Shape { line: 1, column: 1 },
        ),
        (json!({"resourceType": "Patient", "id": format!("{SECRET} 1")}), Problem::NoIdentity),
        (
            json!({"resourceType": "Patient", "id": "p", "birthDate": "yesterday"}),
            Problem::Shape { line: 1, column: 1 },
        ),
    ];
    for (resource, problem) in broken {
        let error = parse(&[entry(patient()), entry(resource)]).unwrap_err();
        let BundleError::Entry { position: 2, problem: found, .. } = &error else { panic!("{error}") };
        assert_eq!(std::mem::discriminant(found), std::mem::discriminant(&problem));
        assert!(!format!("{error} {error:?}").contains(SECRET));
    }
    let unread = parse(&[json!({"request": {"method": "POST"}})]).unwrap_err();
    assert!(matches!(unread, BundleError::Entry { position: 1, problem: Problem::NotAnEntry, .. }));
}

#[test]
fn nothing_prints_what_it_read() {
    let bundle = parse(&[entry(patient()), entry(encounter("e1"))]).unwrap();
    let printed = format!("{bundle:?}");
    for value in [SECRET, "Ada", "1987", "p1", "2d0a9b3e"] {
        assert!(!printed.contains(value), "{value} in {printed}");
    }
}

#[test]
fn limits_refuse_the_whole_input() {
    let plain = bundle(&[entry(patient())]);
    let small = Limits { file_bytes: 100, bundle_bytes: 100, depth: 64, entries: 10 };
    assert!(matches!(read_bundle(plain.as_slice(), &small), Err(BundleError::FileTooLarge(100))));
    let roomy = Limits { file_bytes: 1 << 20, ..small };
    assert!(matches!(read_bundle(plain.as_slice(), &roomy), Err(BundleError::BundleTooLarge(100))));

    // 64 MiB of blanks fit into 64 KiB.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 17);
    let limits = Limits { bundle_bytes: 1 << 20, ..Limits::default() };
    assert!(matches!(read_bundle(bomb.as_slice(), &limits), Err(BundleError::BundleTooLarge(_))));

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(read_bundle(deep.as_bytes(), &Limits::default()), Err(BundleError::TooDeep(64))));

    let many = bundle(&vec![entry(json!({"resourceType": "Claim"})); 11]);
    let limits = Limits { entries: 10, ..Limits::default() };
    assert!(matches!(read_bundle(many.as_slice(), &limits), Err(BundleError::TooManyEntries(10))));
}

#[test]
fn what_is_not_a_bundle() {
    let refused = |text: &str| Bundle::parse(text.as_bytes(), &Limits::default()).unwrap_err();
    assert!(matches!(refused("{"), BundleError::Json { .. }));
    assert!(matches!(refused(""), BundleError::Json { .. }));
    assert!(matches!(refused("[]"), BundleError::NotABundle));
    assert!(matches!(refused(r#"{"resourceType":"Patient"}"#), BundleError::NotABundle));
    assert!(matches!(refused(r#"{"resourceType":"Bundle","type":"history"}"#), BundleError::BundleType));
    let torn = gzip(&bundle(&[entry(patient())]));
    assert!(matches!(read_bundle(&torn[..torn.len() - 9], &Limits::default()), Err(BundleError::Gzip)));
    let marked = [b"\xef\xbb\xbf".as_slice(), &bundle(&[])].concat();
    assert!(Bundle::parse(&marked, &Limits::default()).unwrap().entries.is_empty());
}
