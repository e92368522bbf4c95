//! Emergency access: to one patient, for a quarter of an hour, to read, for a reason, and reviewed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(feature = "clinic")]

mod common;

use async_trait::async_trait;
use common::{ask, profile, role};
use healthcare_core::{
    AccessError, Action, Appointment, Authorizer as _, Boundary, BreakGlass, ChartReader as _, ClinicId,
    Clues, Condition, Create, Decision, Encounter, ErrorCode, Id, Identity, Justification, List, ManualClock,
    MemoryAudit, MemoryRelations, MemoryStore, PageRequest, Patient, Phi, Profile, Read, ReadChart,
    Reader as _, Record as _, Released, RequestContext, Search, Undecided, Update, UserId, Writer as _,
    break_glass, patient,
};
use healthcare_rbac::{
    break_glass::{BreakGlassError, BreakGlasses},
    policy::{EmergencySource, Policy, PolicyAuthorizer, Schema},
};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use uuid::Uuid;

/// The boundary is built with the policy, and the glass is kept behind the boundary.
#[derive(Debug, Default)]
struct Late(OnceLock<BreakGlasses>);

#[async_trait]
impl EmergencySource for Late {
    async fn is_open(&self, context: &RequestContext, subject: Uuid) -> Result<bool, Undecided> {
        self.0.get().unwrap().is_open(context, subject).await
    }
}

struct Clinic {
    boundary: Boundary,
    policy: PolicyAuthorizer,
    audit: Arc<MemoryAudit>,
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    glasses: BreakGlasses,
    clinic: ClinicId,
    patient: Id<Patient>,
}

const REASON: &str = "Unconscious after a fall, nobody with her";

fn reason() -> Justification {
    Justification::new(REASON).unwrap()
}

async fn clinic() -> Clinic {
    clinic_of(Policy::clinic().unwrap()).await
}

async fn clinic_of(policy: Policy) -> Clinic {
    let late = Arc::new(Late::default());
    let policy =
        PolicyAuthorizer::new(policy, Arc::new(MemoryRelations::default())).with_emergencies(late.clone());
    let audit = Arc::new(MemoryAudit::default());
    let clock = Arc::new(ManualClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
    let boundary = Boundary::builder(policy.clone(), audit.clone())
        .shared_clock(clock.clone())
        .allow_volatile_audit()
        .build()
        .unwrap();
    let store = MemoryStore::new(boundary.storage.clone());
    let store = Arc::new(store.charting::<Appointment>().charting::<Encounter>().charting::<Condition>());
    let glasses = BreakGlasses::new(boundary.gate.clone(), store.clone(), clock.clone());
    late.0.set(glasses.clone()).unwrap();
    let mut house = Clinic {
        boundary,
        policy,
        audit,
        clock,
        store,
        glasses,
        clinic: ClinicId::random(),
        patient: Id::random(),
    };
    house.patient = house.register().await;
    house
}

impl Clinic {
    fn person_in(
        &self,
        clinic: ClinicId,
        user: UserId,
        roles: &[&str],
        purpose: Option<&str>,
    ) -> RequestContext {
        let roles: Vec<_> = roles.iter().map(|name| role(name)).collect();
        let profile: Option<Profile> = Some(profile("practitioner", user.as_uuid()));
        let identity = Identity { user, clinic, roles: Arc::from(roles), profile, session: None };
        self.boundary.edge.request(identity, &Clues { purpose, ..Clues::default() }).unwrap()
    }

    /// Somebody as they are, and in an emergency.
    fn person(&self, roles: &[&str]) -> (RequestContext, RequestContext) {
        let user = UserId::random();
        let context = self.person_in(self.clinic, user, roles, None);
        (context, self.person_in(self.clinic, user, roles, Some("ETREAT")))
    }

    async fn register(&self) -> Id<Patient> {
        let id = Id::random();
        let job = self.boundary.system.job("test", role("IMPORT"), self.clinic);
        let grant = self.boundary.gate.open(&job, Create::new(id)).await.unwrap();
        let protected = patient::Protected {
            family: Phi::new("Ashdown".into()),
            given: Phi::new("Maribel".into()),
            birth_date: Phi::new(None),
            gender: Phi::new(None),
            phone: Phi::new(Some("+1 202 555 0143".into())),
            email: Phi::new(None),
            address: Phi::new(None),
            record_number: Phi::new(None),
            deceased: Phi::new(None),
        };
        let row = Patient::new(id, self.clinic, patient::Plain { active: true }, protected);
        self.store.commit(grant.fill(row).await.unwrap()).await.unwrap();
        id
    }

    async fn broken(&self, context: &RequestContext) -> Id<BreakGlass> {
        let change = self.glasses.begin(context, self.patient, reason()).await.unwrap();
        let id = change.id();
        self.glasses.commit(change).await.unwrap();
        id
    }

    async fn read(
        &self,
        context: &RequestContext,
        id: Id<Patient>,
    ) -> Result<Released<Patient>, AccessError> {
        let grant = self.boundary.gate.open(context, Read::new(id)).await?;
        let row = self.store.find(&grant).await?;
        grant.release(row).await
    }

    async fn end(&self, context: &RequestContext, id: Id<BreakGlass>) -> Result<(), BreakGlassError> {
        let change = self.glasses.end(context, id).await?;
        self.glasses.commit(change).await.map(drop)
    }

    async fn review(&self, context: &RequestContext, id: Id<BreakGlass>) -> Result<(), BreakGlassError> {
        let change = self.glasses.review(context, id).await?;
        self.glasses.commit(change).await.map(drop)
    }
}

#[track_caller]
fn refused<T>(result: Result<T, AccessError>, code: ErrorCode) {
    match result {
        Err(error) => assert_eq!(error.code(), code, "{error}"),
        Ok(_) => panic!("it was given"),
    }
}

#[tokio::test]
async fn it_opens_one_chart_for_a_quarter_of_an_hour() {
    let house = clinic().await;
    let (doctor, emergency) = house.person(&["DOCTOR"]);
    refused(house.read(&doctor, house.patient).await, ErrorCode::AccessDenied);
    refused(house.read(&emergency, house.patient).await, ErrorCode::PurposeDenied);
    house.broken(&doctor).await;
    refused(house.read(&doctor, house.patient).await, ErrorCode::AccessDenied);
    let patient = house.read(&emergency, house.patient).await.unwrap();
    assert_eq!(patient.reveal(patient::Family).unwrap(), "Ashdown");
    assert_eq!(patient.hidden().count(), 0);
    let grant = house.boundary.gate.open(&emergency, ReadChart::of(house.patient)).await.unwrap();
    let rows = house.store.chart(&grant).await.unwrap();
    let chart = grant.release(rows).await.unwrap();
    assert!(chart.rows::<Encounter>().is_some() && chart.rows::<Condition>().is_some());
    house.clock.advance(Duration::from_secs(15 * 60 - 1));
    house.read(&emergency, house.patient).await.unwrap();
    house.clock.advance(Duration::from_secs(1));
    refused(house.read(&emergency, house.patient).await, ErrorCode::PurposeDenied);
}

#[tokio::test]
async fn nobody_else_and_nothing_else_is_opened_by_it() {
    let house = clinic().await;
    let (doctor, emergency) = house.person(&["DOCTOR"]);
    house.broken(&doctor).await;
    let other = house.register().await;
    refused(house.read(&emergency, other).await, ErrorCode::PurposeDenied);
    let (_, colleague) = house.person(&["DOCTOR"]);
    refused(house.read(&colleague, house.patient).await, ErrorCode::PurposeDenied);
    let elsewhere =
        house.person_in(ClinicId::random(), doctor.actor().user().unwrap(), &["DOCTOR"], Some("ETREAT"));
    refused(house.read(&elsewhere, house.patient).await, ErrorCode::PurposeDenied);
    let gate = &house.boundary.gate;
    refused(gate.open(&emergency, Update::new(house.patient)).await, ErrorCode::PurposeDenied);
    refused(gate.open(&emergency, List::<Patient>::all()).await, ErrorCode::PurposeDenied);
    refused(gate.open(&emergency, Search::<Patient>::all()).await, ErrorCode::PurposeDenied);
    let encounter = Create::<Encounter>::about(Id::random(), house.patient.as_uuid());
    refused(gate.open(&emergency, encounter).await, ErrorCode::PurposeDenied);
    // A row whose person is not named is not looked for under a broken glass.
    refused(gate.open(&emergency, Read::<Encounter>::new(Id::random())).await, ErrorCode::PurposeDenied);
    // No glass is broken through a broken glass.
    let chained = house.glasses.begin(&emergency, other, reason()).await;
    assert_eq!(chained.unwrap_err().code(), ErrorCode::PurposeDenied);
    assert!(gate.open(&emergency, List::<Encounter>::about(house.patient.as_uuid())).await.is_ok());
    refused(gate.open(&emergency, List::<Encounter>::about(other.as_uuid())).await, ErrorCode::PurposeDenied);
}

#[tokio::test]
async fn only_roles_with_rules_for_emergencies_break_it() {
    let house = clinic().await;
    let policy = house.policy.policy();
    for (name, _, job) in policy.roles() {
        let may = ["DOCTOR", "PHARMACIST", "RADIOLOGIST"].contains(&name.as_str());
        assert_eq!(policy.breaks_glass(name), may, "{name}");
        if job {
            continue;
        }
        let (context, emergency) = house.person(&[name.as_str()]);
        let begun = house.glasses.begin(&context, house.patient, reason()).await;
        assert_eq!(begun.is_ok(), may, "{name}");
        drop(begun);
        refused(house.read(&emergency, house.patient).await, ErrorCode::PurposeDenied);
    }
    // Nobody breaks it for somebody else.
    let (doctor, _) = house.person(&["DOCTOR"]);
    let (id, patient) = (Id::random(), house.patient);
    let grant = house.boundary.gate.open(&doctor, Create::about(id, patient.as_uuid())).await.unwrap();
    let now = healthcare_core::Clock::now(&*house.clock);
    let plain = break_glass::Plain {
        user_id: UserId::random(),
        starts: now,
        ends: now + BreakGlasses::LIFE,
        ended_at: None,
        ended_by: None,
        reviewed_at: None,
        reviewed_by: None,
    };
    let protected = break_glass::Protected { reason: Phi::new(REASON.into()) };
    let row = BreakGlass::new(id, house.clinic, patient, plain, protected);
    assert!(matches!(grant.fill(row).await, Err(AccessError::OutsideTerms)));
}

/// Who sees some of a patient sees all of them, and never less than before.
#[tokio::test]
async fn what_the_role_does_not_see_is_shown_in_an_emergency() {
    let house = clinic().await;
    let (radiologist, emergency) = house.person(&["RADIOLOGIST"]);
    let before = house.read(&radiologist, house.patient).await.unwrap();
    assert_eq!(before.hidden().collect::<Vec<_>>(), ["phone", "email", "address"]);
    house.broken(&radiologist).await;
    let patient = house.read(&emergency, house.patient).await.unwrap();
    assert_eq!(patient.reveal(patient::Telephone).unwrap().as_deref(), Some("+1 202 555 0143"));
}

#[tokio::test]
async fn a_deny_rule_holds_in_an_emergency_too() {
    let denies = r#"
deny = [
    { on = ["condition"], do = ["*"], why = "kept elsewhere" },
    { on = ["patient"], do = ["*"], fields = ["address"], why = "protected" },
]
[roles.NURSE]"#;
    let text = Policy::CLINIC.replace("\n[roles.NURSE]", denies);
    let house = clinic_of(Policy::load(&text, Schema::clinic()).unwrap()).await;
    let (doctor, emergency) = house.person(&["DOCTOR"]);
    house.broken(&doctor).await;
    let patient = house.read(&emergency, house.patient).await.unwrap();
    assert_eq!(patient.hidden().collect::<Vec<_>>(), ["address"]);
    let grant = house.boundary.gate.open(&emergency, ReadChart::of(house.patient)).await.unwrap();
    let rows = house.store.chart(&grant).await.unwrap();
    let chart = grant.release(rows).await.unwrap();
    assert!(chart.rows::<Encounter>().is_some() && chart.rows::<Condition>().is_none());
}

#[tokio::test]
async fn its_beginning_and_all_that_is_read_is_recorded_as_an_emergency() {
    let house = clinic().await;
    let (doctor, emergency) = house.person(&["DOCTOR"]);
    house.broken(&doctor).await;
    let begun = house.audit.events().into_iter().rfind(|event| event.ask.kind == "break_glass").unwrap();
    assert!(begun.emergency && begun.ask.action == Action::Create);
    assert_eq!(begun.justification.unwrap().as_str(), REASON);
    assert_eq!(begun.ask.subject, Some(house.patient.as_uuid()));
    house.read(&emergency, house.patient).await.unwrap();
    let read = house.audit.events().pop().unwrap();
    assert!(read.emergency);
    assert_eq!(read.purpose.unwrap().as_str(), "ETREAT");
    assert_eq!(read.rule.as_deref(), Some("RESCUER.emergency.1"));
    // What cannot be recorded is not given, and a glass that cannot be recorded is not broken.
    house.audit.set_broken(true);
    refused(house.read(&emergency, house.patient).await, ErrorCode::AuditUnavailable);
    let (colleague, theirs) = house.person(&["DOCTOR"]);
    let begun = house.glasses.begin(&colleague, house.patient, reason()).await;
    assert_eq!(begun.unwrap_err().code(), ErrorCode::AuditUnavailable);
    house.audit.set_broken(false);
    refused(house.read(&theirs, house.patient).await, ErrorCode::PurposeDenied);
}

#[tokio::test]
async fn it_is_ended_by_its_user_or_an_officer_and_reviewed_by_somebody_else() {
    let house = clinic().await;
    let (doctor, emergency) = house.person(&["DOCTOR", "COMPLIANCE_OFFICER"]);
    let (officer, _) = house.person(&["COMPLIANCE_OFFICER"]);
    let (colleague, _) = house.person(&["DOCTOR"]);
    let (auditor, _) = house.person(&["AUDITOR"]);
    let id = house.broken(&doctor).await;
    assert_eq!(house.end(&colleague, id).await.unwrap_err().code(), ErrorCode::NotFound);
    assert_eq!(house.end(&auditor, id).await.unwrap_err().code(), ErrorCode::AccessDenied);
    assert!(matches!(house.review(&officer, id).await, Err(BreakGlassError::Open)));
    house.end(&officer, id).await.unwrap();
    refused(house.read(&emergency, house.patient).await, ErrorCode::PurposeDenied);
    assert!(matches!(house.end(&officer, id).await, Err(BreakGlassError::Over)));
    assert!(matches!(house.review(&doctor, id).await, Err(BreakGlassError::OwnReview)));
    assert_eq!(house.review(&auditor, id).await.unwrap_err().code(), ErrorCode::AccessDenied);
    let page = PageRequest::default();
    assert_eq!(house.glasses.list(&officer, true, &page).await.unwrap().items.len(), 1);
    house.review(&officer, id).await.unwrap();
    assert!(matches!(house.review(&officer, id).await, Err(BreakGlassError::Reviewed)));
    assert_eq!(house.glasses.list(&officer, true, &page).await.unwrap().items.len(), 0);
    let all = house.glasses.list(&officer, false, &page).await.unwrap();
    let seen = &all.items[0];
    assert_eq!(seen.reveal(break_glass::Reason).unwrap(), REASON);
    assert_eq!(
        (seen.user_id, seen.subject()),
        (doctor.actor().user().unwrap(), Some(house.patient.as_uuid()))
    );
    assert_eq!(seen.reviewed_by, officer.actor().user());
    // Auditors see that it was, and not why; others their own alone.
    let audited = house.glasses.list(&auditor, false, &page).await.unwrap();
    assert!(audited.items[0].reveal(break_glass::Reason).is_err());
    assert_eq!(house.glasses.list(&colleague, false, &page).await.unwrap().items.len(), 0);
    let own = house.broken(&colleague).await;
    house.end(&colleague, own).await.unwrap();
    assert!(matches!(house.review(&colleague, own).await, Err(BreakGlassError::OwnReview)));
}

#[tokio::test]
async fn nobody_has_more_than_eight_open() {
    let house = clinic().await;
    let (doctor, _) = house.person(&["DOCTOR"]);
    for _ in 0..BreakGlasses::OPEN_MAX {
        house.broken(&doctor).await;
    }
    let over = house.glasses.begin(&doctor, house.patient, reason()).await.unwrap_err();
    assert_eq!(over.code(), ErrorCode::BreakGlassLimit);
    house.clock.advance(Duration::from_secs(15 * 60));
    house.broken(&doctor).await;
}

/// All have looked before any is committed: the store decides.
#[tokio::test]
async fn of_those_that_begin_at_once_eight_are_stored() {
    let house = clinic().await;
    let (doctor, _) = house.person(&["DOCTOR"]);
    let mut begun = Vec::new();
    for _ in 0..=BreakGlasses::OPEN_MAX {
        begun.push(house.glasses.begin(&doctor, house.patient, reason()).await.unwrap());
    }
    let (last, first) = (begun.pop().unwrap(), begun[0].id());
    for change in begun {
        house.glasses.commit(change).await.unwrap();
    }
    let over = house.glasses.commit(last).await.unwrap_err();
    assert!(matches!(over, BreakGlassError::TooMany { limit: 8 }), "{over:?}");
    // Of another user there are none yet, and an end frees a place.
    house.broken(&house.person(&["DOCTOR"]).0).await;
    house.end(&doctor, first).await.unwrap();
    house.broken(&doctor).await;
    house.glasses.begin(&doctor, house.patient, reason()).await.unwrap_err();
}

#[derive(Debug)]
struct Broken;

#[async_trait]
impl EmergencySource for Broken {
    async fn is_open(&self, _: &RequestContext, _: Uuid) -> Result<bool, Undecided> {
        Err(Undecided("the database is away".into()))
    }
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_no_emergency() {
    let house = clinic().await;
    let (doctor, emergency) = house.person(&["DOCTOR"]);
    house.broken(&doctor).await;
    let subject = Some(house.patient.as_uuid());
    let asked = ask(Action::Read, "patient", subject, subject);
    assert!(matches!(house.policy.decide(&emergency, &asked).await, Ok(Decision::Allow(_))));
    let failing = house.policy.clone().with_emergencies(Arc::new(Broken));
    assert!(failing.decide(&emergency, &asked).await.is_err());
    let without = PolicyAuthorizer::new(Policy::clinic().unwrap(), Arc::new(MemoryRelations::default()));
    assert!(matches!(without.decide(&emergency, &asked).await, Ok(Decision::Deny(_))));
}

#[test]
fn a_rule_for_emergencies_reads_and_has_no_other_condition() {
    let load = |rules: &str| {
        let text = format!(
            "version = 1\n[purposes]\nTREAT = \"x\"\n[conditions.own]\nabout = \"x\"\nprofile = \"patient\"\n\
             column = \"subject_id\"\n[roles.DOCTOR]\nabout = \"x\"\npurposes = [\"TREAT\"]\n{rules}"
        );
        Policy::load(&text, Schema::clinic()).map(drop).map_err(|error| error.to_string())
    };
    let wrong = |rules: &str| load(rules).expect_err(rules);
    load("emergency = [{ on = [\"patient\"], do = [\"read\", \"list\", \"read-chart\"] }]").unwrap();
    for action in ["create", "update", "delete", "search", "*"] {
        let error = wrong(&format!("emergency = [{{ on = [\"patient\"], do = [\"{action}\"] }}]"));
        assert!(error.contains("in an emergency it is read"), "{error}");
    }
    let when = wrong("emergency = [{ on = [\"patient\"], do = [\"read\"], when = \"own\" }]");
    assert!(when.contains("leave `when` out"), "{when}");
    let shows = wrong("phi = false\nemergency = [{ on = [\"patient\"], do = [\"read\"] }]");
    assert!(shows.contains("DOCTOR.emergency.1 shows protected fields"), "{shows}");
    let job = wrong("system = true\nemergency = [{ on = [\"patient\"], do = [\"read\"] }]");
    assert!(job.contains("has no emergencies"), "{job}");
    let field = wrong("emergency = [{ on = [\"patient\"], do = [\"read\"], hide = [\"nam\"] }]");
    assert!(field.contains("`patient` has no protected field `nam`"), "{field}");
}
