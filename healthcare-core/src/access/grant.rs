//! Grants and their releases.

use super::{
    Access, Change, Chart, ChartRows, Create, Delete, Draft, List, Page, Read, ReadChart, Released, Row, Rows,
};
use super::{Sealed, Search, Update, case::Case, case::State, change::Write};
use crate::{AccessError, ClinicId, FieldSet, KindCount, Outcome, Receipt, Record};
use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc};
use uuid::Uuid;

/// A decision, on its way to being recorded. A repository reads under it; its release, which consumes it, waits for the
/// record and opens what was read.
///
/// A grant that is dropped is recorded as abandoned.
#[must_use = "a grant that is not released is recorded as abandoned"]
pub struct Grant<A: Access> {
    access: A,
    pub(super) case: Case,
    receipt: Receipt,
}

impl<A: Access> fmt::Debug for Grant<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({} {})", A::ACTION, A::Record::KIND)
    }
}

impl<A: Access> Grant<A> {
    /// The most people one release may name; more are released page by page.
    pub const SUBJECTS_MAX: usize = 1000;

    pub(super) const fn new(access: A, case: Case, receipt: Receipt) -> Self {
        Self { access, case, receipt }
    }

    /// What was asked for.
    pub const fn access(&self) -> &A {
        &self.access
    }

    /// In which clinic.
    pub const fn clinic(&self) -> ClinicId {
        self.case.scope().clinic()
    }

    /// Whether the terms need a join, so that what is read under them must not be cached, nor come from a cache.
    pub fn joins(&self) -> bool {
        self.case.terms.rows.joins()
    }

    /// Waits until the decision's record is durable.
    async fn recorded(self) -> Result<Case, AccessError> {
        let Self { mut case, receipt, .. } = self;
        if let Err(lost) = receipt.await {
            // Nothing was given. The sink that could not keep the decision is not asked to keep its outcome.
            case.state = State::Settled;
            return Err(lost.into());
        }
        case.fresh().await?;
        Ok(case)
    }
}

/// The row of a single access: checked against the case, or the reason why not.
async fn single<T: Record>(case: &mut Case, row: Row<T>) -> Result<(Sealed<T>, FieldSet), AccessError> {
    let Some(sealed) = row.0 else {
        case.settle(Outcome::NotFound).await?;
        return Err(AccessError::NotFound);
    };
    if !case.holds(&sealed) {
        case.settle(Outcome::Withheld).await?;
        return Err(AccessError::OutsideGrant);
    }
    let Some(hidden) = case.admits(&sealed) else {
        case.settle(Outcome::Withheld).await?;
        // To the caller a row outside the filter is a row that is not there.
        return Err(AccessError::NotFound);
    };
    Ok((sealed, hidden))
}

impl<T: Record> Grant<Read<T>> {
    /// Waits for the record, checks the row against the grant and opens it.
    ///
    /// # Errors
    /// [`AccessError::NotFound`] when there is no row or the terms do not cover it, [`AccessError::NotDurable`] when the
    /// record was lost, [`AccessError::OutsideGrant`] when the repository answered with another row,
    /// [`AccessError::GrantExpired`] when the grant is too old.
    pub async fn release(self, row: Row<T>) -> Result<Released<T>, AccessError> {
        let mut case = self.recorded().await?;
        let (sealed, hidden) = single(&mut case, row).await?;
        case.name(sealed.row()).await?;
        // `Allowed` with nothing after it means disclosed.
        case.state = State::Settled;
        Ok(Released::new(sealed.into_row(), hidden))
    }
}

impl<T: Record> Grant<Update<T>> {
    /// Waits for the record, checks the row, and opens it for a new version. Fields hidden from the editor are kept.
    ///
    /// # Errors
    /// As [`Grant::release`].
    pub async fn edit(self, row: Row<T>) -> Result<Draft<T>, AccessError> {
        let mut case = self.recorded().await?;
        let (sealed, hidden) = single(&mut case, row).await?;
        case.show(sealed.row());
        Ok(Draft::new(sealed, hidden, case))
    }
}

impl<T: Record> Grant<Delete<T>> {
    /// Waits for the record, checks the row, and turns it into the change that ends it.
    ///
    /// # Errors
    /// As [`Grant::release`].
    pub async fn remove(self, row: Row<T>) -> Result<Change<T>, AccessError> {
        let mut case = self.recorded().await?;
        let (sealed, _) = single(&mut case, row).await?;
        case.show(sealed.row());
        Ok(Change::new(case, Write::Delete, (*sealed.into_row()).clone()))
    }
}

impl<T: Record> Grant<Create<T>> {
    /// Waits for the record and turns a new row into the change that stores it.
    ///
    /// # Errors
    /// [`AccessError::OutsideGrant`] when the row is of another clinic, id or person than the grant, [`AccessError::OutsideTerms`] when it is
    /// outside its filter;
    /// [`AccessError::HiddenField`] when it sets a field that is hidden from the writer.
    pub async fn fill(self, row: T) -> Result<Change<T>, AccessError> {
        self.fill_as(Write::Insert, row).await
    }

    /// As [`fill`](Self::fill), but a record that exists already is kept as it is: for imports that may run again.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub async fn fill_absent(self, row: T) -> Result<Change<T>, AccessError> {
        self.fill_as(Write::InsertAbsent, row).await
    }

    async fn fill_as(self, how: Write, row: T) -> Result<Change<T>, AccessError> {
        let mut case = self.recorded().await?;
        let sealed = Sealed::new(Arc::new(row), case.boundary(), None);
        let hidden = if case.holds(&sealed) {
            case.admits(&sealed).ok_or(AccessError::OutsideTerms)
        } else {
            Err(AccessError::OutsideGrant)
        };
        let hidden = match hidden {
            Ok(hidden) => hidden,
            Err(outside) => {
                case.settle(Outcome::Withheld).await?;
                return Err(outside);
            }
        };
        if let Some(field) = super::change::set_hidden(sealed.row(), hidden) {
            case.settle(Outcome::Withheld).await?;
            return Err(AccessError::HiddenField(field));
        }
        Ok(Change::new(case, how, Arc::unwrap_or_clone(sealed.into_row())))
    }
}

impl<T: Record> Grant<List<T>> {
    /// Waits for the record, drops rows outside the filter, records whose rows remain, and opens them.
    ///
    /// # Errors
    /// [`AccessError::TooMany`] for more than [`SUBJECTS_MAX`](Self::SUBJECTS_MAX) rows; otherwise as a single release.
    pub async fn release(self, rows: Rows<T>) -> Result<Page<T>, AccessError> {
        release_page(self.recorded().await?, rows).await
    }
}

impl<T: Record> Grant<Search<T>> {
    /// As a listing's release.
    ///
    /// # Errors
    /// As a listing's release.
    pub async fn release(self, rows: Rows<T>) -> Result<Page<T>, AccessError> {
        release_page(self.recorded().await?, rows).await
    }
}

async fn release_page<T: Record>(mut case: Case, rows: Rows<T>) -> Result<Page<T>, AccessError> {
    let limit = Grant::<List<T>>::SUBJECTS_MAX;
    if rows.len() > limit {
        case.settle(Outcome::Withheld).await?;
        return Err(AccessError::TooMany { limit });
    }
    if !rows.rows.iter().all(|row| case.holds(row)) {
        case.settle(Outcome::Withheld).await?;
        return Err(AccessError::OutsideGrant);
    }
    let covered: Vec<_> =
        rows.rows.into_iter().filter_map(|row| case.admits(&row).map(|hidden| (row, hidden))).collect();
    let subjects: BTreeSet<Uuid> = covered
        .iter()
        .map(|(row, _)| row.row().subject().unwrap_or_else(|| row.row().id().as_uuid()))
        .collect();
    let counts = vec![KindCount {
        kind: Cow::Borrowed(T::KIND),
        count: u32::try_from(covered.len()).unwrap_or(u32::MAX),
    }];
    // The people are known only now, so this is the record that must be durable before anything is opened.
    case.settle(Outcome::Disclosed { subjects: subjects.into_iter().collect(), counts }).await?;
    Ok(Page {
        items: covered.into_iter().map(|(row, hidden)| Released::new(row.into_row(), hidden)).collect(),
        next: rows.next,
    })
}

impl<T: Record> Grant<ReadChart<T>> {
    /// Waits for the record, leaves out the kinds that were not granted, records how many rows of each kind remain, and
    /// opens them.
    ///
    /// # Errors
    /// [`AccessError::OutsideGrant`] when a row is not about this person, [`AccessError::TooMany`] beyond
    /// [`ChartRows::ROWS_MAX`]; otherwise as a single release.
    pub async fn release(self, rows: ChartRows) -> Result<Chart, AccessError> {
        let subject = self.access.id().as_uuid();
        let mut case = self.recorded().await?;
        match rows.open(&case) {
            Ok(chart) => {
                case.settle(Outcome::Disclosed { subjects: vec![subject], counts: chart.counts() }).await?;
                Ok(chart)
            }
            Err(refused) => {
                case.settle(Outcome::Withheld).await?;
                Err(refused)
            }
        }
    }
}
