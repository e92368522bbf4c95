//! The storage door.

use super::{Access, Change, Grant, Parts, Sealed, case::State};
use crate::{AccessError, ClinicScope, Record, RequestContext, RowFilter, UserId};
use std::sync::Arc;
use uuid::Uuid;

/// What makes a repository one of this boundary: the only way to a grant's scope and filter, and to rows that its releases
/// accept. Hand it to repositories and to nobody else.
#[derive(Debug, Clone)]
pub struct StorageDoor(pub(super) u64);

/// What a repository may know of a grant.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'g> {
    scope: ClinicScope,
    rows: &'g RowFilter,
    target: Option<Uuid>,
    subject: Option<Uuid>,
    user: Option<UserId>,
    case: u64,
}

impl<'g> Entry<'g> {
    /// The clinic, as proof.
    #[must_use]
    pub const fn scope(&self) -> ClinicScope {
        self.scope
    }
    /// Which rows.
    #[must_use]
    pub const fn rows(&self) -> &'g RowFilter {
        self.rows
    }
    /// Which row.
    #[must_use]
    pub const fn target(&self) -> Option<Uuid> {
        self.target
    }
    /// Whose rows.
    #[must_use]
    pub const fn subject(&self) -> Option<Uuid> {
        self.subject
    }
    /// Who asks, when it is a user.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        self.user
    }
}

impl StorageDoor {
    /// Enters under a grant.
    ///
    /// # Errors
    /// [`AccessError::ForeignGate`] when the grant is of another boundary.
    pub fn enter<'g, A: Access>(&self, grant: &'g Grant<A>) -> Result<Entry<'g>, AccessError> {
        let case = &grant.case;
        if case.boundary() != self.0 {
            return Err(AccessError::ForeignGate);
        }
        Ok(Entry {
            scope: case.scope(),
            rows: &case.terms.rows,
            target: case.ask.target,
            subject: case.ask.subject,
            user: case.actor().user(),
            case: case.number(),
        })
    }

    /// The clinic of a context, as proof: for look-ups that a decision depends on.
    ///
    /// # Errors
    /// [`AccessError::ForeignGate`] when the context is of another boundary.
    pub fn scope(&self, context: &RequestContext) -> Result<ClinicScope, AccessError> {
        if context.boundary() == self.0 { Ok(context.scope()) } else { Err(AccessError::ForeignGate) }
    }

    /// Seals a row.
    #[must_use]
    pub fn seal<T: Record>(&self, row: T) -> Sealed<T> {
        self.seal_shared(Arc::new(row))
    }

    /// Seals a row that is shared.
    #[must_use]
    pub const fn seal_shared<T: Record>(&self, row: Arc<T>) -> Sealed<T> {
        Sealed::new(row, self.0, None)
    }

    /// Seals a row whose relations this entry's query decided: the grant's release then trusts the join, and no other does.
    #[must_use]
    pub const fn seal_joined<T: Record>(&self, row: Arc<T>, entry: &Entry<'_>) -> Sealed<T> {
        Sealed::new(row, self.0, Some(entry.case))
    }

    /// The row if it is of this boundary, and good for more than the access it was read under.
    #[cfg(feature = "crypto")]
    pub(crate) fn cacheable<'s, T: Record>(&self, sealed: &'s Sealed<T>) -> Option<&'s T> {
        (sealed.boundary() == self.0 && !sealed.is_joined()).then(|| sealed.row())
    }

    /// Runs a commit. Only its success settles the access; when the returned future is dropped before, the access is recorded
    /// as unconfirmed.
    ///
    /// # Errors
    /// [`AccessError::ForeignGate`] when the change is of another boundary; otherwise whatever `commit` says.
    pub async fn commit<T: Record, R>(
        &self,
        change: Change<T>,
        commit: impl AsyncFnOnce(Parts<'_>) -> Result<R, AccessError>,
    ) -> Result<R, AccessError> {
        let Change { mut case, rows, claims, events, remember, .. } = change;
        if case.boundary() != self.0 {
            return Err(AccessError::ForeignGate);
        }
        case.fresh().await?;
        let before = std::mem::replace(&mut case.state, State::Committing);
        let parts =
            Parts { case: &case, rows: &rows, claims: &claims, events: &events, remember: remember.as_ref() };
        let result = commit(parts).await;
        case.state = match &result {
            Ok(_) => State::Settled,
            Err(AccessError::CommitUnknown) => State::Committing,
            Err(_) => before,
        };
        result
    }
}
