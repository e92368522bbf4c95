//! From text to table. Everything is resolved here, so that a decision cannot meet a name it does not know.

use super::{
    EMERGENCY_PURPOSE, PolicyError, Schema,
    file::{self, File, RoleText, Word},
    schema::Kind,
    table::{ACTIONS, Allowance, Cell, Policy, Prohibition, RoleRow, When, action_at},
};
use healthcare_core::{Action, FieldSet, Part, Purpose, Role};
use std::{collections::HashMap, sync::Arc};

#[cfg(feature = "clinic")]
impl Policy {
    /// The text of the policy this crate brings: 16 roles of a clinic and three of its jobs. A host that wants another copies
    /// it and loads its own with [`Policy::load`].
    pub const CLINIC: &'static str = include_str!("../../policies/clinic.toml");

    /// The policy this crate brings.
    ///
    /// # Errors
    /// None in a released version: a test loads it.
    pub fn clinic() -> Result<Self, PolicyError> {
        Self::load(Self::CLINIC, Schema::clinic())
    }
}

impl Policy {
    /// Loads a policy for the records of `schema`.
    ///
    /// ```
    /// # #[cfg(feature = "clinic")] {
    /// use healthcare_rbac::policy::{Policy, Schema};
    /// let text = r#"
    /// version = 1
    /// purposes = { TREAT = "Treatment" }
    /// [roles.DOCTOR]
    /// about = "Treats patients"
    /// purposes = ["TREAT"]
    /// allow = [{ on = ["pateint"], do = ["read"] }]
    /// "#;
    /// let error = Policy::load(text, Schema::clinic()).unwrap_err();
    /// assert!(error.to_string().starts_with("line 7, column 18: no record kind `pateint`"), "{error}");
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PolicyError`] with the place in the text for a syntax error, an unknown role, kind, field, action, purpose or
    /// condition, a cycle of inheritance, a role without a purpose, or one that would see what it must not.
    pub fn load(text: &str, schema: Schema) -> Result<Self, PolicyError> {
        schema.check()?;
        let file = file::read(text)?;
        Compiler { text, schema: &schema, file: &file }.build().map(|(role_rows, cells)| {
            let kinds = schema.kinds.iter().enumerate().map(|(at, kind)| (kind.name, at)).collect();
            let roles = role_rows
                .iter()
                .enumerate()
                .map(|(at, row): (usize, &RoleRow)| (row.name.clone(), at))
                .collect();
            let digest = crate::secret::sha256(text.as_bytes());
            Self { kinds, roles, role_rows, cells, digest, schema }
        })
    }
}

struct Compiler<'t> {
    text: &'t str,
    schema: &'t Schema,
    file: &'t File,
}

/// A cell while rules are still coming in.
#[derive(Default)]
struct Draft {
    allow: Vec<(When, FieldSet, Arc<str>)>,
    deny: Vec<Prohibition>,
    never: FieldSet,
    emergency: Vec<(FieldSet, Arc<str>)>,
}

impl<'t> Compiler<'t> {
    fn wrong(&self, word: &Word, problem: impl Into<String>) -> PolicyError {
        PolicyError::at(self.text, word.span().start, problem)
    }

    fn build(&self) -> Result<(Vec<RoleRow>, Vec<Cell>), PolicyError> {
        if *self.file.version.get_ref() != 1 {
            let at = self.file.version.span().start;
            return Err(PolicyError::at(self.text, at, "this program reads version 1"));
        }
        for code in self.file.purposes.keys() {
            self.purpose(code)?;
        }
        for (name, condition) in &self.file.conditions {
            self.condition(name, condition)?;
        }
        let (mut rows, mut cells) = (Vec::new(), Vec::new());
        for (name, role) in &self.file.roles {
            let mut row = self.role(name, role)?;
            let drafts = self.drafts(name)?;
            row.emergency = drafts.iter().any(|draft| !draft.emergency.is_empty());
            if row.emergency && role.system {
                return Err(self.wrong(name, "a job of the system has no emergencies"));
            }
            if !role.is_abstract {
                cells.extend(self.seal(name, role, drafts)?);
                rows.push(row);
            }
        }
        Ok((rows, cells))
    }

    fn role(&self, name: &Word, role: &RoleText) -> Result<RoleRow, PolicyError> {
        let parsed: Role = name.get_ref().parse().map_err(|_| {
            self.wrong(
                name,
                "a role is 2 to 40 capital letters, digits and underscores, beginning with a letter",
            )
        })?;
        if role.about.get_ref().trim().is_empty() {
            return Err(PolicyError::at(self.text, role.about.span().start, "say who has this role"));
        }
        if role.is_abstract != role.purposes.is_empty() {
            return Err(self
                .wrong(name, "every role lists its purposes, the default first; an abstract one has none"));
        }
        let purposes = role.purposes.iter().map(|code| self.known_purpose(code)).collect::<Result<_, _>>()?;
        Ok(RoleRow {
            name: parsed,
            about: role.about.get_ref().trim().into(),
            system: role.system,
            purposes,
            emergency: false,
        })
    }

    fn purpose(&self, code: &Word) -> Result<Purpose, PolicyError> {
        if code.get_ref() == EMERGENCY_PURPOSE {
            return Err(
                self.wrong(code, "ETREAT is emergency access: it takes break-glass, which no role can list")
            );
        }
        code.get_ref().parse().map_err(|_| self.wrong(code, "a purpose of use is a code such as TREAT"))
    }

    fn known_purpose(&self, code: &Word) -> Result<Purpose, PolicyError> {
        let purpose = self.purpose(code)?;
        if self.file.purposes.keys().any(|known| known.get_ref() == code.get_ref()) {
            return Ok(purpose);
        }
        Err(self.wrong(
            code,
            format!("no purpose `{}`: add it to [purposes] or choose one there", code.get_ref()),
        ))
    }

    fn condition(&self, name: &Word, condition: &file::Condition) -> Result<(), PolicyError> {
        let who = usize::from(condition.profile.is_some()) + usize::from(condition.user);
        let what = usize::from(condition.column.is_some()) + usize::from(condition.related);
        if who != 1 || what != 1 || (condition.related && condition.user) {
            let problem = "a condition has `profile` or `user = true`, and `column` or (with a profile) `related = true`";
            return Err(self.wrong(name, problem));
        }
        if condition.about.trim().is_empty() {
            return Err(self.wrong(name, "say what the condition means"));
        }
        match &condition.profile {
            Some(kind) if self.schema.at(kind.get_ref()).is_none() => Err(self.unknown_kind(kind)),
            _ => Ok(()),
        }
    }

    fn unknown_kind(&self, word: &Word) -> PolicyError {
        let known: Vec<_> = self.schema.kinds().collect();
        self.wrong(word, format!("no record kind `{}`; there are: {}", word.get_ref(), known.join(", ")))
    }

    /// The role and everything it inherits, nearest first, each once.
    fn lineage(&self, name: &'t Word) -> Result<Vec<(&'t Word, &'t RoleText)>, PolicyError> {
        let mut line: Vec<(&Word, &RoleText)> = Vec::new();
        let mut open = vec![(name, Vec::<&str>::new())];
        while let Some((word, mut path)) = open.pop() {
            let Some((defined, role)) = self.file.roles.get_key_value(word) else {
                return Err(self.wrong(word, format!("no role `{}`", word.get_ref())));
            };
            if path.contains(&word.get_ref().as_str()) {
                return Err(self.wrong(word, format!("`{}` inherits from itself", word.get_ref())));
            }
            if role.system && !path.is_empty() {
                return Err(self.wrong(word, "a system role is not inherited"));
            }
            path.push(word.get_ref());
            open.extend(role.inherits.iter().map(|parent| (parent, path.clone())));
            if !line.iter().any(|(known, _)| known.get_ref() == defined.get_ref()) {
                line.push((defined, role));
            }
        }
        Ok(line)
    }

    fn drafts(&self, name: &'t Word) -> Result<Vec<Draft>, PolicyError> {
        let mut drafts = Vec::new();
        drafts.resize_with(self.schema.kinds.len() * ACTIONS, Draft::default);
        for (from, role) in self.lineage(name)? {
            for (number, rule) in (1..).zip(&role.allow) {
                let id: Arc<str> = format!("{}.allow.{number}", from.get_ref()).into();
                self.allow(rule.get_ref(), &id, &mut drafts)?;
            }
            for (number, rule) in (1..).zip(&role.deny) {
                let id: Arc<str> = format!("{}.deny.{number}", from.get_ref()).into();
                self.deny(rule.get_ref(), &id, &mut drafts)?;
            }
            for (number, rule) in (1..).zip(&role.emergency) {
                let id: Arc<str> = format!("{}.emergency.{number}", from.get_ref()).into();
                self.emergency(rule.get_ref(), &id, &mut drafts)?;
            }
        }
        Ok(drafts)
    }

    fn allow(&self, rule: &'t file::Allow, id: &Arc<str>, drafts: &mut [Draft]) -> Result<(), PolicyError> {
        for (at, kind) in self.kinds(&rule.on, false)? {
            let hidden = self.fields(kind, &rule.hide, rule.on.len() > 1)?;
            let when = self.when(rule.when.as_ref(), kind)?;
            for action in self.actions(&rule.actions)? {
                if let Some(draft) = drafts.get_mut(at * ACTIONS + action) {
                    draft.allow.push((when.clone(), hidden, Arc::clone(id)));
                }
            }
        }
        self.every_field_is_somewhere(&rule.on, &rule.hide)
    }

    fn emergency(
        &self,
        rule: &'t file::Allow,
        id: &Arc<str>,
        drafts: &mut [Draft],
    ) -> Result<(), PolicyError> {
        if let Some(when) = &rule.when {
            return Err(
                self.wrong(when, "the condition of an emergency rule is the broken glass: leave `when` out")
            );
        }
        for word in &rule.actions {
            if !["read", "list", "read-chart"].contains(&word.get_ref().as_str()) {
                return Err(self.wrong(word, "in an emergency it is read: read, list and read-chart"));
            }
        }
        for (at, kind) in self.kinds(&rule.on, false)? {
            let hidden = self.fields(kind, &rule.hide, rule.on.len() > 1)?;
            for action in self.actions(&rule.actions)? {
                if let Some(draft) = drafts.get_mut(at * ACTIONS + action) {
                    draft.emergency.push((hidden, Arc::clone(id)));
                }
            }
        }
        self.every_field_is_somewhere(&rule.on, &rule.hide)
    }

    fn deny(&self, rule: &'t file::Deny, id: &Arc<str>, drafts: &mut [Draft]) -> Result<(), PolicyError> {
        if let (Some(when), false) = (&rule.when, rule.fields.is_empty()) {
            return Err(self.wrong(when, "fields are denied on every row: leave `when` out"));
        }
        for (at, kind) in self.kinds(&rule.on, true)? {
            let fields = self.fields(kind, &rule.fields, true)?;
            let when = self.when(rule.when.as_ref(), kind)?;
            for action in self.actions(&rule.actions)? {
                let Some(draft) = drafts.get_mut(at * ACTIONS + action) else { continue };
                if rule.fields.is_empty() {
                    let why = Arc::from(rule.why.as_str());
                    draft.deny.push(Prohibition { when: when.clone(), rule: Arc::clone(id), why });
                } else {
                    draft.never = draft.never.union(fields);
                }
            }
        }
        self.every_field_is_somewhere(&rule.on, &rule.fields)
    }

    fn kinds(&self, on: &'t [Word], all: bool) -> Result<Vec<(usize, &'t Kind)>, PolicyError> {
        if let (true, [only]) = (all, on)
            && only.get_ref() == "*"
        {
            return Ok(self.schema.kinds.iter().enumerate().collect());
        }
        let find = |word: &Word| {
            let at = self.schema.at(word.get_ref());
            at.and_then(|at| self.schema.kinds.get(at).map(|kind| (at, kind)))
                .ok_or_else(|| self.unknown_kind(word))
        };
        on.iter().map(find).collect()
    }

    fn actions(&self, words: &[Word]) -> Result<Vec<usize>, PolicyError> {
        if let [only] = words
            && only.get_ref() == "*"
        {
            return Ok((0..ACTIONS).collect());
        }
        let find = |word: &Word| {
            let known = word.get_ref().parse::<Action>().ok().and_then(action_at);
            known.ok_or_else(|| {
                let problem =
                    "no action `{}`; there are: read, list, search, create, update, delete, read-chart";
                self.wrong(word, problem.replace("{}", word.get_ref()))
            })
        };
        words.iter().map(find).collect()
    }

    /// The fields of `kind` among `words`. A rule over several kinds may name fields that only some of them have.
    fn fields(&self, kind: &Kind, words: &[Word], shared: bool) -> Result<FieldSet, PolicyError> {
        if let [only] = words
            && only.get_ref() == "*"
        {
            return FieldSet::among(kind.name, kind.fields, kind.fields)
                .map_err(|e| self.wrong(only, e.to_string()));
        }
        let mut set = FieldSet::NONE;
        for word in words {
            match FieldSet::among(kind.name, kind.fields, &[word.get_ref()]) {
                Ok(one) => set = set.union(one),
                Err(_) if shared => {}
                Err(error) => return Err(self.wrong(word, error.to_string())),
            }
        }
        Ok(set)
    }

    /// A field that no kind of its rule has is a slip of the pen, and would leave something visible.
    fn every_field_is_somewhere(&self, on: &'t [Word], fields: &[Word]) -> Result<(), PolicyError> {
        let kinds = self.kinds(on, true)?;
        let missing = fields.iter().find(|field| {
            field.get_ref() != "*"
                && !kinds.iter().any(|(_, kind)| kind.fields.contains(&field.get_ref().as_str()))
        });
        missing.map_or(Ok(()), |field| {
            Err(self.wrong(field, format!("no kind of this rule has a field `{}`", field.get_ref())))
        })
    }

    fn when(&self, word: Option<&Word>, kind: &Kind) -> Result<When, PolicyError> {
        let Some(word) = word else { return Ok(When::Always) };
        let Some(condition) = self.file.conditions.get(word) else {
            return Err(
                self.wrong(word, format!("no condition `{}`: add it to [conditions]", word.get_ref()))
            );
        };
        let profile = condition.profile.as_ref().map(|kind| Arc::<str>::from(kind.get_ref().as_str()));
        let Some(column) = &condition.column else {
            return Ok(When::Related { kind: profile.unwrap_or_default() });
        };
        let known = kind.facts.iter().copied().find(|fact| *fact == column.get_ref());
        let fact = known.ok_or_else(|| {
            let problem = format!(
                "`{}` has no id column `{}`, which this condition asks for",
                kind.name,
                column.get_ref()
            );
            self.wrong(word, problem)
        })?;
        Ok(profile.map_or(When::User { fact }, |kind| When::Profile { kind, fact }))
    }

    fn seal(&self, name: &Word, role: &RoleText, drafts: Vec<Draft>) -> Result<Vec<Cell>, PolicyError> {
        let mut parts = HashMap::new();
        let kinds = self.schema.kinds.iter().flat_map(|kind| std::iter::repeat_n(kind, ACTIONS));
        let mut cells = Vec::with_capacity(drafts.len());
        for (kind, draft) in kinds.zip(drafts) {
            let Draft { allow, deny, never, emergency } = draft;
            let mut allowance = |(when, hidden, rule): (When, FieldSet, Arc<str>)| {
                let hidden = hidden.union(never);
                if !role.phi && hidden.names(kind.fields).count() < kind.fields.len() {
                    let problem =
                        format!("`phi = false`, but rule {rule} shows protected fields of `{}`", kind.name);
                    return Err(self.wrong(name, problem));
                }
                let parts =
                    Arc::clone(parts.entry((kind.name, hidden)).or_insert_with(|| part(kind, hidden).into()));
                Ok(Allowance { when, hidden, parts, rule })
            };
            let emergency = emergency.into_iter().map(|(hidden, rule)| (When::Always, hidden, rule));
            cells.push(Cell {
                emergency: emergency.map(&mut allowance).collect::<Result<_, _>>()?,
                allow: allow.into_iter().map(&mut allowance).collect::<Result<_, _>>()?,
                deny: deny.into(),
                never,
            });
        }
        Ok(cells)
    }
}

/// The part of terms that gives `kind` without `hidden`.
pub(super) fn part(kind: &Kind, hidden: FieldSet) -> Vec<Part> {
    let names: Vec<&str> = hidden.names(kind.fields).collect();
    // The names are the kind's own, so this is one part; were it none, nothing would be given.
    Part::among(kind.name, kind.fields, &names).into_iter().collect()
}
