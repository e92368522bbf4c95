//! Value objects: whatever is read is either refused or reads back as itself.
#![allow(clippy::unwrap_used, missing_docs)]

use healthcare_core::{
    ClinicId, Currency, Email, Id, Money, Phone, Purpose, RecordNumber, Role, TraceContext,
};
use proptest::prelude::*;
use std::{fmt::Debug, str::FromStr};

fn stable<T: FromStr + PartialEq + Debug>(text: &str, write: impl Fn(&T) -> String) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(write(&value).parse::<T>().ok().as_ref(), Some(&value));
    }
}

proptest! {
    #[test]
    fn reading_any_text_gives_a_value_or_an_error(text in "\\PC{0,80}") {
        stable::<Email>(&text, |v| v.as_str().to_owned());
        stable::<Phone>(&text, |v| v.as_str().to_owned());
        stable::<RecordNumber>(&text, |v| v.as_str().to_owned());
        stable::<Currency>(&text, ToString::to_string);
        stable::<Role>(&text, ToString::to_string);
        stable::<Purpose>(&text, ToString::to_string);
        stable::<TraceContext>(&text, ToString::to_string);
        stable::<ClinicId>(&text, ToString::to_string);
    }

    #[test]
    fn addresses_of_the_usual_form_are_read(local in "[a-z][a-z0-9.+-]{0,20}[a-z0-9]", domain in "[a-z]{1,10}\\.[a-z]{2,5}") {
        prop_assume!(!local.contains(".."));
        let text = format!("{local}@{domain}");
        let read: Email = text.parse().unwrap();
        prop_assert_eq!(read.as_str(), text);
    }

    #[test]
    fn sums_are_exact_or_refused(a: i64, b: i64) {
        let euro: Currency = "EUR".parse().unwrap();
        let sum = Money::new(a, euro).checked_add(Money::new(b, euro)).ok().map(|sum| sum.minor());
        prop_assert_eq!(sum, a.checked_add(b));
    }
}

#[test]
fn what_is_not_one_is_refused() {
    for bad in [
        "", "@", "a@b", "a@@b.c", "a b@c.de", "a@-b.de", "a@b..de", ".a@b.de", "a.@b.de", "ä@b.de",
        "a@b.de\n",
    ] {
        assert!(bad.parse::<Email>().is_err(), "{bad:?}");
    }
    for bad in
        ["", "+", "442079460018", "+044 207", "+1234567", "+1234567890123456", "+44 20 79x6", "+٤٤٢٠٧٩٤٦٠٠"]
    {
        assert!(bad.parse::<Phone>().is_err(), "{bad:?}");
    }
    for bad in ["", "018F6C3E7B1A7C3D9E550242AC120002", "{018f6c3e-7b1a-7c3d-9e55-0242ac120002}", "018f6c3e"]
    {
        assert!(bad.parse::<Id<()>>().is_err(), "one id has one spelling: {bad:?}");
    }
    for bad in ["doctor", "D", "DOCTOR ", "1DOCTOR", "DÖCTOR"] {
        assert!(bad.parse::<Role>().is_err(), "{bad:?}");
    }
}

#[test]
fn personal_values_are_not_debugged() {
    let shown = format!(
        "{:?} {:?} {:?}",
        "canary@example.org".parse::<Email>().unwrap(),
        "+442079460018".parse::<Phone>().unwrap(),
        "CANARY-1".parse::<RecordNumber>().unwrap()
    );
    assert!(!shown.to_lowercase().contains("canary") && !shown.contains("7946"), "{shown}");
}
