//! Role × kind × action against a table written by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(feature = "clinic")]

mod common;

use common::{House, ask, house, profile};
use healthcare_core::{
    Action, Ask, Authorizer as _, Decision, Part, Profile, RequestContext, RowFilter, Terms, UserId,
};
use std::{collections::BTreeMap, fmt::Write as _};
use uuid::Uuid;

const KINDS: [&str; 17] = [
    "clinic",
    "location",
    "service",
    "practitioner",
    "patient",
    "appointment",
    "encounter",
    "condition",
    "observation",
    "medication_request",
    "allergy_intolerance",
    "procedure",
    "immunization",
    "break_glass",
    "user",
    "audit",
    "job",
];
const ACTIONS: [(Action, &str); 7] = [
    (Action::Read, "read"),
    (Action::List, "list"),
    (Action::Search, "search"),
    (Action::Create, "create"),
    (Action::Update, "update"),
    (Action::Delete, "delete"),
    (Action::ReadChart, "chart"),
];
const ROLES: [(&str, Option<&str>); 20] = [
    ("SUPER_ADMIN", None),
    ("SYSTEM_ADMIN", None),
    ("CLINIC_ADMIN", None),
    ("SUPPORT", None),
    ("DOCTOR", Some("practitioner")),
    ("NURSE", Some("practitioner")),
    ("PHARMACIST", Some("practitioner")),
    ("LAB_TECHNICIAN", Some("practitioner")),
    ("RADIOLOGIST", Some("practitioner")),
    ("RECEPTIONIST", None),
    ("MEDICAL_ASSISTANT", Some("practitioner")),
    ("BILLING_SPECIALIST", None),
    ("AUDITOR", None),
    ("COMPLIANCE_OFFICER", None),
    ("DATA_ANALYST", None),
    ("PATIENT", Some("patient")),
    ("IMPORT", None),
    ("SEED", None),
    ("NOTIFIER", None),
    ("RELAY", None),
];
const JOBS: [&str; 4] = ["IMPORT", "SEED", "NOTIFIER", "RELAY"];

/// One role asks about rows of every relation to it that matters.
struct Reader {
    house: House,
    context: RequestContext,
    user: UserId,
    profile: Option<Profile>,
    own_patient: Uuid,
}

fn reader(role: &str, kind: Option<&'static str>) -> Reader {
    let house = house();
    let user = UserId::random();
    let profile = kind.map(|kind| profile(kind, Uuid::now_v7()));
    // The patient this reader has to do with: a patient's own record, somebody a practitioner treats.
    let own_patient = match &profile {
        Some(profile) if profile.kind == "patient" => profile.id,
        _ => Uuid::now_v7(),
    };
    if let Some(profile) = &profile {
        house.relations.add(house.clinic, profile.clone(), own_patient);
    }
    let context = if JOBS.contains(&role) {
        house.job(role)
    } else {
        house.person(user, &[role], profile.clone(), None)
    };
    Reader { house, context, user, profile, own_patient }
}

impl Reader {
    /// The asks that tell `yes` from `some`: about a stranger, about somebody the reader has to do with, about nobody named.
    fn asks(&self, action: Action, kind: &'static str) -> Vec<Ask> {
        if matches!(action, Action::List | Action::Search) {
            return vec![ask(action, kind, None, None)];
        }
        let stranger = Uuid::now_v7();
        match kind {
            "patient" => vec![
                ask(action, kind, Some(stranger), Some(stranger)),
                ask(action, kind, Some(self.own_patient), Some(self.own_patient)),
            ],
            "user" => {
                vec![
                    ask(action, kind, Some(stranger), None),
                    ask(action, kind, Some(self.user.as_uuid()), None),
                ]
            }
            _ => vec![
                ask(action, kind, Some(Uuid::now_v7()), Some(stranger)),
                ask(action, kind, Some(Uuid::now_v7()), Some(self.own_patient)),
                ask(action, kind, Some(Uuid::now_v7()), None),
            ],
        }
    }

    async fn decide(&self, ask: &Ask) -> Option<Terms> {
        match self.house.policy.decide(&self.context, ask).await.unwrap() {
            Decision::Allow(terms) => Some(terms),
            Decision::Deny(_) => None,
        }
    }
}

fn hidden(part: &Part) -> String {
    part.hidden().collect::<Vec<_>>().join(", ")
}

async fn block(role: &str, kind: Option<&'static str>) -> String {
    let reader = reader(role, kind);
    assert_eq!(reader.profile.is_some(), kind.is_some());
    let job = if JOBS.contains(&role) { " (job)" } else { "" };
    let mut text = format!("== {role}{job}\n{:<21}", "");
    for (_, name) in ACTIONS {
        write!(text, "{name:<8}").unwrap();
    }
    let mut notes: Vec<String> = Vec::new();
    let mut chart: Option<String> = None;
    for kind in KINDS {
        write!(text, "\n{kind:<21}").unwrap();
        for (action, _) in ACTIONS {
            let mut decided = Vec::new();
            for ask in reader.asks(action, kind) {
                decided.push(reader.decide(&ask).await);
            }
            let whole =
                |terms: &Option<Terms>| terms.as_ref().is_some_and(|terms| terms.rows == RowFilter::All);
            let word = match () {
                () if decided.iter().all(whole) => "yes",
                () if decided.iter().all(Option::is_none) => "-",
                () => "some",
            };
            let mut kept: Vec<String> =
                decided.iter().flatten().map(|terms| hidden(&terms.parts[0])).collect();
            kept.dedup();
            assert!(kept.len() < 2, "{role} {action} {kind}: what is hidden depends on the row: {kept:?}");
            let note = kept.pop().filter(|fields| !fields.is_empty());
            let mark = note.map_or(String::new(), |note| {
                let at = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                format!("/{}", char::from(b'a' + u8::try_from(at).unwrap()))
            });
            write!(text, "{:<8}", format!("{word}{mark}")).unwrap();
            if action == Action::ReadChart {
                chart = chart.or_else(|| decided.iter().flatten().next().map(chart_line));
            }
        }
    }
    for (letter, note) in ('a'..).zip(&notes) {
        write!(text, "\n{letter}: {note}").unwrap();
    }
    if let Some(chart) = chart {
        write!(text, "\n{chart}").unwrap();
    }
    text
}

fn chart_line(terms: &Terms) -> String {
    let parts = terms.parts.iter().map(|part| match hidden(part) {
        fields if fields.is_empty() => part.kind().to_owned(),
        fields => format!("{} ({fields})", part.kind()),
    });
    format!("chart: {}", parts.collect::<Vec<_>>().join("; "))
}

fn lines(block: &str) -> Vec<String> {
    block.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn every_role_may_do_what_the_table_says_and_nothing_else() {
    let table = include_str!("golden.txt");
    let mut wanted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for block in table.split("\n== ").skip(1) {
        let name = block.split_whitespace().next().unwrap();
        let text = format!("== {block}");
        assert!(wanted.insert(name, lines(&text)).is_none(), "{name} stands twice in the table");
    }
    let mut differences = String::new();
    for (role, kind) in ROLES {
        let decided = lines(&block(role, kind).await);
        let wanted = wanted.remove(role).unwrap_or_default();
        for at in 0..decided.len().max(wanted.len()) {
            let (decided, wanted) = (decided.get(at), wanted.get(at));
            if decided != wanted {
                writeln!(differences, "{role}\n  table:  {}\n  policy: {}", text(wanted), text(decided))
                    .unwrap();
            }
        }
    }
    assert!(wanted.is_empty(), "the table knows roles the test does not: {:?}", wanted.keys());
    assert!(differences.is_empty(), "the policy and the table differ:\n{differences}");
}

fn text(line: Option<&String>) -> &str {
    line.map_or("(nothing)", String::as_str)
}

#[test]
fn the_table_covers_every_role_of_the_policy_and_every_kind_of_the_schema() {
    let policy = healthcare_rbac::policy::Policy::clinic().unwrap();
    let mut known: Vec<(String, bool)> =
        policy.roles().map(|(name, _, job)| (name.to_string(), job)).collect();
    known.sort();
    let mut tested: Vec<(String, bool)> =
        ROLES.iter().map(|(name, _)| ((*name).to_owned(), JOBS.contains(name))).collect();
    tested.sort();
    assert_eq!(known, tested);
    let schema: Vec<_> = healthcare_rbac::policy::Schema::clinic().kinds().collect();
    assert_eq!(schema, KINDS);
}
