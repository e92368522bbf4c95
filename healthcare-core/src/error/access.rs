//! What can go wrong on the access path.

use super::ErrorCode;
use crate::{Denial, NotDurable, Resource};

/// An access that did not happen, or whose outcome is not known. No variant carries personal data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The policy, or the failure of deciding, denied it.
    #[error("denied: {0}")]
    Denied(Denial),
    /// There is no such record for this caller: missing and foreign look the same.
    #[error("not found")]
    NotFound,
    /// The record of the access is not durable, so nothing was given.
    #[error("the access could not be recorded durably, so it was not given")]
    NotDurable(#[from] NotDurable),
    /// The context, grant, row or change belongs to another boundary than the one asked.
    #[error("this comes from another boundary: build one boundary and hand out its parts")]
    ForeignGate,
    /// A repository answered with something the grant does not cover: a defect of that repository.
    #[error("the repository answered with a row outside the grant")]
    OutsideGrant,
    /// The caller may write such records, and not this one: as it would be stored, the terms of the grant do not cover it.
    #[error("what would be stored is outside what the grant covers")]
    OutsideTerms,
    /// The grant is older than the boundary permits.
    #[error("the grant has expired: open another")]
    GrantExpired,
    /// A field is hidden from the writer, who tried to set it.
    #[error("the field {0} is hidden from this role and cannot be set")]
    HiddenField(&'static str),
    /// A row that may not be part of this change: another clinic, another person, or a kind that was not granted.
    #[error("a row of kind {0} does not belong into this change")]
    ForeignRow(&'static str),
    /// Somebody wrote the record in between.
    #[error("the record has changed since it was read")]
    VersionConflict,
    /// A record with this id or key exists.
    #[error("the record exists already")]
    AlreadyExists,
    /// The change refers to a record that is not there.
    #[error("the {0} this refers to is not there")]
    Dangling(&'static str),
    /// A claim overlaps another.
    #[error("the time is taken for this {}", .0.kind)]
    Claimed(Resource),
    /// A check inside the transaction refused.
    #[error("refused: {0}")]
    Refused(crate::Refusal),
    /// The same idempotency key was committed by another request.
    #[error("this idempotency key was committed before")]
    Repeated,
    /// More rows than one release may give.
    #[error("more than {limit} rows: ask page by page")]
    TooMany {
        /// The most there may be.
        limit: usize,
    },
    /// A page cursor that is forged, or of another query.
    #[error("the cursor does not belong to this query: start from the first page")]
    InvalidCursor,
    /// Stored bytes could not be opened or read.
    #[error("stored bytes could not be opened")]
    Sealed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Storage failed; nothing was done.
    #[error("storage failed")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Storage cannot be reached, or every connection is busy; nothing was done.
    #[error("storage is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The commit was sent and no answer came: it may have happened.
    #[error("it is not known whether the change was committed: repeat it with the same idempotency key")]
    CommitUnknown,
}

impl AccessError {
    /// A storage failure with its cause.
    pub fn storage(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Storage(cause.into())
    }

    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Denied(denial) => denial.code(),
            Self::NotFound => ErrorCode::NotFound,
            Self::NotDurable(_) => ErrorCode::AuditUnavailable,
            Self::HiddenField(_) | Self::OutsideTerms => ErrorCode::AccessDenied,
            Self::VersionConflict => ErrorCode::VersionConflict,
            Self::AlreadyExists | Self::Repeated => ErrorCode::AlreadyExists,
            Self::Claimed(_) => ErrorCode::AppointmentConflict,
            Self::Refused(_) => ErrorCode::AppointmentRefused,
            Self::TooMany { .. } => ErrorCode::TooManyRows,
            Self::InvalidCursor | Self::Dangling(_) => ErrorCode::ValidationFailed,
            Self::Unavailable(_) => ErrorCode::StorageUnavailable,
            Self::CommitUnknown => ErrorCode::CommitUnknown,
            Self::Sealed(_) | Self::Storage(_) => ErrorCode::StorageFailed,
            Self::ForeignGate | Self::OutsideGrant | Self::GrantExpired | Self::ForeignRow(_) => {
                ErrorCode::Internal
            }
        }
    }
}
