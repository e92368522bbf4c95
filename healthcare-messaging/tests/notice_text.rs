//! Texts to patients hold a clinic's name and a time, and nothing else.
#![cfg(feature = "notify")]
#![allow(clippy::unwrap_used, missing_docs)]

use healthcare_core::{Clinic, ClinicId, Id, clinic};
use healthcare_messaging::{ClinicName, NoticeValues, Template, TemplateError, VisitTime};

fn named(name: &str) -> Clinic {
    let id = ClinicId::random();
    let plain = clinic::Plain {
        name: name.to_owned(),
        slug: "quay".to_owned(),
        zone: "America/New_York".parse().unwrap(),
        active: true,
        plugins: "{}".to_owned(),
    };
    Clinic::new(Id::from_uuid(id.as_uuid()), id, plain, clinic::Protected {})
}

fn values(clinic: &Clinic, starts: &str) -> NoticeValues {
    NoticeValues {
        clinic: ClinicName::of(clinic),
        visit: VisitTime::new(starts.parse().unwrap(), &clinic.zone),
    }
}

#[test]
fn values_stand_in_their_places() {
    let template = Template::new("{clinic}: {day}", "At {time} ({zone}), {clinic}.\n").unwrap();
    let text = template.render(&values(&named("Quay Practice"), "2026-07-01T13:05:00Z"));
    assert_eq!(text.subject(), "Quay Practice: Wednesday, 1 July 2026");
    assert_eq!(text.text(), "At 09:05 (America/New_York), Quay Practice.\n");
}

/// The day is the one that the clinic's calendar shows, also where the clocks have just been changed.
#[test]
fn the_time_is_the_clinics() {
    let template = Template::new("-", "{day} {time}").unwrap();
    for (instant, shown) in [
        ("2026-03-08T06:59:00Z", "Sunday, 8 March 2026 01:59"),
        ("2026-03-08T07:00:00Z", "Sunday, 8 March 2026 03:00"),
        ("2026-11-01T05:30:00Z", "Sunday, 1 November 2026 01:30"),
        ("2027-01-01T04:59:00Z", "Thursday, 31 December 2026 23:59"),
    ] {
        assert_eq!(template.render(&values(&named("Quay"), instant)).text(), shown);
    }
}

#[test]
fn no_other_value_can_be_asked_for() {
    for text in ["{patient}", "{reason}", "{", "}{", "{clinic", "{ clinic }", "{Clinic}", "{{clinic}}"] {
        assert_eq!(Template::new("Subject", text), Err(TemplateError::Unknown), "{text}");
        assert!(Template::new(text, "Text").is_err(), "{text}");
    }
    assert_eq!(Template::new("", "Text"), Err(TemplateError::Subject));
    assert_eq!(Template::new("A\nBcc: x@y.example", "Text"), Err(TemplateError::Subject));
    assert!(Template::new("}", "} is a letter like others").is_ok());
}

/// A clinic names itself; its name cannot begin another header, and does not fill the screen.
#[test]
fn a_name_stays_on_its_line() {
    let template = Template::new("{clinic}", "{clinic}").unwrap();
    let text = template.render(&values(&named("Quay\r\nBcc: eve@quay.example"), "2026-07-01T13:05:00Z"));
    assert_eq!(text.subject(), "Quay  Bcc: eve@quay.example");
    // What looks like a place of a value is none: values are put in once.
    let text = template.render(&values(&named("{day}"), "2026-07-01T13:05:00Z"));
    assert_eq!(text.text(), "{day}");
    let text = template.render(&values(&named(&"long ".repeat(200)), "2026-07-01T13:05:00Z"));
    assert!(text.subject().len() <= 80);
}
