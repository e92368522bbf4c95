//! Everything about one person: rows of several kinds under one decision.

use super::{Released, Sealed, case::Case};
use crate::{AccessError, KindCount, Record};
use std::{any::Any, borrow::Cow, fmt};

/// The sealed rows of a chart, kind by kind, as a repository collects them.
#[must_use = "chart rows are read by the grant's release"]
#[derive(Default)]
pub struct ChartRows(Vec<Box<dyn Kind>>);

impl ChartRows {
    /// The most rows one chart may have.
    pub const ROWS_MAX: usize = 50_000;

    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the rows of one kind.
    pub fn with<T: Record>(mut self, rows: Vec<Sealed<T>>) -> Self {
        self.0.push(Box::new(rows));
        self
    }

    pub(super) fn open(self, case: &Case) -> Result<Chart, AccessError> {
        if self.0.iter().map(|kind| kind.count()).sum::<usize>() > Self::ROWS_MAX {
            return Err(AccessError::TooMany { limit: Self::ROWS_MAX });
        }
        if !self.0.iter().all(|kind| kind.held_by(case)) {
            return Err(AccessError::OutsideGrant);
        }
        Ok(Chart(self.0.into_iter().filter_map(|kind| kind.open(case)).collect()))
    }
}
impl fmt::Debug for ChartRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChartRows({} kinds)", self.0.len())
    }
}

trait Kind: Send + Sync {
    fn count(&self) -> usize;
    fn held_by(&self, case: &Case) -> bool;
    /// `None` when the terms do not give this kind.
    fn open(self: Box<Self>, case: &Case) -> Option<OpenKind>;
}

impl<T: Record> Kind for Vec<Sealed<T>> {
    fn count(&self) -> usize {
        self.len()
    }
    fn held_by(&self, case: &Case) -> bool {
        // A chart's ask names the person, so that a row must say whose it is.
        self.iter().all(|row| case.holds(row))
    }
    fn open(self: Box<Self>, case: &Case) -> Option<OpenKind> {
        case.terms.hidden(T::KIND)?;
        let rows: Vec<Released<T>> = self
            .into_iter()
            .filter_map(|row| case.admits(&row).map(|hidden| Released::new(row.into_row(), hidden)))
            .collect();
        Some(OpenKind { kind: T::KIND, count: rows.len(), rows: Box::new(rows) })
    }
}

struct OpenKind {
    kind: &'static str,
    count: usize,
    rows: Box<dyn Any + Send + Sync>,
}

/// A released chart. A kind that the terms do not give is absent, which is not the same as empty.
pub struct Chart(Vec<OpenKind>);

impl Chart {
    /// The rows of one kind, or `None` when the reader may not see that kind.
    #[must_use]
    pub fn rows<T: Record>(&self) -> Option<&[Released<T>]> {
        let kind = self.0.iter().find(|open| open.kind == T::KIND)?;
        kind.rows.downcast_ref::<Vec<Released<T>>>().map(Vec::as_slice)
    }

    /// How many rows of each kind were given.
    #[must_use]
    pub fn counts(&self) -> Vec<KindCount> {
        self.0
            .iter()
            .map(|open| KindCount {
                kind: Cow::Borrowed(open.kind),
                count: u32::try_from(open.count).unwrap_or(u32::MAX),
            })
            .collect()
    }
}
impl fmt::Debug for Chart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.counts()).finish()
    }
}
