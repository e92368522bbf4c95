//! The two messages: as little as FHIR R4 lets an inquiry hold, and what is looked at of an answer.

use super::client::Failure;
use healthcare_core::{CoverageAnswer, CoverageInquiry};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// What is posted. The same for each try of one inquiry.
pub(super) fn request(inquiry: &CoverageInquiry, number: Uuid, now: Timestamp) -> Vec<u8> {
    let organization = format!("Organization/{}", inquiry.clinic);
    let message = json!({
        "resourceType": "CoverageEligibilityRequest",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{number}")}],
        "status": "active",
        "purpose": ["validation"],
        "patient": {"reference": reference(inquiry)},
        "servicedDate": inquiry.day.to_string(),
        "created": now.to_string(),
        "provider": {"reference": organization},
        "insurer": {"identifier": {"value": inquiry.insurer}},
    });
    message.to_string().into_bytes()
}

fn reference(inquiry: &CoverageInquiry) -> String {
    format!("Patient/{}", inquiry.patient)
}

/// What is looked at of a `CoverageEligibilityResponse`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    resource_type: String,
    outcome: String,
    patient: Reference,
    #[serde(default)]
    insurance: Vec<Insurance>,
}

#[derive(Deserialize)]
struct Reference {
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Insurance {
    inforce: Option<bool>,
}

/// What the payer says, if it says anything of whom it was asked about.
pub(super) fn answer(body: &[u8], inquiry: &CoverageInquiry) -> Result<CoverageAnswer, Failure> {
    let answer: Answer = serde_json::from_slice(body).map_err(|_| Failure::wrong("payer.unreadable"))?;
    if answer.resource_type != "CoverageEligibilityResponse" {
        return Err(Failure::wrong("payer.unreadable"));
    }
    let (of, asked) = (answer.patient.reference.unwrap_or_default(), reference(inquiry));
    if of != asked && !of.ends_with(&format!("/{asked}")) {
        return Err(Failure::wrong("payer.other-patient"));
    }
    match answer.outcome.as_str() {
        "complete" | "partial" => {}
        // It will know later; whoever books does not wait that long.
        "queued" => return Err(Failure::ignored("payer.queued")),
        _ => return Err(Failure::ignored("payer.error")),
    }
    let said = |force| answer.insurance.iter().any(|insurance| insurance.inforce == Some(force));
    match (said(true), said(false)) {
        (true, _) => Ok(CoverageAnswer::InForce),
        (false, true) => Ok(CoverageAnswer::NotInForce),
        (false, false) => Err(Failure::ignored("payer.undecided")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use healthcare_core::{ClinicId, Id};
    use serde_json::Value as Json;

    fn inquiry() -> CoverageInquiry {
        CoverageInquiry::new(ClinicId::random(), Id::random(), "2026-03-03".parse().unwrap(), "acme")
    }

    #[test]
    fn an_inquiry_holds_ids_and_a_day() {
        let (inquiry, number) = (inquiry(), Uuid::now_v7());
        let sent: Json = serde_json::from_slice(&request(&inquiry, number, Timestamp::UNIX_EPOCH)).unwrap();
        let expected = json!({
            "resourceType": "CoverageEligibilityRequest",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{number}")}],
            "status": "active",
            "purpose": ["validation"],
            "patient": {"reference": format!("Patient/{}", inquiry.patient)},
            "servicedDate": "2026-03-03",
            "created": "1970-01-01T00:00:00Z",
            "provider": {"reference": format!("Organization/{}", inquiry.clinic)},
            "insurer": {"identifier": {"value": "acme"}},
        });
        assert_eq!(sent, expected, "nothing else");
    }

    #[test]
    fn only_an_answer_about_whom_was_asked_is_one() {
        let inquiry = inquiry();
        let mine = format!("Patient/{}", inquiry.patient);
        let said = |of: &str, outcome: &str, insurance: Json| {
            let body = json!({"resourceType": "CoverageEligibilityResponse", "outcome": outcome,
                "patient": {"reference": of}, "insurance": insurance, "disposition": "ignored"});
            answer(body.to_string().as_bytes(), &inquiry).map_err(|failure| failure.reason)
        };
        let (yes, no) = (json!([{"inforce": true}]), json!([{"inforce": false}]));
        assert_eq!(said(&mine, "complete", yes.clone()), Ok(CoverageAnswer::InForce));
        assert_eq!(said(&mine, "complete", no.clone()), Ok(CoverageAnswer::NotInForce));
        assert_eq!(
            said(&mine, "partial", json!([{"inforce": false}, {"inforce": true}])),
            Ok(CoverageAnswer::InForce)
        );
        let absolute = format!("https://clinic.example/fhir/{mine}");
        assert_eq!(said(&absolute, "complete", yes.clone()), Ok(CoverageAnswer::InForce));
        for (of, outcome, insurance, reason) in [
            (mine.as_str(), "queued", yes.clone(), "payer.queued"),
            (&mine, "error", yes.clone(), "payer.error"),
            (&mine, "complete", json!([]), "payer.undecided"),
            (&mine, "complete", json!([{}]), "payer.undecided"),
            ("Patient/somebody-else", "complete", yes.clone(), "payer.other-patient"),
            (&format!("X{mine}"), "complete", yes.clone(), "payer.other-patient"),
            ("", "complete", yes, "payer.other-patient"),
        ] {
            assert_eq!(said(of, outcome, insurance), Err(reason), "{of} {outcome}");
        }
        for body in ["", "[]", "{}", "null", r#"{"resourceType":"OperationOutcome","issue":[]}"#] {
            assert_eq!(answer(body.as_bytes(), &inquiry).unwrap_err().reason, "payer.unreadable", "{body}");
        }
        let other = json!({"resourceType": "Coverage", "outcome": "complete", "patient": {"reference": mine},
            "insurance": no});
        let other = answer(other.to_string().as_bytes(), &inquiry).unwrap_err();
        assert_eq!(other.reason, "payer.unreadable");
    }
}
