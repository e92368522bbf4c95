//! The codes of the standards, each with its system.

use healthcare_core::{Action, Outcome};
use serde_json::{Value, json};
use uuid::Uuid;

/// A code of a system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coding {
    system: &'static str,
    code: &'static str,
    display: &'static str,
}

impl Coding {
    const fn new(system: &'static str, code: &'static str, display: &'static str) -> Self {
        Self { system, code, display }
    }

    pub(super) fn value(self) -> Value {
        json!({"system": self.system, "code": self.code, "display": self.display})
    }
}

/// HL7 v3 ActReason, which holds PurposeOfUse.
pub(super) const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// FHIR's extension for a value that is not given.
pub(super) const DATA_ABSENT: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";

const REST: Coding =
    Coding::new("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest", "RESTful Operation");
const AUTHENTICATION: Coding = Coding::new(DICOM, "110114", "User Authentication");
const LOGIN: Coding = Coding::new(DICOM, "110122", "Login");
const LOGOUT: Coding = Coding::new(DICOM, "110123", "Logout");
const SOURCE: Coding = Coding::new(DICOM, "110153", "Source Role ID");
const DESTINATION: Coding = Coding::new(DICOM, "110152", "Destination Role ID");
const RECIPIENT: Coding = Coding::new(PARTICIPATION, "IRCP", "information recipient");
const AUTHOR: Coding = Coding::new(PARTICIPATION, "AUT", "author (originator)");

pub(super) const APPLICATION_SERVER: Coding =
    Coding::new("http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server");
pub(super) const PERSON: Coding = Coding::new(ENTITY_TYPE, "1", "Person");
pub(super) const SYSTEM_OBJECT: Coding = Coding::new(ENTITY_TYPE, "2", "System Object");
pub(super) const PATIENT: Coding = Coding::new(OBJECT_ROLE, "1", "Patient");
pub(super) const DOMAIN_RESOURCE: Coding = Coding::new(OBJECT_ROLE, "4", "Domain Resource");
pub(super) const QUERY: Coding = Coding::new(OBJECT_ROLE, "24", "Query");
pub(super) const X_REQUEST_ID: Coding = Coding::new(
    "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
    "XrequestId",
    "transport specific unique identifier where http X-Request-Id is used",
);

/// Type and subtype.
pub(super) fn event_type(action: Action, outcome: &Outcome) -> (Coding, Option<Coding>) {
    let interaction = |code| (REST, Some(Coding::new(INTERACTION, code, code)));
    match action {
        Action::Read => interaction("read"),
        Action::List | Action::Search => interaction("search"),
        Action::Create => interaction("create"),
        Action::Update => interaction("update"),
        Action::Delete => interaction("delete"),
        // Patient/$everything is what FHIR calls it.
        Action::ReadChart => interaction("operation"),
        _ => match outcome {
            Outcome::Noted(what) if what == "signed-in" => (AUTHENTICATION, Some(LOGIN)),
            Outcome::Noted(what) if what == "signed-out" => (AUTHENTICATION, Some(LOGOUT)),
            _ => (AUTHENTICATION, None),
        },
    }
}

/// <https://hl7.org/fhir/R4/valueset-audit-event-action.html>
pub(super) const fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "C",
        Action::Read => "R",
        Action::Update => "U",
        Action::Delete => "D",
        _ => "E",
    }
}

/// <https://hl7.org/fhir/R4/valueset-audit-event-outcome.html>, and what there is to say of it.
pub(super) fn outcome(outcome: &Outcome) -> (&'static str, Option<String>) {
    let (code, description) = match outcome {
        Outcome::Allowed | Outcome::Disclosed { .. } | Outcome::Written { .. } => ("0", None),
        Outcome::Noted(what) => ("0", Some(what.as_ref())),
        Outcome::Denied(reason) => ("4", Some(reason.as_ref())),
        Outcome::NotFound => ("4", Some("not found")),
        Outcome::Withheld => ("4", Some("withheld")),
        Outcome::Abandoned => ("4", Some("abandoned before anything was given")),
        Outcome::Unconfirmed => ("8", Some("cut off while it was committed: it may have happened")),
        _ => ("8", None),
    };
    (code, description.map(ToOwned::to_owned))
}

/// Roles of client and server: whoever sends what the profile of the action says is sent (for a query that is the query).
pub(super) const fn roles(action: Action) -> (Coding, Coding) {
    match action {
        Action::Read | Action::ReadChart => (DESTINATION, SOURCE),
        _ => (SOURCE, DESTINATION),
    }
}

/// What the requestor was to the data.
pub(super) const fn participation(action: Action) -> Coding {
    match action {
        Action::Create | Action::Update | Action::Delete => AUTHOR,
        _ => RECIPIENT,
    }
}

/// A reference by the resource's name, for the kinds that FHIR knows.
pub(super) fn reference(kind: &str, id: Uuid) -> Option<String> {
    let resource = match kind {
        "clinic" => "Organization",
        "location" => "Location",
        "service" => "HealthcareService",
        "practitioner" => "Practitioner",
        "patient" => "Patient",
        "appointment" => "Appointment",
        "encounter" => "Encounter",
        "condition" => "Condition",
        "observation" => "Observation",
        "medication_request" => "MedicationRequest",
        "allergy_intolerance" => "AllergyIntolerance",
        "procedure" => "Procedure",
        "immunization" => "Immunization",
        _ => return None,
    };
    Some(format!("{resource}/{id}"))
}
