//! Decisions: why, under which conditions, and never by mistake.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(feature = "clinic")]

mod common;

use common::{BrokenRelations, House, ask, house, house_of, profile};
use healthcare_core::{
    Action, Ask, Authorizer as _, Decision, ErrorCode, MemoryRelations, RequestContext, RowFilter, Terms,
    UserId,
};
use healthcare_rbac::policy::{Effect, Policy, PolicyAuthorizer, PolicyError, Schema};
use std::sync::Arc;
use uuid::Uuid;

const HEAD: &str = r#"version = 1
[purposes]
TREAT = "Treatment"
HOPERAT = "Operations"
[conditions.own]
about = "the patient's own"
profile = "patient"
column = "subject_id"
[conditions.treated]
about = "treated"
profile = "practitioner"
related = true
[conditions.mine]
about = "the user's own"
user = true
column = "id"
"#;

fn load(rules: &str) -> Result<Policy, PolicyError> {
    Policy::load(&format!("{HEAD}{rules}"), Schema::clinic())
}

fn error(rules: &str) -> String {
    load(rules).expect_err(rules).to_string()
}

fn role(name: &str, rules: &str) -> String {
    format!("[roles.{name}]\nabout = \"x\"\npurposes = [\"TREAT\"]\n{rules}\n")
}

async fn decide(house: &House, context: &RequestContext, ask: &Ask) -> Decision {
    house.policy.decide(context, ask).await.unwrap()
}

async fn allowed(house: &House, context: &RequestContext, ask: &Ask) -> Option<Terms> {
    match decide(house, context, ask).await {
        Decision::Allow(terms) => Some(terms),
        Decision::Deny(_) => None,
    }
}

fn read(kind: &'static str) -> Ask {
    ask(Action::Read, kind, Some(Uuid::now_v7()), None)
}

#[test]
fn whatever_the_schema_does_not_know_is_an_error_with_its_place() {
    let doctor = |rules: &str| error(&role("DOCTOR", rules));
    let cases = [
        (
            doctor("allow = [{ on = [\"pateint\"], do = [\"read\"] }]"),
            "line 20, column 18: no record kind `pateint`",
        ),
        (doctor("allow = [{ on = [\"patient\"], do = [\"raed\"] }]"), "line 20, column 36: no action `raed`"),
        (doctor("allow = [{ on = [\"patient\"], do = [\"enter\"] }]"), "no action `enter`"),
        (
            doctor("allow = [{ on = [\"patient\"], do = [\"read\"], hide = [\"nam\"] }]"),
            "line 20, column 53: `patient` has no protected field `nam`",
        ),
        (
            doctor("allow = [{ on = [\"patient\", \"encounter\"], do = [\"read\"], hide = [\"nam\"] }]"),
            "no kind of this rule has a field `nam`",
        ),
        (
            doctor("allow = [{ on = [\"patient\"], do = [\"read\"], when = \"owned\" }]"),
            "no condition `owned`",
        ),
        (
            doctor("allow = [{ on = [\"audit\"], do = [\"read\"], when = \"own\" }]"),
            "`audit` has no id column `subject_id`",
        ),
        (doctor("allow = [{ on = [\"*\"], do = [\"read\"] }]"), "no record kind `*`"),
        (doctor("inherits = [\"NOBODY\"]"), "line 20, column 13: no role `NOBODY`"),
        (doctor("inherits = [\"DOCTOR\"]"), "`DOCTOR` inherits from itself"),
        (doctor("alow = []"), "unknown field `alow`"),
        (doctor("allow = [{ on = [\"patient\"], do = [\"read\"], rows = \"own\" }]"), "unknown field `rows`"),
        (doctor("deny = [{ on = [\"patient\"], do = [\"read\"] }]"), "missing field `why`"),
        (
            doctor("phi = false\nallow = [{ on = [\"patient\"], do = [\"read\"], hide = [\"family\"] }]"),
            "`phi = false`, but rule DOCTOR.allow.1 shows protected fields of `patient`",
        ),
    ];
    say(cases);
}

#[test]
fn a_role_or_a_condition_that_says_nothing_or_too_much_is_an_error() {
    let cases = [
        (error("[roles.doctor]\nabout = \"x\"\npurposes = [\"TREAT\"]"), "a role is 2 to 40 capital letters"),
        (error("[roles.DOCTOR]\nabout = \"x\"\npurposes = [\"TREET\"]"), "no purpose `TREET`"),
        (error("[roles.DOCTOR]\nabout = \"x\"\npurposes = [\"ETREAT\"]"), "break-glass"),
        (error("[roles.DOCTOR]\nabout = \"x\""), "every role lists its purposes"),
        (error("[roles.DOCTOR]\nabout = \"\"\npurposes = [\"TREAT\"]"), "say who has this role"),
        (error("[roles.DOCTOR]\npurposes = [\"TREAT\"]"), "missing field `about`"),
        (
            error(
                "[conditions.odd]\nabout = \"x\"\nuser = true\nrelated = true\n[roles.DOCTOR]\nabout = \"x\"\npurposes = [\"TREAT\"]",
            ),
            "a condition has",
        ),
        (
            error(
                "[conditions.odd]\nabout = \"x\"\nprofile = \"pateint\"\nrelated = true\n[roles.DOCTOR]\nabout = \"x\"\npurposes = [\"TREAT\"]",
            ),
            "no record kind `pateint`",
        ),
        (error("[roles"), "line 17"),
        (Policy::load("", Schema::clinic()).unwrap_err().to_string(), "line 1, column 1"),
        (
            Policy::load(&HEAD.replace("version = 1", "version = 2"), Schema::clinic())
                .unwrap_err()
                .to_string(),
            "missing field `roles`",
        ),
        (
            Policy::load(
                &format!("{}{}", HEAD.replace("version = 1", "version = 2"), role("DOCTOR", "")),
                Schema::clinic(),
            )
            .unwrap_err()
            .to_string(),
            "this program reads version 1",
        ),
        (Policy::load(&"#".repeat(1_048_577), Schema::clinic()).unwrap_err().to_string(), "1 MiB"),
        (Policy::load(HEAD, Schema::new().named("a").named("a")).unwrap_err().to_string(), "each kind once"),
    ];
    say(cases);
}

fn say<const N: usize>(cases: [(String, &str); N]) {
    for (message, wanted) in cases {
        assert!(message.contains(wanted), "{message}\n  does not say: {wanted}");
    }
}

#[test]
fn inheritance_in_a_circle_does_not_load_and_a_diamond_does() {
    let circle = format!(
        "{}{}{}",
        role("AA", "inherits = [\"BB\"]"),
        role("BB", "inherits = [\"CC\"]"),
        role("CC", "inherits = [\"AA\"]")
    );
    assert!(error(&circle).contains("inherits from itself"));
    let diamond = format!(
        "{}{}{}{}",
        role("AA", "inherits = [\"BB\", \"CC\"]"),
        role("BB", "inherits = [\"DD\"]"),
        role("CC", "inherits = [\"DD\"]"),
        role("DD", "allow = [{ on = [\"clinic\"], do = [\"read\"] }]"),
    );
    assert!(load(&diamond).unwrap().knows_role(&common::role("AA")));
}

#[tokio::test]
async fn nothing_is_allowed_by_default() {
    let house = house_of(load(&role("DOCTOR", "")).unwrap());
    let context = house.person(UserId::random(), &["DOCTOR"], None, None);
    for kind in ["patient", "clinic", "audit", "unheard", "", "PATIENT", "*"] {
        for action in Action::ALL {
            let asked = ask(*action, kind, None, None);
            assert!(allowed(&house, &context, &asked).await.is_none(), "{action} {kind}");
        }
    }
}

#[tokio::test]
async fn a_role_is_a_name_and_a_user_is_not_one() {
    let house = house();
    for roles in [&[][..], &["DOCTORS"], &["DOCTOR_"], &["MEMBER"], &["WARD"], &["IMPORT"], &["SEED"]] {
        let context = house.person(UserId::random(), roles, None, None);
        assert!(allowed(&house, &context, &read("clinic")).await.is_none(), "{roles:?}");
    }
    // A job has its own roles and no person's.
    assert!(allowed(&house, &house.job("IMPORT"), &read("patient")).await.is_some());
    for name in ["SUPER_ADMIN", "DOCTOR", "NURSE", "MEMBER"] {
        assert!(allowed(&house, &house.job(name), &read("clinic")).await.is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_treating_doctor_reads_by_relation_and_lists_by_filter() {
    let house = house();
    let (practitioner, patient) = (profile("practitioner", Uuid::now_v7()), Uuid::now_v7());
    let context = house.person(UserId::random(), &["DOCTOR"], Some(practitioner.clone()), None);
    let one = ask(Action::Read, "patient", Some(patient), Some(patient));
    assert!(allowed(&house, &context, &one).await.is_none());
    house.relations.add(house.clinic, practitioner.clone(), patient);
    let terms = allowed(&house, &context, &one).await.unwrap();
    assert_eq!((terms.rows, terms.purpose.unwrap().as_str()), (RowFilter::All, "TREAT"));
    assert_eq!(terms.rule.as_deref(), Some("DOCTOR.allow.1"));
    let all = allowed(&house, &context, &ask(Action::List, "patient", None, None)).await.unwrap();
    assert_eq!(all.rows, RowFilter::Related(practitioner.clone()));
    let theirs =
        allowed(&house, &context, &ask(Action::List, "condition", None, Some(patient))).await.unwrap();
    assert_eq!(theirs.rows, RowFilter::All, "about a patient they treat");
    house.relations.remove(house.clinic, practitioner, patient);
    assert!(allowed(&house, &context, &one).await.is_none());
    // A patient's profile of the same id is another party.
    let odd = house.person(UserId::random(), &["DOCTOR"], Some(profile("patient", patient)), None);
    assert!(allowed(&house, &odd, &one).await.is_none());
}

#[tokio::test]
async fn a_patient_sees_their_own_and_cannot_say_otherwise() {
    let house = house();
    let (me, other) = (Uuid::now_v7(), Uuid::now_v7());
    let context = house.person(UserId::random(), &["PATIENT"], Some(profile("patient", me)), None);
    let chart = |who| ask(Action::ReadChart, "patient", Some(who), Some(who));
    assert!(allowed(&house, &context, &chart(me)).await.is_some());
    assert!(allowed(&house, &context, &chart(other)).await.is_none());
    let listed = allowed(&house, &context, &ask(Action::List, "observation", None, None)).await.unwrap();
    assert_eq!(listed.rows, RowFilter::In("subject_id".into(), Arc::from([me])));
    assert!(allowed(&house, &context, &ask(Action::List, "observation", None, Some(other))).await.is_none());
    let unnamed = house.person(UserId::random(), &["PATIENT"], None, None);
    assert!(
        allowed(&house, &unnamed, &chart(me)).await.is_none(),
        "without a record there is nothing of one's own"
    );
}

#[tokio::test]
async fn a_purpose_is_one_of_the_roles_or_it_is_refused() {
    let house = house();
    let patient = Uuid::now_v7();
    let asked = ask(Action::Read, "patient", Some(patient), Some(patient));
    for (roles, purpose, wanted) in [
        (&["NURSE"][..], None, Some("TREAT")),
        (&["NURSE"], Some("CAREMGT"), Some("CAREMGT")),
        (&["NURSE"], Some("HPAYMT"), None),
        (&["NURSE"], Some("ETREAT"), None),
        (&["RECEPTIONIST"], None, Some("HOPERAT")),
        (&["RECEPTIONIST"], Some("TREAT"), None),
        (&["BILLING_SPECIALIST", "NURSE"], None, Some("HPAYMT")),
        (&["BILLING_SPECIALIST", "NURSE"], Some("TREAT"), Some("TREAT")),
    ] {
        let context = house.person(UserId::random(), roles, None, purpose);
        let decision = decide(&house, &context, &asked).await;
        match (decision, wanted) {
            (Decision::Allow(terms), Some(wanted)) => assert_eq!(terms.purpose.unwrap().as_str(), wanted),
            (Decision::Deny(denial), None) => {
                assert_eq!(denial.code(), ErrorCode::PurposeDenied, "{roles:?} {purpose:?}")
            }
            (decision, wanted) => panic!("{roles:?} {purpose:?}: {decision:?}, not {wanted:?}"),
        }
    }
    // What a role may see for one purpose it does not see for another role's.
    let both = house.person(UserId::random(), &["BILLING_SPECIALIST", "NURSE"], None, Some("HPAYMT"));
    let terms = allowed(&house, &both, &asked).await.unwrap();
    assert!(terms.parts[0].hidden().any(|field| field == "phone"), "billing does not see the ward's fields");
    assert!(allowed(&house, &both, &ask(Action::Read, "condition", None, None)).await.is_none());
}

#[tokio::test]
async fn a_deny_rule_overrides_whatever_role_it_comes_from_and_whatever_the_purpose() {
    let house = house();
    let update = ask(Action::Update, "user", Some(Uuid::now_v7()), None);
    for roles in [&["CLINIC_ADMIN", "AUDITOR"][..], &["AUDITOR", "SUPER_ADMIN"]] {
        for purpose in [None, Some("HOPERAT"), Some("HSYSADMIN"), Some("HCOMPL")] {
            let context = house.person(UserId::random(), roles, None, purpose);
            assert!(allowed(&house, &context, &update).await.is_none(), "{roles:?} {purpose:?}");
        }
    }
    let context = house.person(UserId::random(), &["CLINIC_ADMIN"], None, None);
    assert!(allowed(&house, &context, &update).await.is_some());
    let context = house.person(UserId::random(), &["AUDITOR", "CLINIC_ADMIN"], None, None);
    let explained = house.policy.explain(&context, &update).await.unwrap();
    let reason = explained.reasons.iter().find(|reason| reason.effect == Effect::Denied).unwrap();
    assert_eq!((&*reason.rule, &*reason.why), ("AUDITOR.deny.1", "who reviews accounts does not make them"));
    let Decision::Deny(denial) = explained.decision else { panic!("denied") };
    assert_eq!(denial.reason(), "AUDITOR.deny.1: who reviews accounts does not make them");
}

#[tokio::test]
async fn denied_fields_stay_hidden_and_overlapping_rules_show_what_one_of_them_shows() {
    let rules = [
        role(
            "AA",
            "allow = [{ on = [\"patient\"], do = [\"read\", \"list\"], hide = [\"phone\", \"email\"] }, { on = [\"patient\"], do = [\"read\", \"list\"], when = \"treated\" }]",
        ),
        role(
            "BB",
            "allow = [{ on = [\"patient\"], do = [\"read\", \"list\"], hide = [\"email\", \"address\"] }]",
        ),
        role("CC", "deny = [{ on = [\"patient\"], do = [\"*\"], fields = [\"email\"], why = \"x\" }]"),
        role(
            "DD",
            "allow = [{ on = [\"patient\"], do = [\"list\"], when = \"treated\", hide = [\"phone\"] }, { on = [\"patient\"], do = [\"list\"], when = \"own\", hide = [\"email\"] }]",
        ),
    ];
    let house = house_of(load(&rules.concat()).unwrap());
    let (practitioner, patient) = (profile("practitioner", Uuid::now_v7()), Uuid::now_v7());
    house.relations.add(house.clinic, practitioner.clone(), patient);
    let one = ask(Action::Read, "patient", Some(patient), Some(patient));
    let list = ask(Action::List, "patient", None, None);
    let hidden = async |roles: &[&str], profile, asked: &Ask| {
        let context = house.person(UserId::random(), roles, Some(profile), None);
        let terms = allowed(&house, &context, asked).await.unwrap();
        (terms.parts[0].hidden().map(str::to_owned).collect::<Vec<_>>().join(","), terms.rows)
    };
    let me = || practitioner.clone();
    assert_eq!(
        hidden(&["AA"], me(), &one).await,
        (String::new(), RowFilter::All),
        "the rule for treated patients shows all"
    );
    assert_eq!(
        hidden(&["AA"], me(), &list).await,
        ("phone,email".into(), RowFilter::All),
        "rows of both kinds: the stricter"
    );
    assert_eq!(hidden(&["AA", "BB"], me(), &list).await.0, "email", "hidden only where every rule hides it");
    assert_eq!(hidden(&["BB", "AA"], me(), &list).await.0, "email", "whatever the order");
    assert_eq!(hidden(&["AA", "CC"], me(), &one).await.0, "email", "denied is denied");
    let (fields, rows) = hidden(&["DD"], me(), &list).await;
    assert_eq!(
        (fields.as_str(), rows),
        ("phone", RowFilter::Related(me())),
        "the other rule admits no row of this reader"
    );
}

#[tokio::test]
async fn an_error_in_a_lookup_never_allows() {
    let rules = [
        role("AA", "allow = [{ on = [\"patient\"], do = [\"read\"], when = \"treated\" }]"),
        role("BB", "allow = [{ on = [\"patient\"], do = [\"read\"], hide = [\"phone\"] }]"),
        role("CC", "deny = [{ on = [\"patient\"], do = [\"read\"], when = \"treated\", why = \"x\" }]"),
    ];
    let user = [
        role("DD", "allow = [{ on = [\"user\"], do = [\"read\"], when = \"treated\" }]"),
        role("EE", "allow = [{ on = [\"user\"], do = [\"read\"], when = \"mine\" }]"),
    ];
    let text = format!("{HEAD}{}{}", rules.concat(), user.concat());
    let broken =
        PolicyAuthorizer::new(Policy::load(&text, Schema::clinic()).unwrap(), Arc::new(BrokenRelations));
    let house = house();
    let patient = Uuid::now_v7();
    let one = ask(Action::Read, "patient", Some(patient), Some(patient));
    let list = ask(Action::Read, "patient", None, None);
    let practitioner = || Some(profile("practitioner", Uuid::now_v7()));
    let context = |roles: &[&str]| house.person(UserId::random(), roles, practitioner(), None);
    assert!(
        broken.decide(&context(&["AA"]), &one).await.is_err(),
        "the only rule that could allow is not known to hold"
    );
    let me = UserId::random();
    let own = ask(Action::Read, "user", Some(me.as_uuid()), Some(patient));
    for roles in [&["DD", "EE"], &["EE", "DD"]] {
        let context = house.person(me, roles, practitioner(), None);
        let decided = broken.decide(&context, &own).await;
        assert!(matches!(decided, Ok(Decision::Allow(_))), "the other rule stands, whatever the order");
    }
    let shown = broken.decide(&context(&["AA", "BB"]), &one).await.unwrap();
    let Decision::Allow(terms) = shown else { panic!("the rule without a condition stands") };
    assert_eq!(terms.parts[0].hidden().collect::<Vec<_>>(), ["phone"], "and shows no more than itself");
    assert!(
        broken.decide(&context(&["BB", "CC"]), &one).await.is_err(),
        "a deny rule that is not known not to hold"
    );
    let undecidable = broken.decide(&context(&["BB", "CC"]), &list).await.unwrap();
    assert!(
        matches!(undecidable, Decision::Deny(_)),
        "a deny rule that only rows could tell denies the whole"
    );
}

#[tokio::test]
async fn a_chart_holds_what_may_be_read_of_this_patient_and_says_what_is_hidden() {
    let house = house();
    let patient = Uuid::now_v7();
    let context = house.person(UserId::random(), &["PHARMACIST"], None, None);
    let terms = allowed(&house, &context, &ask(Action::ReadChart, "patient", Some(patient), Some(patient)))
        .await
        .unwrap();
    let kinds: Vec<&str> = terms.parts.iter().map(|part| part.kind()).collect();
    assert_eq!(
        kinds,
        ["patient", "condition", "observation", "medication_request", "allergy_intolerance", "immunization"]
    );
    assert!(terms.hidden("encounter").is_none(), "a kind that is not given is absent, not empty");
    assert_eq!(terms.parts[0].hidden().collect::<Vec<_>>(), ["email", "address"]);
}

#[tokio::test]
async fn a_jobs_change_may_carry_every_kind_it_may_create_and_a_persons_only_its_own() {
    let house = house();
    let create = ask(Action::Create, "patient", Some(Uuid::now_v7()), None);
    let kinds = |terms: &Terms| terms.parts.iter().map(|part| part.kind().to_owned()).collect::<Vec<_>>();
    let job = allowed(&house, &house.job("SEED"), &create).await.unwrap();
    let mut given = kinds(&job);
    given.sort();
    assert_eq!(given, ["appointment", "clinic", "location", "patient", "practitioner", "service", "user"]);
    let person = house.person(UserId::random(), &["NURSE"], None, None);
    assert_eq!(kinds(&allowed(&house, &person, &create).await.unwrap()), ["patient"]);
}

#[tokio::test]
async fn an_explanation_is_the_decision_and_its_rules() {
    let house = house();
    let (practitioner, patient) = (profile("practitioner", Uuid::now_v7()), Uuid::now_v7());
    house.relations.add(house.clinic, practitioner.clone(), patient);
    let context = house.person(UserId::random(), &["DOCTOR"], Some(practitioner), None);
    let asked = ask(Action::Read, "patient", Some(patient), Some(patient));
    let explained = house.policy.explain(&context, &asked).await.unwrap();
    let plain = decide(&house, &context, &asked).await;
    assert_eq!(format!("{:?}", explained.decision), format!("{plain:?}"));
    assert_eq!(explained.reasons.len(), 1);
    assert_eq!(
        (&*explained.reasons[0].rule, explained.reasons[0].effect),
        ("DOCTOR.allow.1", Effect::Allowed)
    );
}

#[tokio::test]
async fn a_bad_file_leaves_the_good_policy_in_force() {
    let house = house();
    let context = house.person(UserId::random(), &["NURSE"], None, None);
    let digest = *house.policy.policy().digest();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    assert!(matches!(house.policy.reload_file(&path), Err(PolicyError::File(_))), "missing");
    // Torn inside a list, wherever the file's middle is.
    let torn = &Policy::CLINIC[..Policy::CLINIC.rfind("do = [").unwrap() + 6];
    for bad in ["", "version = 1", torn, "\u{0}", &"#".repeat(1_048_577)] {
        std::fs::write(&path, bad).unwrap();
        assert!(house.policy.reload_file(&path).is_err());
        assert_eq!(*house.policy.policy().digest(), digest);
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(matches!(house.policy.reload_file(&path), Err(PolicyError::File(_))));
    assert!(matches!(
        house.policy.reload_file(folder.path()),
        Err(PolicyError::File(_) | PolicyError::TooLarge)
    ));
    assert!(allowed(&house, &context, &read("clinic")).await.is_some());
    std::fs::write(&path, format!("{HEAD}{}", role("NURSE", ""))).unwrap();
    house.policy.reload_file(&path).unwrap();
    assert!(allowed(&house, &context, &read("clinic")).await.is_none(), "in force at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_decision_mixes_two_policies() {
    // Two policies that contradict each other: whoever reads a patient must not see the field that the same policy hides.
    let text = |hide: &str, purpose: &str| {
        let rule = format!("allow = [{{ on = [\"patient\"], do = [\"read\"], hide = [\"{hide}\"] }}]");
        format!("{HEAD}[roles.NURSE]\nabout = \"x\"\npurposes = [\"{purpose}\"]\n{rule}\n")
    };
    let (one, two) = (text("phone", "TREAT"), text("email", "HOPERAT"));
    let house = Arc::new(house_of(Policy::load(&one, Schema::clinic()).unwrap()));
    let policy = house.policy.clone();
    let swaps = tokio::task::spawn_blocking(move || {
        for _ in 0..500 {
            policy.reload(&two).unwrap();
            policy.reload(&one).unwrap();
        }
    });
    let context = house.person(UserId::random(), &["NURSE"], None, None);
    let mut seen = 0;
    while !swaps.is_finished() {
        let terms = allowed(&house, &context, &read("patient")).await.unwrap();
        let hidden: Vec<&str> = terms.parts[0].hidden().collect();
        let purpose = terms.purpose.unwrap();
        assert!(
            matches!((&*hidden, purpose.as_str()), (["phone"], "TREAT") | (["email"], "HOPERAT")),
            "{hidden:?} {purpose}"
        );
        seen += 1;
    }
    swaps.await.unwrap();
    assert!(seen > 0);
}

#[test]
fn the_policy_this_crate_brings_loads_and_lists_its_roles() {
    let policy = Policy::clinic().unwrap();
    assert_eq!(policy.roles().filter(|(.., job)| !job).count(), 16);
    let treats =
        |name: &healthcare_core::Role| policy.purposes(name).first().is_some_and(|p| p.as_str() == "TREAT");
    let names: Vec<_> =
        policy.roles().filter(|(name, ..)| treats(name)).map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        ["DOCTOR", "LAB_TECHNICIAN", "MEDICAL_ASSISTANT", "NURSE", "PHARMACIST", "RADIOLOGIST"]
    );
    fn object_safe(_: &dyn healthcare_core::Authorizer) {}
    object_safe(&PolicyAuthorizer::new(policy, Arc::new(MemoryRelations::default())));
}
