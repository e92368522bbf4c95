//! Row filters: the policy's condition on rows, checked by the query and again by the release.

use crate::{Profile, Record};
use std::{borrow::Cow, sync::Arc};
use uuid::Uuid;

/// Which rows a grant covers.
///
/// A filter is a formula over id columns of the row ([`Record::fact`]) and over relations that only the database can see.
/// Whoever translates it must refuse what it does not know: an unknown part is false.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowFilter {
    /// Every row of the clinic.
    All,
    /// No row.
    Nothing,
    /// Rows whose id column `fact` holds one of these ids. A row where it is null is not among them.
    In(Cow<'static, str>, Arc<[Uuid]>),
    /// Rows whose subject is related to this party. Decided in the query; the row carries the query's witness.
    Related(Profile),
    /// Rows that all of these cover.
    Every(Arc<[RowFilter]>),
    /// Rows that any of these covers.
    Any(Arc<[RowFilter]>),
}

impl RowFilter {
    /// Whether the filter covers the row. `joined` says that the query which fetched the row decided its relations for this
    /// very grant.
    #[must_use]
    pub fn admits<T: Record>(&self, row: &T, joined: bool) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::In(fact, ids) => row.fact(fact).is_some_and(|id| ids.contains(&id)),
            Self::Related(_) => joined,
            Self::Every(all) => all.iter().all(|filter| filter.admits(row, joined)),
            Self::Any(any) => any.iter().any(|filter| filter.admits(row, joined)),
        }
    }

    /// Whether the filter needs a join, so that rows it admitted cannot be cached.
    #[must_use]
    pub fn joins(&self) -> bool {
        match self {
            Self::All | Self::Nothing | Self::In(..) => false,
            Self::Related(_) => true,
            Self::Every(of) | Self::Any(of) => of.iter().any(Self::joins),
        }
    }
}
