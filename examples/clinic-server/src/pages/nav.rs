//! Where a reader can go: one table, of which each is offered what their role reaches. The gate decides; this only offers.

use super::view::{NavLink, Section};
use crate::App;
use healthcare_core::{Action, Actor, Appointment, BreakGlass, Patient, Record};
use healthcare_rbac::policy::Reach;

/// One entry: its page, and what of the policy it needs.
struct Entry {
    section: Section,
    href: &'static str,
    label: &'static str,
    kind: &'static str,
    action: Action,
}

const fn entry(
    section: Section,
    href: &'static str,
    label: &'static str,
    (kind, action): (&'static str, Action),
) -> Entry {
    Entry { section, href, label, kind, action }
}

/// Every entry, in the order of the bar. The first that a role reaches is where it begins.
const ENTRIES: &[Entry] = &[
    entry(Section::Board, "/board", "Day board", (Appointment::KIND, Action::List)),
    entry(Section::Booking, "/appointments/new", "Book", (Appointment::KIND, Action::Create)),
    entry(Section::Patients, "/patients", "Patients", (Patient::KIND, Action::Search)),
    entry(Section::Emergencies, "/break-glass", "Emergency access", (BreakGlass::KIND, Action::List)),
    entry(Section::Logger, "/logger", "Audit log", ("audit", Action::List)),
    entry(Section::Queues, "/queue-dashboard", "Queues", ("job", Action::List)),
];

/// How far the actor's roles reach, by the policy in force.
pub(super) fn reach(app: &App, actor: &Actor, kind: &str, action: Action) -> Reach {
    app.policy.policy().reach(actor, kind, action)
}

/// What the actor is offered.
pub(super) fn links(app: &App, actor: &Actor, section: Section) -> Vec<NavLink> {
    let policy = app.policy.policy();
    let offered = |entry: &&Entry| policy.reach(actor, entry.kind, entry.action) > Reach::Nothing;
    let link = |entry: &Entry| NavLink {
        href: entry.href.to_owned(),
        label: entry.label,
        current: entry.section == section,
    };
    let mut links: Vec<_> = ENTRIES.iter().filter(offered).map(link).collect();
    if let Some(own) = actor.profile().filter(|profile| profile.kind == Patient::KIND) {
        let href = format!("/patients/{}", own.id);
        links.push(NavLink { href, label: "My chart", current: section == Section::Patients });
    }
    links
}

/// Where the actor begins.
pub(super) fn home(app: &App, actor: &Actor) -> String {
    links(app, actor, Section::Other)
        .into_iter()
        .next()
        .map_or_else(|| "/api-docs".to_owned(), |link| link.href)
}
