//! The authorisation seam: what is asked, and what a decision says.

use crate::{ErrorCode, FieldSet, Purpose, Record, RequestContext, RowFilter, UnknownField};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, sync::Arc};
use uuid::Uuid;

crate::code_enum! {
    /// What is done with records of a kind.
    pub enum Action {
        /// One record, by id.
        Read = "read",
        /// Records, page by page.
        List = "list",
        /// Records that match something of their protected fields.
        Search = "search",
        /// A new record.
        Create = "create",
        /// A record's next version.
        Update = "update",
        /// A record's end.
        Delete = "delete",
        /// Everything about one person.
        ReadChart = "read-chart",
        /// Coming in at all: sign-in, context. Not asked of the policy; written to the audit log.
        Enter = "enter",
    }
}

/// What is asked of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// What is to be done.
    pub action: Action,
    /// With which kind of record.
    pub kind: Cow<'static, str>,
    /// With which record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Uuid>,
    /// About whom, when that is known before the row is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Uuid>,
}

/// A kind of record that was granted, and which of its fields were not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    kind: Cow<'static, str>,
    #[serde(skip, default = "all_hidden")]
    fields: FieldSet,
    hidden: Arc<str>,
}

// A part that was read back from a log names what was hidden; it can release nothing.
const fn all_hidden() -> FieldSet {
    FieldSet::ALL
}

impl Part {
    /// All of `T`.
    #[must_use]
    pub fn whole<T: Record>() -> Self {
        Self { kind: Cow::Borrowed(T::KIND), fields: FieldSet::NONE, hidden: Arc::from("") }
    }

    /// `T` without the named fields.
    ///
    /// # Errors
    /// [`UnknownField`] for a name that `T` does not have.
    pub fn hiding<T: Record>(hidden: &[&str]) -> Result<Self, UnknownField> {
        Self::among(T::KIND, T::FIELDS, hidden)
    }

    /// A record known by its kind and its fields' names, without the named ones among them.
    ///
    /// # Errors
    /// [`UnknownField`] for a name that is not among `fields`.
    pub fn among(kind: &'static str, fields: &[&str], hidden: &[&str]) -> Result<Self, UnknownField> {
        let set = FieldSet::among(kind, fields, hidden)?;
        Ok(Self { kind: Cow::Borrowed(kind), fields: set, hidden: Arc::from(hidden.join(",")) })
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }
    /// The hidden fields.
    #[must_use]
    pub const fn fields(&self) -> FieldSet {
        self.fields
    }
    /// The hidden fields' names.
    pub fn hidden(&self) -> impl Iterator<Item = &str> {
        self.hidden.split(',').filter(|name| !name.is_empty())
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-[{}]", self.kind, self.hidden)
    }
}

/// Under which terms an access is allowed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// Which rows.
    pub rows: RowFilter,
    /// Which kinds, and which of their fields not. A chart has several; a kind that is missing is not given.
    pub parts: Arc<[Part]>,
    /// For which purpose: the one asked for, or the role's default.
    pub purpose: Option<Purpose>,
    /// The rule that decided, for the record.
    pub rule: Option<Arc<str>>,
    /// Emergency access: recorded in a second place rather than refused.
    pub emergency: bool,
}

impl Terms {
    /// These rows of these kinds.
    #[must_use]
    pub fn new(rows: RowFilter, parts: impl Into<Arc<[Part]>>) -> Self {
        Self { rows, parts: parts.into(), purpose: None, rule: None, emergency: false }
    }

    /// Every row of `T`, with every field.
    #[must_use]
    pub fn all<T: Record>() -> Self {
        Self::new(RowFilter::All, [Part::whole::<T>()])
    }

    /// For this purpose.
    #[must_use]
    pub fn for_purpose(mut self, purpose: Option<Purpose>) -> Self {
        self.purpose = purpose;
        self
    }

    /// Decided by this rule.
    #[must_use]
    pub fn by_rule(mut self, rule: Arc<str>) -> Self {
        self.rule = Some(rule);
        self
    }

    /// As emergency access.
    #[must_use]
    pub const fn as_emergency(mut self) -> Self {
        self.emergency = true;
        self
    }

    /// The hidden fields of `kind`, or `None` when the kind is not given at all.
    #[must_use]
    pub fn hidden(&self, kind: &str) -> Option<FieldSet> {
        self.parts.iter().find(|part| part.kind == kind).map(|part| part.fields)
    }
}

/// Why not. The explanation is for logs and reviewers; the caller sees the code's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    code: ErrorCode,
    reason: Cow<'static, str>,
}

impl Denial {
    /// A denial with a short reason without personal data.
    #[must_use]
    pub fn new(code: ErrorCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.code
    }
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// What the policy says.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Yes, under these terms.
    Allow(Terms),
    /// No.
    Deny(Denial),
}

/// The authorizer could not decide. The gate treats it as a denial.
#[derive(Debug, thiserror::Error)]
#[error("the decision could not be made")]
pub struct Undecided(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Decides.
///
/// # Contract
/// - An error means no.
/// - The decision depends on the context and the ask alone, and on what the authorizer itself looks up in the context's clinic.
/// - A record kind or action the authorizer does not know is denied.
#[async_trait]
pub trait Authorizer: fmt::Debug + Send + Sync {
    /// Decides one access.
    ///
    /// # Errors
    /// [`Undecided`] when something the decision depends on could not be looked up.
    async fn decide(&self, context: &RequestContext, ask: &Ask) -> Result<Decision, Undecided>;
}

#[async_trait]
impl<A: Authorizer + ?Sized> Authorizer for Arc<A> {
    async fn decide(&self, context: &RequestContext, ask: &Ask) -> Result<Decision, Undecided> {
        (**self).decide(context, ask).await
    }
}
