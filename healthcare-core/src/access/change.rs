//! Changes: everything that is committed together, as one argument.

use super::{Released, case::Case};
use crate::{
    AccessError, AuditEvent, Claims, ClinicId, ClinicScope, DomainEvent, FieldSet, Id, Kernel, KindCount,
    Outcome, PhiWriter, PlainColumn, Record, Term, UserId, Value,
};
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use std::{any::Any, collections::BTreeSet, fmt, sync::Arc};
use uuid::Uuid;

/// What a write does with its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Write {
    /// Stores a new row; one with this id is refused.
    Insert,
    /// Stores a new row; one with this id is kept as it is.
    InsertAbsent,
    /// Stores the next version; refused when the stored version is not the row's.
    Update,
    /// Removes the row; refused when the stored version is not the row's.
    Delete,
}

/// A row of any kind, as storage sees it: plain columns, and protected fields that it can seal but not read.
pub trait ErasedRow: fmt::Debug + Send + Sync {
    /// The record's kind.
    fn kind(&self) -> &'static str;
    /// The record's id.
    fn id(&self) -> Uuid;
    /// Whose it is.
    fn subject(&self) -> Option<Uuid>;
    /// The version it was read at; 0 for a new one.
    fn version(&self) -> i64;
    /// The plain columns.
    fn plain_columns(&self) -> &'static [PlainColumn];
    /// Their values, in the same order.
    fn columns(&self) -> Vec<Value>;
    /// The record itself, for storage that keeps records as they are. Its protected fields stay protected.
    fn as_any(&self) -> Arc<dyn Any + Send + Sync>;
    #[doc(hidden)]
    fn phi(&self, kernel: &Kernel) -> Vec<u8>;
    #[doc(hidden)]
    fn terms(&self, kernel: &Kernel) -> Vec<Term>;
    #[doc(hidden)]
    fn bumped(&self, kernel: &Kernel) -> Arc<dyn Any + Send + Sync>;
}

#[derive(Debug)]
struct Erased<T>(Arc<T>);

impl<T: Record> ErasedRow for Erased<T> {
    fn kind(&self) -> &'static str {
        T::KIND
    }
    fn id(&self) -> Uuid {
        self.0.id().as_uuid()
    }
    fn subject(&self) -> Option<Uuid> {
        self.0.subject()
    }
    fn version(&self) -> i64 {
        self.0.version()
    }
    fn plain_columns(&self) -> &'static [PlainColumn] {
        T::COLUMNS
    }
    fn columns(&self) -> Vec<Value> {
        self.0.columns()
    }
    fn as_any(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::clone(&self.0) as Arc<dyn Any + Send + Sync>
    }
    fn phi(&self, _: &Kernel) -> Vec<u8> {
        phi_json(&*self.0)
    }
    fn terms(&self, kernel: &Kernel) -> Vec<Term> {
        self.0.terms(kernel)
    }
    fn bumped(&self, kernel: &Kernel) -> Arc<dyn Any + Send + Sync> {
        let mut row = (*self.0).clone();
        row.set_version(kernel, self.0.version() + 1);
        Arc::new(row)
    }
}

fn phi_map<T: Record>(row: &T) -> Map<String, Json> {
    let mut writer = PhiWriter(Map::new());
    row.write_phi(&mut writer);
    writer.0
}

pub(crate) fn phi_json<T: Record>(row: &T) -> Vec<u8> {
    serde_json::to_vec(&phi_map(row)).unwrap_or_default()
}

/// The first hidden field that the row sets to something.
pub(super) fn set_hidden<T: Record>(row: &T, hidden: FieldSet) -> Option<&'static str> {
    if hidden.is_empty() {
        return None;
    }
    let values = phi_map(row);
    hidden.names(T::FIELDS).find(|name| values.get(*name).is_some_and(|value| !value.is_null()))
}

/// One row of a change.
#[derive(Debug)]
pub struct WriteRow {
    how: Write,
    row: Box<dyn ErasedRow>,
}

impl WriteRow {
    fn new<T: Record>(how: Write, row: T) -> Self {
        Self { how, row: Box::new(Erased(Arc::new(row))) }
    }
    /// What is done with it.
    #[must_use]
    pub const fn how(&self) -> Write {
        self.how
    }
    /// The row.
    #[must_use]
    pub fn row(&self) -> &dyn ErasedRow {
        &*self.row
    }
    /// The row under its next version: for storage that keeps records as they are.
    #[must_use]
    pub fn next(&self) -> Arc<dyn Any + Send + Sync> {
        self.row.bumped(&Kernel(()))
    }
    /// What the row can be found by, as normalised text. Only for storage in memory: other storage asks for keyed tokens.
    pub(crate) fn terms(&self) -> Vec<Term> {
        self.row.terms(&Kernel(()))
    }
}

/// A row that a change writes, by name alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Touched {
    /// What is done with it.
    pub how: Write,
    /// Its record's kind.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub subject: Option<Uuid>,
}

/// An answer kept with the change it belongs to, so that a repeated request gets it again instead of doing it twice.
#[derive(Clone)]
pub struct Remember {
    /// A hash of the idempotency key.
    pub key: [u8; 32],
    /// A hash of the request, so that another request under the same key is refused.
    pub request: [u8; 32],
    /// The answer, sealed.
    pub reply: Vec<u8>,
}

impl fmt::Debug for Remember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remember")
    }
}

/// Rows, outcome record, events, claims and answer of one change: one argument of one commit.
///
/// Dropping it uncommitted records the access as abandoned.
#[must_use = "a change is stored by a repository's commit"]
pub struct Change<T: Record> {
    pub(super) case: Case,
    pub(super) rows: Vec<WriteRow>,
    pub(super) claims: Claims,
    pub(super) events: Vec<DomainEvent>,
    pub(super) remember: Option<Remember>,
    root: Arc<T>,
}

impl<T: Record> Change<T> {
    /// The most rows one change may hold.
    pub const ROWS_MAX: usize = 20_000;

    pub(super) fn new(case: Case, how: Write, row: T) -> Self {
        let mut root = row.clone();
        root.set_version(&Kernel(()), row.version() + 1);
        Self {
            case,
            rows: vec![WriteRow::new(how, row)],
            claims: Claims::default(),
            events: Vec::new(),
            remember: None,
            root: Arc::new(root),
        }
    }

    /// The clinic.
    pub const fn clinic(&self) -> ClinicId {
        self.case.scope().clinic()
    }
    /// The record that was asked for.
    pub fn id(&self) -> Id<T> {
        self.root.id()
    }
    /// Whose it is.
    pub fn subject(&self) -> Option<Uuid> {
        self.root.subject()
    }
    /// The version the record will have.
    pub fn version(&self) -> i64 {
        self.root.version()
    }
    /// What it writes, row by row, the one that was asked for first: for whoever must forget what it knows of them.
    pub fn touched(&self) -> impl Iterator<Item = Touched> {
        self.rows.iter().map(|write| Touched {
            how: write.how(),
            kind: write.row().kind(),
            id: write.row().id(),
            subject: write.row().subject(),
        })
    }
    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }
    /// Never: a change has at least the row it was made of.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The record as it will be, for views that answer what was committed.
    #[must_use]
    pub fn preview(&self) -> Released<T> {
        let hidden = self.case.terms.hidden(T::KIND).unwrap_or(FieldSet::ALL);
        Released::new(Arc::clone(&self.root), hidden)
    }

    /// Adds a new row of another kind that belongs to the same clinic and person; one with its id is kept as it is.
    ///
    /// # Errors
    /// [`AccessError::ForeignRow`] when it does not, or when the terms do not give its kind; [`AccessError::TooMany`] beyond
    /// [`ROWS_MAX`](Self::ROWS_MAX).
    pub fn attach<R: Record>(mut self, row: R) -> Result<Self, AccessError> {
        self.push(row)?;
        Ok(self)
    }

    /// As [`attach`](Self::attach), in place: for many rows.
    ///
    /// # Errors
    /// As [`attach`](Self::attach). The change is as it was.
    pub fn push<R: Record>(&mut self, row: R) -> Result<(), AccessError> {
        let belongs = row.clinic() == self.clinic()
            && row.subject() == self.root.subject()
            && self.case.terms.rows.admits(&row, false);
        let hidden =
            self.case.terms.hidden(R::KIND).filter(|_| belongs).ok_or(AccessError::ForeignRow(R::KIND))?;
        if let Some(field) = set_hidden(&row, hidden) {
            return Err(AccessError::HiddenField(field));
        }
        if self.rows.len() >= Self::ROWS_MAX {
            return Err(AccessError::TooMany { limit: Self::ROWS_MAX });
        }
        self.rows.push(WriteRow::new(Write::InsertAbsent, row));
        Ok(())
    }

    /// Says what to do with the record's claims.
    pub fn claiming(mut self, claims: Claims) -> Self {
        self.claims = claims;
        self
    }

    /// Tells listeners, once the change is committed, that this happened to the record.
    pub fn event(mut self, kind: &'static str) -> Self {
        let (clinic, now) = (self.clinic(), self.case.now());
        self.events.push(DomainEvent::new::<T>(
            kind,
            (clinic, self.root.id(), self.root.version()),
            now,
            self.case.correlation(),
        ));
        self
    }

    /// Keeps an answer with the change.
    pub fn remembering(mut self, remember: Remember) -> Self {
        self.remember = Some(remember);
        self
    }
}

impl<T: Record> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change({} {}, {} rows)", T::KIND, self.root.id(), self.rows.len())
    }
}

/// A change as storage sees it, between begin and commit.
#[derive(Debug)]
pub struct Parts<'c> {
    pub(super) case: &'c Case,
    pub(super) rows: &'c [WriteRow],
    pub(super) claims: &'c Claims,
    pub(super) events: &'c [DomainEvent],
    pub(super) remember: Option<&'c Remember>,
}

impl Parts<'_> {
    /// The clinic, as proof.
    #[must_use]
    pub const fn scope(&self) -> ClinicScope {
        self.case.scope()
    }
    /// The rows; the first is the one that was asked for.
    #[must_use]
    pub const fn rows(&self) -> &[WriteRow] {
        self.rows
    }
    /// The id of the record that was asked for, which holds the claims.
    #[must_use]
    pub fn root(&self) -> Option<Uuid> {
        self.rows.first().map(|row| row.row().id())
    }
    /// What to do with its claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        self.claims
    }
    /// What to tell listeners.
    #[must_use]
    pub const fn events(&self) -> &[DomainEvent] {
        self.events
    }
    /// The answer to keep.
    #[must_use]
    pub const fn remember(&self) -> Option<&Remember> {
        self.remember
    }
    /// Who writes: idempotency keys are a user's own.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        self.case.actor().user()
    }
    /// When.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.case.now()
    }

    /// The outcome record that is committed with the rows. `written` counts what was really stored.
    #[must_use]
    pub fn outcome(&self, written: Vec<KindCount>) -> AuditEvent {
        let events = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let subjects: BTreeSet<Uuid> = self.rows.iter().filter_map(|row| row.row().subject()).collect();
        self.case.outcome(Outcome::Written {
            subjects: subjects.into_iter().collect(),
            counts: written,
            events,
        })
    }
}

/// A change that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The version of the record that was asked for.
    pub version: i64,
    /// What was stored, by kind.
    pub written: Vec<KindCount>,
    /// What existed already and was kept, by kind.
    pub kept: Vec<KindCount>,
}
