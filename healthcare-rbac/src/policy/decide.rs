//! One decision.
//!
//! - Allow rules of every role of the actor that may act for the purpose count together; order means nothing.
//! - A deny rule of any role that holds, or of which it is not known whether it holds, denies.
//! - Allow rules that hold for every row asked for give all of them; of their hidden fields only those that all of them hide
//!   stay hidden. Without such a rule, the rows are those that any rule's condition admits, and what any of them hides is
//!   hidden: a filter cannot say which row came by which rule.
//! - In an emergency what the roles' rules for emergencies give of the one person is given besides what they give anyway.
//! - A chart, and a job's change, carry rows of several kinds: each kind is decided for itself and given or left out.

use super::{
    EmergencySource,
    compile::part,
    emergency::{BREAK_GLASS, EMERGENCY_PURPOSE},
    table::{Allowance, Cell, Policy, RoleRow, When, action_at},
};
use healthcare_core::{
    Action, Actor, Ask, Decision, Denial, ErrorCode, FieldSet, Part, Profile, Purpose, RelationSource,
    RequestContext, RowFilter, Terms, Undecided,
};
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// It allowed the access, at least for some rows.
    Allowed,
    /// It denied the access.
    Denied,
    /// Its condition does not hold.
    DidNotApply,
}

/// One rule's part in a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule: role, effect and number, as in `DOCTOR.allow.2`.
    pub rule: Arc<str>,
    /// What it did.
    pub effect: Effect,
    /// Why, for a deny rule; empty for others.
    pub why: Arc<str>,
}

/// A decision with every rule that was looked at.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What was decided: the same as without an explanation.
    pub decision: Decision,
    /// The rules, in the order they were looked at.
    pub reasons: Vec<Reason>,
}

/// Whether a condition holds for what is asked.
enum Holds {
    Yes,
    No,
    Rows(RowFilter),
}

pub(super) struct Decider<'d> {
    pub(super) policy: &'d Policy,
    pub(super) relations: &'d dyn RelationSource,
    pub(super) emergencies: Option<&'d dyn EmergencySource>,
    pub(super) context: &'d RequestContext,
    pub(super) ask: &'d Ask,
    /// The glass is broken for the person asked about.
    pub(super) emergency: bool,
    /// The answer of the relation seam, once it was asked.
    pub(super) related: Option<bool>,
    pub(super) trace: Option<Vec<Reason>>,
}

fn deny(code: ErrorCode, reason: impl Into<Cow<'static, str>>) -> Decision {
    Decision::Deny(Denial::new(code, reason))
}

/// The most roles of one actor that are looked at.
const ROLES: usize = 16;

impl<'d> Decider<'d> {
    pub(super) async fn decide(&mut self) -> Result<Decision, Undecided> {
        let Some(kind) = self.policy.kinds.get(&*self.ask.kind).copied() else {
            return Ok(deny(ErrorCode::AccessDenied, "the policy does not know this kind of record"));
        };
        let Some(action) = action_at(self.ask.action) else {
            return Ok(deny(ErrorCode::AccessDenied, "the policy does not know this action"));
        };
        let (roles, count) = self.roles();
        let roles = roles.get(..count).unwrap_or_default();
        if roles.is_empty() {
            return Ok(deny(ErrorCode::AccessDenied, "the actor has no role of this policy"));
        }
        let asked = self.context.asked_purpose().filter(|purpose| purpose.as_str() == EMERGENCY_PURPOSE);
        if asked.is_some() {
            if let Some(denied) = self.no_emergency(roles).await? {
                return Ok(denied);
            }
            self.emergency = true;
        }
        let Some(purpose) = asked.or_else(|| self.purpose(roles, kind, action)) else {
            return Ok(deny(ErrorCode::PurposeDenied, "no role of the actor may act for this purpose"));
        };
        let decision = self.cell(roles, purpose, kind, action).await?;
        let Decision::Allow(terms) = decision else { return Ok(decision) };
        let terms = match self.ask.action {
            Action::ReadChart => self.chart(roles, purpose, terms).await?,
            Action::Create if matches!(self.context.actor(), Actor::System { .. }) => {
                self.batch(roles, purpose, action, terms).await?
            }
            _ => terms,
        };
        let terms = terms.for_purpose(Some(purpose.clone()));
        // The beginning of an emergency is recorded like the rest of it.
        let begins = self.ask.action == Action::Create && self.ask.kind == BREAK_GLASS;
        Ok(Decision::Allow(if self.emergency || begins { terms.as_emergency() } else { terms }))
    }

    /// The roles that count: known, and for people or for jobs as the actor is.
    fn roles(&self) -> ([usize; ROLES], usize) {
        let system = matches!(self.context.actor(), Actor::System { .. });
        let (mut found, mut count) = ([0; ROLES], 0);
        for role in self.context.actor().roles() {
            let known = self.policy.roles.get(role).copied();
            let fits = |at: &usize| self.policy.role_rows.get(*at).is_some_and(|row| row.system == system);
            if let (Some(at), Some(slot)) = (known.filter(fits), found.get_mut(count)) {
                *slot = at;
                count += 1;
            }
        }
        (found, count)
    }

    /// The purpose asked for, when a role lists it; else the default of the first role that has a rule for this.
    fn purpose(&self, roles: &[usize], kind: usize, action: usize) -> Option<&'d Purpose> {
        let policy = self.policy;
        let rows = || roles.iter().filter_map(move |role| Some((*role, policy.role_rows.get(*role)?)));
        if let Some(asked) = self.context.asked_purpose() {
            return rows().find_map(|(_, row)| row.purposes.iter().find(|purpose| *purpose == asked));
        }
        let has_rule = |role| policy.cell(role, kind, action).is_some_and(|cell| !cell.allow.is_empty());
        let best = rows().find(|(role, _)| has_rule(*role)).or_else(|| rows().next());
        best.and_then(|(_, row)| row.purposes.first())
    }

    /// What the roles' rules say of one kind and action.
    async fn cell(
        &mut self,
        roles: &[usize],
        purpose: &Purpose,
        kind: usize,
        action: usize,
    ) -> Result<Decision, Undecided> {
        let policy = self.policy;
        // Deny rules of every role count, whatever it is done for: no choice of purpose gets around one.
        let cells = || roles.iter().filter_map(move |role| policy.cell(*role, kind, action));
        let emergency = self.emergency;
        let acting = |role: &&usize| {
            let lists = |row: &RoleRow| emergency || row.purposes.contains(purpose);
            policy.role_rows.get(**role).is_some_and(lists)
        };
        let acting = roles.iter().filter(acting).filter_map(move |role| policy.cell(*role, kind, action));
        for prohibition in cells().flat_map(|cell| &cell.deny) {
            // An error here is an error of the whole decision, and so a denial.
            let holds = !matches!(self.holds(&prohibition.when).await?, Holds::No);
            self.note(
                &prohibition.rule,
                if holds { Effect::Denied } else { Effect::DidNotApply },
                &prohibition.why,
            );
            if holds {
                return Ok(deny(
                    ErrorCode::AccessDenied,
                    format!("{}: {}", prohibition.rule, prohibition.why),
                ));
            }
        }
        let never = cells().fold(FieldSet::NONE, |set, cell| set.union(cell.never));
        if let Some(terms) = self.whole(kind, acting.clone(), never).await? {
            return Ok(Decision::Allow(terms));
        }
        self.some(kind, acting, never).await
    }

    /// Terms by rules that hold for every row asked for. Those without a condition are tried first: where one stands no
    /// relation is looked up.
    async fn whole(
        &mut self,
        kind: usize,
        cells: impl Iterator<Item = &'d Cell> + Clone,
        never: FieldSet,
    ) -> Result<Option<Terms>, Undecided> {
        let (mut best, mut failed): (Option<(&Allowance, FieldSet)>, _) = (None, None);
        let emergency = self.emergency;
        for conditional in [false, true] {
            if conditional && best.is_some_and(|(_, hidden)| hidden == never) {
                break;
            }
            for rule in cells.clone().flat_map(|cell| cell.allowances(emergency)) {
                if conditional == matches!(rule.when, When::Always) {
                    continue;
                }
                // What another rule allows stays so when a relation cannot be looked up; it only hides more.
                let holds = match self.holds(&rule.when).await {
                    Ok(holds) => matches!(holds, Holds::Yes),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                };
                if holds {
                    self.note(&rule.rule, Effect::Allowed, "");
                    best = Some(best.map_or((rule, rule.hidden), |(first, hidden)| {
                        (first, hidden.intersection(rule.hidden))
                    }));
                }
            }
        }
        if let (None, Some(error)) = (&best, failed) {
            return Err(error);
        }
        Ok(best.map(|(rule, hidden)| {
            let parts = self.parts(kind, rule, hidden.union(never));
            Terms::new(RowFilter::All, parts).by_rule(Arc::clone(&rule.rule))
        }))
    }

    /// Terms by rules that hold for some rows.
    async fn some(
        &mut self,
        kind: usize,
        cells: impl Iterator<Item = &'d Cell> + Clone,
        never: FieldSet,
    ) -> Result<Decision, Undecided> {
        let (mut filters, mut hidden, mut first) = (Vec::new(), never, None);
        for rule in cells.flat_map(|cell| cell.allowances(false)) {
            if let Holds::Rows(filter) = self.holds(&rule.when).await? {
                self.note(&rule.rule, Effect::Allowed, "");
                first = first.or(Some(rule));
                hidden = hidden.union(rule.hidden);
                if !filters.contains(&filter) {
                    filters.push(filter);
                }
            } else {
                self.note(&rule.rule, Effect::DidNotApply, "");
            }
        }
        let Some(rule) = first else {
            return Ok(deny(ErrorCode::AccessDenied, "no rule of the actor's roles allows this"));
        };
        let rows = match filters.pop() {
            Some(only) if filters.is_empty() => only,
            last => RowFilter::Any(filters.into_iter().chain(last).collect()),
        };
        let parts = self.parts(kind, rule, hidden);
        Ok(Decision::Allow(Terms::new(rows, parts).by_rule(Arc::clone(&rule.rule))))
    }

    /// The rule's own parts, or new ones when several rules together hide something else.
    fn parts(&self, kind: usize, rule: &Allowance, hidden: FieldSet) -> Arc<[Part]> {
        if hidden == rule.hidden {
            return Arc::clone(&rule.parts);
        }
        self.policy.schema.kinds.get(kind).map_or_else(|| Arc::from([]), |kind| part(kind, hidden).into())
    }

    /// A chart's parts: each kind that is part of charts and may be read about this person, with what is hidden of it.
    async fn chart(
        &mut self,
        roles: &[usize],
        purpose: &Purpose,
        mut terms: Terms,
    ) -> Result<Terms, Undecided> {
        let mut parts: Vec<Part> = terms.parts.to_vec();
        for (at, kind) in self.policy.schema.kinds.iter().enumerate() {
            if !kind.charted || *kind.name == *self.ask.kind {
                continue;
            }
            // Kinds of which only some rows would be given are left out: a chart is whole or it says so.
            if let Decision::Allow(Terms { rows: RowFilter::All, parts: given, .. }) =
                self.cell(roles, purpose, at, 0).await?
            {
                parts.extend(given.iter().cloned());
            }
        }
        terms.parts = parts.into();
        Ok(terms)
    }

    /// A job's change may carry rows of every kind the job may create anyway: an imported bundle is one commit.
    async fn batch(
        &mut self,
        roles: &[usize],
        purpose: &Purpose,
        action: usize,
        mut terms: Terms,
    ) -> Result<Terms, Undecided> {
        let mut parts: Vec<Part> = terms.parts.to_vec();
        for (at, kind) in self.policy.schema.kinds.iter().enumerate() {
            if *kind.name == *self.ask.kind {
                continue;
            }
            if let Decision::Allow(Terms { rows: RowFilter::All, parts: given, .. }) =
                self.cell(roles, purpose, at, action).await?
            {
                parts.extend(given.iter().cloned());
            }
        }
        terms.parts = parts.into();
        Ok(terms)
    }

    async fn holds(&mut self, when: &When) -> Result<Holds, Undecided> {
        let profile =
            |kind: &Arc<str>| self.context.actor().profile().filter(|profile| *profile.kind == **kind);
        match when {
            When::Always => Ok(Holds::Yes),
            When::User { fact } => {
                Ok(self.context.actor().user().map_or(Holds::No, |id| self.column(fact, id.as_uuid())))
            }
            When::Profile { kind, fact } => {
                Ok(profile(kind).map_or(Holds::No, |profile| self.column(fact, profile.id)))
            }
            When::Related { kind } => match profile(kind) {
                None => Ok(Holds::No),
                Some(profile) => self.relation(profile).await,
            },
        }
    }

    /// Whether the column of every row asked for holds the id, as far as the ask itself tells.
    fn column(&self, fact: &'static str, id: Uuid) -> Holds {
        let known = match fact {
            "id" => self.ask.target,
            "subject_id" => self.ask.subject,
            _ => None,
        };
        match known {
            Some(known) if known == id => Holds::Yes,
            Some(_) => Holds::No,
            None => Holds::Rows(RowFilter::In(Cow::Borrowed(fact), Arc::from([id]))),
        }
    }

    async fn relation(&mut self, profile: &Profile) -> Result<Holds, Undecided> {
        let Some(subject) = self.ask.subject else {
            return Ok(Holds::Rows(RowFilter::Related(profile.clone())));
        };
        let related = match self.related {
            Some(known) => known,
            None => {
                let asked = self.relations.related(self.context, profile, subject).await;
                let related = asked.map_err(|error| Undecided(Box::new(error)))?;
                *self.related.insert(related)
            }
        };
        Ok(if related { Holds::Yes } else { Holds::No })
    }

    fn note(&mut self, rule: &Arc<str>, effect: Effect, why: &str) {
        if let Some(trace) = &mut self.trace {
            trace.push(Reason { rule: Arc::clone(rule), effect, why: Arc::from(why) });
        }
    }
}
