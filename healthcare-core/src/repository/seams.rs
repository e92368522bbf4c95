//! The seams.

use super::{Criteria, PageRequest};
use crate::{
    AccessError, Change, ChartRows, Claim, Committed, Delete, Grant, List, Read, ReadChart, Record, Resource,
    Row, Rows, Search, Update,
};
use async_trait::async_trait;
use std::{borrow::Cow, fmt};

/// Reads records of one kind.
///
/// # Contract
/// Every method enters through its own [`StorageDoor`](crate::StorageDoor), reads in the grant's clinic alone, and applies the
/// grant's filter. A row of another clinic and a row that does not exist look the same.
#[async_trait]
pub trait Reader<T: Record>: fmt::Debug + Send + Sync {
    /// The row a read names.
    async fn find(&self, grant: &Grant<Read<T>>) -> Result<Row<T>, AccessError>;
    /// The row an update names. Never from a cache.
    async fn find_for_update(&self, grant: &Grant<Update<T>>) -> Result<Row<T>, AccessError>;
    /// The row a deletion names. Never from a cache.
    async fn find_for_delete(&self, grant: &Grant<Delete<T>>) -> Result<Row<T>, AccessError>;
    /// One page of rows, in the order of their ids.
    async fn list(&self, grant: &Grant<List<T>>, page: &PageRequest) -> Result<Rows<T>, AccessError>;
}

/// Writes records of one kind, and what is committed with them.
///
/// # Contract
/// Rows, claims, outcome record, events and remembered answer are committed together or not at all. A future that is dropped
/// leaves no open transaction behind.
#[async_trait]
pub trait Writer<T: Record>: fmt::Debug + Send + Sync {
    /// Commits a change.
    async fn commit(&self, change: Change<T>) -> Result<Committed, AccessError> {
        self.commit_guarded(change, &Unguarded).await
    }

    /// Commits a change if the guard, which runs inside the transaction after rows and claims are placed, does not refuse.
    async fn commit_guarded(&self, change: Change<T>, guard: &dyn Guard) -> Result<Committed, AccessError>;
}

/// Finds records of one kind by their protected fields.
#[async_trait]
pub trait Searcher<T: Record>: fmt::Debug + Send + Sync {
    /// One page of rows that match all criteria, in the order of their ids.
    async fn search(
        &self,
        grant: &Grant<Search<T>>,
        criteria: &Criteria<T>,
        page: &PageRequest,
    ) -> Result<Rows<T>, AccessError>;
}

/// Collects everything about one person.
#[async_trait]
pub trait ChartReader<T: Record>: fmt::Debug + Send + Sync {
    /// The rows of every kind the chart has.
    async fn chart(&self, grant: &Grant<ReadChart<T>>) -> Result<ChartRows, AccessError>;
}

/// A check inside the transaction said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Who refused: a plugin's name.
    pub by: Cow<'static, str>,
    /// Why, for the caller. No personal data.
    pub reason: Cow<'static, str>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.by, self.reason)
    }
}

/// Runs inside a transaction, sees it through a [`TransactionView`], and may refuse it. No input or output, milliseconds.
#[async_trait]
pub trait Guard: Send + Sync {
    /// Checks the transaction as it stands, just before its commit.
    ///
    /// # Errors
    /// [`AccessError::Refused`] to roll it back.
    async fn check(&self, transaction: &mut dyn TransactionView) -> Result<(), AccessError>;
}

/// Refuses nothing.
struct Unguarded;

#[async_trait]
impl Guard for Unguarded {
    async fn check(&self, _: &mut dyn TransactionView) -> Result<(), AccessError> {
        Ok(())
    }
}

/// What a guard may do on the transaction it checks.
#[async_trait]
pub trait TransactionView: Send {
    /// The claims on a resource that share an instant with `interval`, at most 100, this transaction's own among them.
    async fn claims_on(
        &mut self,
        resource: &Resource,
        interval: &crate::Interval,
    ) -> Result<Vec<crate::Interval>, AccessError>;

    /// Places one more claim for the change's root record.
    async fn claim(&mut self, claim: &Claim) -> Result<(), AccessError>;
}
