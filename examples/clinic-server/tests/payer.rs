//! A payer that is asked over HTTP: one that answers, and one that is slow, broken, endless, elsewhere or away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;
mod payer_desk;

use clinic_server::{
    config::EligibilityConfig,
    payer::{FhirPayer, PayerTimes},
};
use common::{Client, HARBOUR, Site};
use healthcare_core::{
    ClinicId, CoverageAnswer, CoverageInquiry, Id, Patient, Payer as _, SystemClock, Unanswered,
};
use healthcare_resilience::BreakerState;
use payer_desk::{Desk, Reply};
use serde_json::{Value as Json, json};
use std::{sync::Arc, time::Duration};

on_both_databases!(a_booking_says_why_it_is_refused);

/// A class, how often the inquiry is sent, and what each is answered with.
type Case = (&'static str, usize, fn() -> Reply);

/// Nobody waits for these in a test that passes.
const LONG: PayerTimes = PayerTimes { try_max: Duration::from_secs(60), all_max: Duration::from_secs(120) };

fn payer(url: &str, times: PayerTimes) -> FhirPayer {
    let config = EligibilityConfig {
        url: url.parse().unwrap(),
        authorization: Some("Bearer geheim".parse().unwrap()),
    };
    FhirPayer::new(config, times, Arc::new(SystemClock::default())).unwrap()
}

fn inquiry() -> CoverageInquiry {
    CoverageInquiry::new(ClinicId::random(), Id::<Patient>::random(), "2026-03-03".parse().unwrap(), "acme")
}

/// An answer about whoever was asked about.
fn inforce(asked: &Json, inforce: bool) -> Reply {
    Reply::json(&json!({"resourceType": "CoverageEligibilityResponse", "outcome": "complete",
        "patient": asked["patient"], "insurance": [{"inforce": inforce}]}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_payer_over_http_keeps_the_contract() {
    let inquiries = [inquiry(), inquiry(), inquiry()];
    let known = inquiries.clone().map(|inquiry| json!(format!("Patient/{}", inquiry.patient)));
    let desk = Desk::open(move |_, asked| match &asked["patient"]["reference"] {
        of if *of == known[0] => inforce(asked, true),
        of if *of == known[1] => inforce(asked, false),
        _ => Reply::status(404, ""),
    })
    .await;
    healthcare_core::testing::payer(Arc::new(payer(&desk.url(), LONG)), inquiries).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inquiry_shows_its_token_and_a_number_that_every_try_has() {
    let desk = Desk::open(|nth, asked| match nth {
        0 => Reply::status(503, "retry-after: 0\r\n"),
        _ => inforce(asked, true),
    })
    .await;
    let asked = inquiry();
    assert_eq!(payer(&desk.url(), LONG).ask(&asked).await, Ok(CoverageAnswer::InForce));
    let heard = desk.heard();
    assert_eq!(heard.len(), 2, "it was busy, and was asked again");
    assert_eq!((heard[0].head(), &heard[0].body), (heard[1].head(), &heard[1].body), "the same inquiry");
    let head = heard[0].head();
    assert!(head.starts_with("post /fhir/coverageeligibilityrequest http/1.1"), "{head}");
    for line in ["authorization: bearer geheim", "content-type: application/fhir+json"] {
        assert!(head.contains(line), "{line}: {head}");
    }
    let number = heard[0].body["identifier"][0]["value"].as_str().unwrap().replace("urn:uuid:", "");
    assert!(head.contains(&format!("idempotency-key: {number}")), "{head}");
    assert_eq!(heard[0].body["patient"]["reference"], format!("Patient/{}", asked.patient));

    assert!(payer(&desk.url(), LONG).ask(&asked).await.is_ok());
    assert_ne!(desk.heard()[2].body["identifier"], heard[0].body["identifier"], "another inquiry");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_answer_is_told_by_what_was_wrong_and_sent_again_where_that_may_help() {
    let html = || Reply::typed("text/html", b"<p>Canary is covered</p>".to_vec());
    let other = || {
        Reply::json(&json!({"resourceType": "CoverageEligibilityResponse", "outcome": "complete",
            "patient": {"reference": "Patient/somebody-else"}, "insurance": [{"inforce": true}]}))
    };
    let long = || Reply::typed("application/fhir+json", vec![b' '; (64 << 10) + 1]);
    let cases: [Case; 3] =
        [("payer.no-json", 1, html), ("payer.other-patient", 1, other), ("payer.too-long", 1, long)];
    let more: [Case; 9] = [
        ("payer.redirect", 1, || Reply::status(307, "location: /elsewhere\r\n")),
        ("payer.not-let-in", 1, || Reply::status(401, "")),
        ("payer.status", 1, || Reply::status(422, "")),
        ("payer.status", 1, || Reply::status(501, "")),
        ("payer.status", 2, || Reply::status(500, "")),
        ("payer.unreadable", 1, || Reply::typed("application/json", b"{".to_vec())),
        ("payer.unreachable", 2, || Reply::Close),
        ("payer.cut-off", 2, || Reply::CutOff),
        ("payer.too-long", 1, || Reply::Endless),
    ];
    for (class, sent, reply) in cases.into_iter().chain(more) {
        let desk = Desk::open(move |_, _| reply()).await;
        let asked = payer(&desk.url(), LONG).ask(&inquiry()).await;
        assert_eq!(asked, Err(Unanswered(class)));
        assert_eq!(desk.heard().len(), sent, "{class}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_that_is_slow_is_asked_twice_and_not_waited_for() {
    let times = PayerTimes { try_max: Duration::from_millis(100), all_max: Duration::from_secs(30) };
    for reply in [Reply::Hang, Reply::Drip] {
        let said = reply.clone();
        let desk = Desk::open(move |_, _| said.clone()).await;
        assert_eq!(payer(&desk.url(), times).ask(&inquiry()).await, Err(Unanswered("payer.slow")));
        assert_eq!(desk.heard().len(), 2, "{reply:?}");
    }
    // The deadline of all tries together.
    let times = PayerTimes { try_max: Duration::from_millis(250), all_max: Duration::from_millis(300) };
    let desk = Desk::open(|_, _| Reply::Hang).await;
    assert_eq!(payer(&desk.url(), times).ask(&inquiry()).await, Err(Unanswered("payer.slow")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_said_before_the_payers_certificate_is_known() {
    let desk = Desk::open(|_, asked| inforce(asked, true)).await;
    let url = desk.url().replace("http://", "https://");
    assert_eq!(payer(&url, LONG).ask(&inquiry()).await, Err(Unanswered("payer.unreachable")));
    assert!(desk.heard().is_empty());
    let raw = desk.raw();
    assert!(!raw.is_empty(), "it was reached");
    for word in ["geheim", "Patient", "Coverage", "POST"] {
        assert!(!raw.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{word}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_that_fails_is_left_alone_and_one_that_says_no_is_not() {
    let desk = Desk::open(|nth, asked| if nth < 30 { inforce(asked, false) } else { Reply::Close }).await;
    let payer = payer(&desk.url(), LONG);
    for _ in 0..30 {
        assert_eq!(payer.ask(&inquiry()).await, Ok(CoverageAnswer::NotInForce));
    }
    assert_eq!(payer.breaker().state(), BreakerState::Closed);
    let mut asked = Ok(CoverageAnswer::InForce);
    for _ in 0..60 {
        asked = payer.ask(&inquiry()).await;
    }
    assert_eq!(asked, Err(Unanswered("payer.not-asked")));
    assert_eq!(payer.breaker().state(), BreakerState::Open);
    let sent = desk.heard().len();
    assert!(payer.ask(&inquiry()).await.is_err());
    assert_eq!(desk.heard().len(), sent, "nothing is sent while it is open");
}

/// A weekday's start in ten days or so, at this hour of the clinic's morning.
fn start(hour: i8) -> String {
    let far = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 10))
        .to_zoned(jiff::tz::TimeZone::UTC);
    far.date().nth_weekday(1, jiff::civil::Weekday::Tuesday).unwrap().at(hour, 0, 0, 0).to_string()
}

async fn a_booking_says_why_it_is_refused(mut site: Site) {
    let desk = Desk::open(|nth, asked| match nth {
        0 => inforce(asked, false),
        1 => inforce(asked, true),
        _ => Reply::status(501, ""),
    })
    .await;
    site.config.eligibility =
        Some(EligibilityConfig { url: desk.url().parse().unwrap(), authorization: None });
    let running = site.start().await;
    let clinic: ClinicId = HARBOUR.parse().unwrap();
    let set = |rules: &str| {
        running.server.plugins.configure(clinic, &format!(r#"{{"eligibility": {rules}}}"#)).unwrap();
    };
    let client = Client::signed_in(running.address, "receptionist@harbour.example").await;
    let first = async |path: &str| client.get(path).await.expect(200).json()["items"][0]["id"].clone();
    let (patient, practitioner, location) = (
        first("/api/v1/patients").await,
        first("/api/v1/practitioners").await,
        first("/api/v1/locations").await,
    );
    let book = async |hour: i8, rules: &str| {
        // What is set by hand holds for half a minute, and is then read from the clinic's record.
        set(rules);
        let body = json!({"patient_id": patient, "practitioner_id": practitioner, "location_id": location,
            "service": "consultation", "start": start(hour), "note": "a canary note"});
        client.post("/api/v1/appointments", &body).await
    };

    let (strict, lenient) = (
        r#"{"coverage": {"insurer": "acme"}}"#,
        r#"{"coverage": {"insurer": "acme", "book_unanswered": true}}"#,
    );
    book(9, "{}").await.expect(201);
    assert!(desk.heard().is_empty(), "the clinic has not asked for it");
    let no = book(10, strict).await.expect(422);
    assert_eq!(no.code(), "APPOINTMENT_REFUSED");
    assert!(no.body.contains("what the payer confirms"), "{}", no.body);
    book(10, strict).await.expect(201);
    let away = book(11, strict).await.expect(422);
    assert!(away.body.contains("try again later"), "{}", away.body);
    book(11, lenient).await.expect(201);

    let heard = desk.heard();
    assert_eq!(heard.len(), 4);
    for heard in &heard {
        assert_eq!(
            heard.body["patient"]["reference"],
            json!(format!("Patient/{}", patient.as_str().unwrap()))
        );
        assert!(
            !heard.text().contains("canary") && !heard.text().contains("consultation"),
            "{}",
            heard.text()
        );
    }
    let report = running.server.app.health.details().await;
    assert!(format!("{report:?}").contains("eligibility"), "its circuit is among the components");
    running.stop().await;
}
