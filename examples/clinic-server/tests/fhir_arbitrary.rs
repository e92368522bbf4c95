//! Whatever the bytes, reading them ends in a bundle or in an error that repeats nothing of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use clinic_server::fhir::{Bundle, Kind, Limits, read_bundle};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The words that decide what a resource is read as, so that arbitrary trees reach the readers behind them.
const WORDS: [&str; 40] = [
    "resourceType",
    "id",
    "status",
    "code",
    "coding",
    "system",
    "display",
    "text",
    "subject",
    "patient",
    "reference",
    "participant",
    "individual",
    "period",
    "start",
    "end",
    "class",
    "type",
    "valueQuantity",
    "value",
    "unit",
    "component",
    "name",
    "family",
    "given",
    "birthDate",
    "telecom",
    "address",
    "line",
    "identifier",
    "encounter",
    "vaccineCode",
    "intent",
    "medicationCodeableConcept",
    "dosageInstruction",
    "verificationStatus",
    "effectiveDateTime",
    "modifierExtension",
    "use",
    "serviceProvider",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(
            &[
                "final",
                "2019-05-31",
                "2019-05-31T10:00:00Z",
                "Patient/1",
                "urn:uuid:1",
                "1",
                "entered-in-error"
            ][..]
        )
        .prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&WORDS[..]), inner), 0..6).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

fn resource() -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec((prop::sample::select(&WORDS[..]), tree()), 0..10);
    (prop::sample::select(&Kind::ALL[..]), fields).prop_map(|(kind, fields)| {
        let mut object: Map<String, Value> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        object.insert("resourceType".into(), kind.as_str().into());
        object.entry("id").or_insert_with(|| "x".into());
        Value::Object(object)
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = read_bundle(bytes.as_slice(), &Limits::default());
    }

    #[test]
    fn bytes_that_begin_like_gzip_never_panic(tail in prop::collection::vec(any::<u8>(), 0..512)) {
        let bytes = [&[0x1f, 0x8b, 0x08][..], &tail].concat();
        let _ = read_bundle(bytes.as_slice(), &Limits::default());
    }

    #[test]
    fn arbitrary_json_never_panics(value in tree()) {
        let _ = Bundle::parse(value.to_string().as_bytes(), &Limits::default());
    }

    #[test]
    fn arbitrary_resources_are_read_or_refused_without_an_echo(resources in prop::collection::vec(resource(), 0..4)) {
        let entries: Vec<_> = resources.iter().map(|resource| json!({"resource": resource})).collect();
        let text = json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string();
        match Bundle::parse(text.as_bytes(), &Limits::default()) {
            Ok(bundle) => prop_assert_eq!(bundle.entries.len(), resources.len()),
            Err(error) => {
                let printed = format!("{error} {error:?}");
                // Long enough not to be part of the message by chance.
                for field in text.split('"').filter(|part| part.len() > 8 && part.bytes().any(|b| !b.is_ascii_alphanumeric())) {
                    prop_assert!(!printed.contains(field), "{field} in {printed}");
                }
            }
        }
    }
}
