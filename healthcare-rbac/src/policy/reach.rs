//! What a policy could allow, for menus and buttons.

use super::table::{Policy, When, action_at};
use healthcare_core::{Action, Actor};

/// How far the rules of an actor's roles reach. It says what is worth offering; the gate decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reach {
    /// No rule allows it for any row.
    Nothing,
    /// For some rows: the actor's own, or those of people they treat.
    Some,
    /// For every row of the clinic.
    All,
}

impl Policy {
    /// How far an actor's roles reach, for whichever of their purposes.
    ///
    /// ```
    /// use healthcare_core::{Action, Actor, UserId};
    /// use healthcare_rbac::policy::{Policy, Reach};
    /// let policy = Policy::clinic()?;
    /// let nurse = Actor::User { id: UserId::random(), roles: ["NURSE".parse()?].into(), profile: None };
    /// assert_eq!(policy.reach(&nurse, "appointment", Action::List), Reach::All);
    /// assert_eq!(policy.reach(&nurse, "audit", Action::List), Reach::Nothing);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn reach(&self, actor: &Actor, kind: &str, action: Action) -> Reach {
        let Some((kind, action)) = self.kinds.get(kind).copied().zip(action_at(action)) else {
            return Reach::Nothing;
        };
        let system = matches!(actor, Actor::System { .. });
        let fits = |at: &usize| self.role_rows.get(*at).is_some_and(|row| row.system == system);
        let roles = actor.roles().iter().filter_map(|role| self.roles.get(role).copied()).filter(fits);
        let cells = roles.filter_map(|role| self.cell(role, kind, action)).collect::<Vec<_>>();
        let allowed = cells.iter().flat_map(|cell| &cell.allow).map(|rule| of(&rule.when, actor));
        let denied = cells.iter().flat_map(|cell| &cell.deny).map(|rule| of(&rule.when, actor));
        match (allowed.max().unwrap_or(Reach::Nothing), denied.max().unwrap_or(Reach::Nothing)) {
            (_, Reach::All) => Reach::Nothing,
            (allowed, Reach::Some) => allowed.min(Reach::Some),
            (allowed, Reach::Nothing) => allowed,
        }
    }
}

fn of(when: &When, actor: &Actor) -> Reach {
    let has = |kind: &str| actor.profile().is_some_and(|profile| profile.kind == kind);
    let some = match when {
        When::Always => return Reach::All,
        When::User { .. } => actor.user().is_some(),
        When::Profile { kind, .. } | When::Related { kind } => has(kind),
    };
    if some { Reach::Some } else { Reach::Nothing }
}
