//! The compiled policy: a table by role, kind and action.

use super::schema::Schema;
use healthcare_core::{Action, FieldSet, Part, Purpose, Role};
use std::{collections::HashMap, fmt, sync::Arc};

/// A policy, loaded and checked. Immutable: a change is another policy.
pub struct Policy {
    pub(super) schema: Schema,
    pub(super) kinds: HashMap<&'static str, usize>,
    pub(super) roles: HashMap<Role, usize>,
    pub(super) role_rows: Vec<RoleRow>,
    /// `[role][kind][action]`, flat.
    pub(super) cells: Vec<Cell>,
    pub(super) digest: [u8; 32],
}

pub(super) struct RoleRow {
    pub(super) name: Role,
    pub(super) about: Box<str>,
    pub(super) system: bool,
    pub(super) purposes: Box<[Purpose]>,
    pub(super) emergency: bool,
}

impl RoleRow {
    pub(super) const fn breaks_glass(&self) -> bool {
        self.emergency
    }
}

/// Everything the policy says about one role, kind and action.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) allow: Box<[Allowance]>,
    /// What holds for one person while the glass is broken, besides.
    pub(super) emergency: Box<[Allowance]>,
    pub(super) deny: Box<[Prohibition]>,
    /// Fields that are hidden whatever an allowance says.
    pub(super) never: FieldSet,
}

impl Cell {
    /// The rules that allow, those for emergencies first: where one hides nothing the others are not looked at.
    pub(super) fn allowances(&self, emergency: bool) -> impl Iterator<Item = &Allowance> {
        let besides: &[Allowance] = if emergency { &self.emergency } else { &[] };
        besides.iter().chain(&self.allow)
    }
}

pub(super) struct Allowance {
    pub(super) when: When,
    /// Hidden by this rule and by the cell.
    pub(super) hidden: FieldSet,
    /// The same as a part of terms, ready to hand out.
    pub(super) parts: Arc<[Part]>,
    pub(super) rule: Arc<str>,
}

pub(super) struct Prohibition {
    pub(super) when: When,
    pub(super) rule: Arc<str>,
    pub(super) why: Arc<str>,
}

/// A condition, resolved.
#[derive(Clone)]
pub(super) enum When {
    Always,
    /// The column holds the id of the reader's profile, which is of this kind.
    Profile {
        kind: Arc<str>,
        fact: &'static str,
    },
    /// The column holds the reader's user id.
    User {
        fact: &'static str,
    },
    /// The reader's profile, which is of this kind, is related to the row's subject.
    Related {
        kind: Arc<str>,
    },
}

pub(super) const ACTIONS: usize = 7;

/// The place of an action in the table; none for what is not asked of a policy.
pub(super) const fn action_at(action: Action) -> Option<usize> {
    match action {
        Action::Read => Some(0),
        Action::List => Some(1),
        Action::Search => Some(2),
        Action::Create => Some(3),
        Action::Update => Some(4),
        Action::Delete => Some(5),
        Action::ReadChart => Some(6),
        _ => None,
    }
}

impl Policy {
    pub(super) fn cell(&self, role: usize, kind: usize, action: usize) -> Option<&Cell> {
        let kinds = self.schema.kinds.len();
        self.cells.get((role * kinds + kind) * ACTIONS + action)
    }

    /// The roles people can have, then those of jobs, each with who has it.
    pub fn roles(&self) -> impl Iterator<Item = (&Role, &str, bool)> {
        let mut rows: Vec<&RoleRow> = self.role_rows.iter().collect();
        rows.sort_by(|a, b| (a.system, &a.name).cmp(&(b.system, &b.name)));
        rows.into_iter().map(|row| (&row.name, &*row.about, row.system))
    }

    /// Whether people can have this role.
    #[must_use]
    pub fn knows_role(&self, role: &Role) -> bool {
        self.roles.get(role).and_then(|at| self.role_rows.get(*at)).is_some_and(|row| !row.system)
    }

    /// The purposes a role may act for; the first is its default.
    #[must_use]
    pub fn purposes(&self, role: &Role) -> &[Purpose] {
        self.roles.get(role).and_then(|at| self.role_rows.get(*at)).map_or(&[], |row| &row.purposes)
    }

    /// Whether a role may break the glass: it has rules for emergencies.
    #[must_use]
    pub fn breaks_glass(&self, role: &Role) -> bool {
        self.roles.get(role).and_then(|at| self.role_rows.get(*at)).is_some_and(RoleRow::breaks_glass)
    }

    /// SHA-256 of the text it was loaded from.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("roles", &self.role_rows.len()).finish_non_exhaustive()
    }
}
