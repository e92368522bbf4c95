//! Rows between the repository and the release.

use crate::{Cursor, Record};
use std::{fmt, sync::Arc};
use uuid::Uuid;

/// A row nobody can look into. A cache may keep it and hand it on; only a release opens it.
pub struct Sealed<T> {
    row: Arc<T>,
    boundary: u64,
    /// The case whose query decided the row's relations.
    decided: Option<u64>,
}

impl<T> Sealed<T> {
    pub(super) const fn new(row: Arc<T>, boundary: u64, decided: Option<u64>) -> Self {
        Self { row, boundary, decided }
    }
    pub(crate) fn row(&self) -> &T {
        &self.row
    }
    pub(super) fn into_row(self) -> Arc<T> {
        self.row
    }
    pub(super) const fn boundary(&self) -> u64 {
        self.boundary
    }
    pub(super) fn decided_for(&self, case: u64) -> bool {
        self.decided == Some(case)
    }
}

impl<T: Record> Sealed<T> {
    /// Whose row it is: with that person's data a cache forgets it.
    #[must_use]
    pub fn subject(&self) -> Option<Uuid> {
        self.row.subject()
    }
    /// Whether a join decided it, so that it is only good for the access it was read under: a cache does not keep it.
    #[must_use]
    pub const fn is_joined(&self) -> bool {
        self.decided.is_some()
    }
    /// The version of the row, which is no secret: caches compare it.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.row.version()
    }
}

impl<T> Clone for Sealed<T> {
    fn clone(&self) -> Self {
        Self { row: Arc::clone(&self.row), boundary: self.boundary, decided: self.decided }
    }
}
impl<T> fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

/// A repository's answer to a read of one record: a sealed row or none.
#[must_use = "a row is read by the grant's release"]
pub struct Row<T>(pub(super) Option<Sealed<T>>);

impl<T> Row<T> {
    /// The answer.
    pub const fn of(sealed: Option<Sealed<T>>) -> Self {
        Self(sealed)
    }
    /// What is in it, still sealed: for caches.
    #[must_use]
    pub const fn sealed(&self) -> Option<&Sealed<T>> {
        self.0.as_ref()
    }
}
impl<T> fmt::Debug for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Row")
    }
}

/// A repository's answer to a listing: one page of sealed rows.
#[must_use = "rows are read by the grant's release"]
pub struct Rows<T> {
    pub(super) rows: Vec<Sealed<T>>,
    pub(super) next: Option<Cursor>,
}

impl<T> Rows<T> {
    /// The only page, or the last.
    pub const fn last(rows: Vec<Sealed<T>>) -> Self {
        Self { rows, next: None }
    }
    /// A page with another after it.
    pub const fn page(rows: Vec<Sealed<T>>, next: Option<Cursor>) -> Self {
        Self { rows, next }
    }
    /// How many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({})", self.rows.len())
    }
}
