//! The compiled policy against a reader that knows nothing of tables: it looks at the text's rules one by one and at every row.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![cfg(feature = "clinic")]

mod common;

use common::{ask, house_of, profile, role};
use healthcare_core::{Action, Ask, Authorizer as _, Decision, Profile, RowFilter, UserId};
use healthcare_rbac::policy::{Policy, Schema};
use proptest::{prelude::*, sample::subsequence};
use std::fmt::Write as _;
use uuid::Uuid;

const FIELDS: [(&str, &[&str]); 3] = [
    (
        "patient",
        &[
            "family",
            "given",
            "birth_date",
            "gender",
            "phone",
            "email",
            "address",
            "record_number",
            "deceased",
        ],
    ),
    ("appointment", &["service", "note", "cancel_reason"]),
    ("user", &[]),
];
const CONDITIONS: &str = r#"
[conditions.own]
about = "x"
profile = "patient"
column = "subject_id"
[conditions.treated]
about = "x"
profile = "practitioner"
related = true
[conditions.schedule]
about = "x"
profile = "practitioner"
column = "practitioner_id"
[conditions.me]
about = "x"
user = true
column = "id"
"#;

#[derive(Debug, Clone)]
struct Rule {
    kind: usize,
    actions: Vec<&'static str>,
    when: Option<&'static str>,
    fields: Vec<&'static str>,
    deny: bool,
}

#[derive(Debug, Clone)]
struct RoleRules {
    purposes: Vec<&'static str>,
    inherits: Vec<usize>,
    rules: Vec<Rule>,
}

/// Somebody who asks, and what.
#[derive(Debug, Clone)]
struct World {
    roles: Vec<usize>,
    profile: Option<(bool, usize)>,
    related: Vec<usize>,
    purpose: Option<&'static str>,
    kind: usize,
    action: usize,
    target: Option<usize>,
    subject: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct RowOf {
    id: Uuid,
    subject: Option<Uuid>,
    practitioner: Option<Uuid>,
}

const ACTIONS: [(Action, &str); 3] =
    [(Action::Read, "read"), (Action::List, "list"), (Action::Update, "update")];

fn uuid(kind: u128, n: usize) -> Uuid {
    Uuid::from_u128(kind << 64 | n as u128)
}
fn patient(n: usize) -> Uuid {
    uuid(1, n)
}
fn practitioner(n: usize) -> Uuid {
    uuid(2, n)
}
/// The user who asks is number 0.
fn user(n: usize) -> Uuid {
    uuid(3, n)
}
fn appointment(n: usize) -> Uuid {
    uuid(4, n)
}

fn rule() -> impl Strategy<Value = Rule> {
    // Appointments most of all: their conditions overlap in one reader.
    prop::sample::select(vec![0_usize, 1, 1, 1, 2])
        .prop_flat_map(|kind| {
            let whens: Vec<Option<&str>> = match FIELDS[kind].0 {
                "patient" => vec![None, Some("own"), Some("treated"), Some("me")],
                "appointment" => vec![
                    None,
                    Some("own"),
                    Some("treated"),
                    Some("treated"),
                    Some("schedule"),
                    Some("schedule"),
                ],
                _ => vec![None, Some("treated"), Some("me")],
            };
            let fields = FIELDS[kind].1.to_vec();
            let most = fields.len().min(3);
            let actions = subsequence(vec!["read", "list", "update"], 1..=3);
            (
                Just(kind),
                actions,
                prop::sample::select(whens),
                subsequence(fields, 0..=most),
                prop::bool::weighted(0.15),
            )
        })
        .prop_map(|(kind, actions, when, fields, deny)| {
            // Fields are denied on every row.
            let when = if deny && !fields.is_empty() { None } else { when };
            Rule { kind, actions, when, fields, deny }
        })
}

fn policy() -> impl Strategy<Value = Vec<RoleRules>> {
    let purposes = subsequence(vec!["TREAT", "HOPERAT"], 1..=2).prop_shuffle();
    let one = (purposes, subsequence(vec![0_usize, 1], 0..=2), prop::collection::vec(rule(), 0..7));
    prop::collection::vec(one, 3).prop_map(|roles| {
        let roles = roles.into_iter().enumerate();
        // Only from roles before it, so that there is no circle.
        roles
            .map(|(at, (purposes, inherits, rules))| RoleRules {
                purposes,
                inherits: inherits.into_iter().filter(|parent| *parent < at).collect(),
                rules,
            })
            .collect()
    })
}

fn world() -> impl Strategy<Value = World> {
    (
        subsequence(vec![0_usize, 1, 2], 1..=3).prop_shuffle(),
        prop::option::weighted(0.9, (prop::bool::weighted(0.3), 0..2_usize)),
        subsequence(vec![0_usize, 1, 2], 0..=3),
        prop::option::weighted(0.3, prop::sample::select(vec!["TREAT", "HOPERAT", "HPAYMT"])),
        (prop::sample::select(vec![0_usize, 1, 1, 1, 2]), 0..3_usize),
        prop::option::weighted(0.3, 0..3_usize),
        prop::option::weighted(0.3, 0..3_usize),
    )
        .prop_map(|(roles, profile, related, purpose, (kind, action), target, subject)| {
            // A list names no target; a patient is their own subject; a user has none.
            let target = if action == 1 { None } else { target };
            let subject = match FIELDS[kind].0 {
                "patient" => target.or(if action == 1 { subject } else { None }),
                "appointment" => subject,
                _ => None,
            };
            World { roles, profile, related, purpose, kind, action, target, subject }
        })
}

fn text(roles: &[RoleRules], reversed: bool) -> String {
    let mut text = format!("version = 1\n[purposes]\nTREAT = \"t\"\nHOPERAT = \"h\"\n{CONDITIONS}");
    for (at, role) in roles.iter().enumerate() {
        let inherits: Vec<String> = role.inherits.iter().map(|parent| format!("RR{parent}")).collect();
        writeln!(
            text,
            "[roles.RR{at}]\nabout = \"x\"\npurposes = {:?}\ninherits = {inherits:?}",
            role.purposes
        )
        .unwrap();
        for (deny, name, list) in [(false, "allow", "hide"), (true, "deny", "fields")] {
            let mut rules: Vec<&Rule> = role.rules.iter().filter(|rule| rule.deny == deny).collect();
            if reversed {
                rules.reverse();
            }
            writeln!(text, "{name} = [").unwrap();
            for rule in rules {
                let when = rule.when.map_or(String::new(), |when| format!(", when = {when:?}"));
                let why = if deny { ", why = \"x\"" } else { "" };
                let kind = FIELDS[rule.kind].0;
                writeln!(
                    text,
                    "{{ on = [{kind:?}], do = {:?}{when}, {list} = {:?}{why} }},",
                    rule.actions, rule.fields
                )
                .unwrap();
            }
            writeln!(text, "]").unwrap();
        }
    }
    text
}

impl World {
    fn ask(&self) -> Ask {
        let target = self.target.map(|n| match FIELDS[self.kind].0 {
            "patient" => patient(n),
            "appointment" => appointment(n),
            _ => user(n),
        });
        ask(ACTIONS[self.action].0, FIELDS[self.kind].0, target, self.subject.map(patient))
    }

    fn profile(&self) -> Option<Profile> {
        self.profile.map(|(is_patient, n)| match is_patient {
            true => profile("patient", patient(n)),
            false => profile("practitioner", practitioner(n)),
        })
    }

    /// Every row there is, as far as the ask leaves it open.
    fn rows(&self) -> Vec<RowOf> {
        let mut rows = Vec::new();
        for n in 0..3 {
            match FIELDS[self.kind].0 {
                "patient" => {
                    rows.push(RowOf { id: patient(n), subject: Some(patient(n)), practitioner: None })
                }
                "user" => rows.push(RowOf { id: user(n), subject: None, practitioner: None }),
                _ => {
                    for who in 0..3 {
                        for by in 0..2 {
                            rows.push(RowOf {
                                id: appointment(n),
                                subject: Some(patient(who)),
                                practitioner: Some(practitioner(by)),
                            });
                        }
                    }
                }
            }
        }
        let asked = self.ask();
        let open = |row: &RowOf| {
            asked.target.is_none_or(|id| id == row.id)
                && asked.subject.is_none_or(|id| Some(id) == row.subject)
        };
        rows.retain(open);
        rows
    }

    fn related(&self, row: &RowOf) -> bool {
        matches!(self.profile, Some((false, _)))
            && self.related.iter().any(|n| row.subject == Some(patient(*n)))
    }

    /// A condition, looked at with the row in hand.
    fn holds(&self, when: Option<&str>, row: &RowOf) -> bool {
        let profile = self.profile();
        let of =
            |kind: &str| profile.as_ref().filter(|profile| profile.kind == kind).map(|profile| profile.id);
        match when {
            None => true,
            Some("own") => of("patient").is_some() && of("patient") == row.subject,
            Some("schedule") => of("practitioner").is_some() && of("practitioner") == row.practitioner,
            Some("me") => row.id == user(0),
            Some("treated") => self.related(row),
            Some(other) => panic!("{other}"),
        }
    }

    fn admits(&self, filter: &RowFilter, row: &RowOf) -> bool {
        match filter {
            RowFilter::All => true,
            RowFilter::Nothing => false,
            RowFilter::In(fact, ids) => {
                let value = match &**fact {
                    "id" => Some(row.id),
                    "subject_id" => row.subject,
                    "practitioner_id" => row.practitioner,
                    other => panic!("{other}"),
                };
                value.is_some_and(|id| ids.contains(&id))
            }
            RowFilter::Related(party) => {
                assert_eq!(Some(party), self.profile().as_ref());
                self.related(row)
            }
            RowFilter::Any(any) => any.iter().any(|filter| self.admits(filter, row)),
            RowFilter::Every(every) => every.iter().all(|filter| self.admits(filter, row)),
            other => panic!("{other:?}"),
        }
    }
}

/// A role's own rules and those it inherits.
fn rules(roles: &[RoleRules], at: usize) -> Vec<&Rule> {
    let inherited = roles[at].inherits.iter().flat_map(|parent| rules(roles, *parent));
    roles[at].rules.iter().chain(inherited).collect()
}

/// What any reader of the policy would expect of one row: whether it may be seen, and which fields.
struct Expected {
    purpose: Option<&'static str>,
    /// Fields shown, or none when the row is not given by any rule.
    shown: Option<Vec<&'static str>>,
    denied: bool,
    /// There is a deny rule with a condition: a filter cannot say it, so all may be denied.
    may_be_denied: bool,
}

fn expected(roles: &[RoleRules], world: &World, row: &RowOf) -> Expected {
    let (kind, action) = (world.kind, ACTIONS[world.action].1);
    let concerned = |rule: &&Rule| rule.kind == kind && rule.actions.contains(&action);
    let has_rule = |at: &&usize| rules(roles, **at).into_iter().any(|rule| concerned(&rule) && !rule.deny);
    let purpose = match world.purpose {
        Some(asked) => world.roles.iter().any(|at| roles[*at].purposes.contains(&asked)).then_some(asked),
        None => world.roles.iter().find(has_rule).or(world.roles.first()).map(|at| roles[*at].purposes[0]),
    };
    let mine: Vec<&Rule> = world.roles.iter().flat_map(|at| rules(roles, *at)).filter(concerned).collect();
    let acting = world
        .roles
        .iter()
        .filter(|at| purpose.is_some_and(|purpose| roles[**at].purposes.contains(&purpose)));
    let holding: Vec<&Rule> = acting
        .flat_map(|at| rules(roles, *at))
        .filter(|rule| concerned(rule) && !rule.deny && world.holds(rule.when, row))
        .collect();
    let denied_field = |field: &&str| mine.iter().any(|rule| rule.deny && rule.fields.contains(field));
    let shown =
        |field: &&str| holding.iter().any(|rule| !rule.fields.contains(field)) && !denied_field(field);
    let whole_denies: Vec<_> = mine.iter().filter(|rule| rule.deny && rule.fields.is_empty()).collect();
    Expected {
        purpose,
        shown: (!holding.is_empty())
            .then(|| FIELDS[kind].1.iter().copied().filter(|field| shown(field)).collect()),
        denied: whole_denies.iter().any(|rule| world.holds(rule.when, row)),
        may_be_denied: !whole_denies.is_empty(),
    }
}

async fn decide(text: &str, world: &World) -> Decision {
    let house =
        house_of(Policy::load(text, Schema::clinic()).unwrap_or_else(|error| panic!("{error}\n{text}")));
    if let Some(profile) = world.profile() {
        for n in &world.related {
            house.relations.add(house.clinic, profile.clone(), patient(*n));
        }
    }
    let roles: Vec<String> = world.roles.iter().map(|at| format!("RR{at}")).collect();
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    let context = house.person(UserId::from_uuid(user(0)), &roles, world.profile(), world.purpose);
    assert!(roles.iter().all(|name| house.policy.policy().knows_role(&role(name))));
    house.policy.decide(&context, &world.ask()).await.unwrap()
}

fn summary(decision: &Decision, world: &World) -> Vec<(Uuid, String)> {
    let Decision::Allow(terms) = decision else { return Vec::new() };
    let hidden: Vec<&str> = terms.parts[0].hidden().collect();
    let rows = world.rows().into_iter().filter(|row| world.admits(&terms.rows, row));
    rows.map(|row| (row.id, hidden.join(","))).collect()
}

/// A few hundred for every push; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_row_and_field_is_given_by_a_rule_and_every_rule_is_kept(roles in policy(), world in world()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let decision = runtime.block_on(decide(&text(&roles, false), &world));
        for row in world.rows() {
            let expected = expected(&roles, &world, &row);
            let given = match &decision {
                Decision::Allow(terms) if world.admits(&terms.rows, &row) => Some(terms),
                _ => None,
            };
            let Some(terms) = given else {
                // Nothing that a rule gives is withheld but by a deny rule.
                prop_assert!(expected.shown.is_none() || expected.may_be_denied, "{row:?} is withheld: {decision:?}");
                continue;
            };
            prop_assert!(!expected.denied, "{row:?} is given against a deny rule");
            let Some(shown) = expected.shown else { panic!("{row:?} is given by no rule: {decision:?}") };
            prop_assert_eq!(terms.purpose.as_ref().map(|purpose| purpose.as_str()), expected.purpose);
            let hidden: Vec<&str> = terms.parts[0].hidden().collect();
            for field in FIELDS[world.kind].1 {
                prop_assert!(hidden.contains(field) || shown.contains(field), "{field} of {row:?} is shown by no rule");
            }
        }
    }

    #[test]
    fn the_order_of_rules_means_nothing(roles in policy(), world in world()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let one = runtime.block_on(decide(&text(&roles, false), &world));
        let two = runtime.block_on(decide(&text(&roles, true), &world));
        prop_assert_eq!(summary(&one, &world), summary(&two, &world));
    }

    #[test]
    fn one_more_deny_rule_never_gives_more(roles in policy(), world in world(), mut more in rule()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let before = summary(&runtime.block_on(decide(&text(&roles, false), &world)), &world);
        more.deny = true;
        more.when = if more.fields.is_empty() { more.when } else { None };
        let mut roles = roles;
        roles[0].rules.push(more);
        let after = summary(&runtime.block_on(decide(&text(&roles, false), &world)), &world);
        for (row, hidden) in after {
            let known = before.iter().find(|(id, _)| *id == row);
            let Some((_, was)) = known else { panic!("{row} is new") };
            prop_assert!(was.split(',').all(|field| field.is_empty() || hidden.split(',').any(|now| now == field)));
        }
    }
}
