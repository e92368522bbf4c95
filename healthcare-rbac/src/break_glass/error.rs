//! What can go wrong with a broken glass.

use healthcare_core::{AccessError, ErrorCode};

/// A step that was not taken; nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BreakGlassError {
    /// The policy, the log or the storage refused.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Too many are open at once.
    #[error("{limit} emergency accesses are open: end one first")]
    TooMany {
        /// The most that one user may have open.
        limit: u32,
    },
    /// It is over: there is nothing to end.
    #[error("this emergency access is over already")]
    Over,
    /// It is still open: what is read until its end would not be looked at.
    #[error("this emergency access is still open: end it first, or wait for its end")]
    Open,
    /// Somebody has looked at it before.
    #[error("this emergency access was reviewed before")]
    Reviewed,
    /// Nobody reviews what they did themselves.
    #[error("somebody else must review this emergency access")]
    OwnReview,
}

impl BreakGlassError {
    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Access(error) => error.code(),
            Self::TooMany { .. } => ErrorCode::BreakGlassLimit,
            Self::Over | Self::Open | Self::Reviewed => ErrorCode::BreakGlassState,
            Self::OwnReview => ErrorCode::BreakGlassOwn,
        }
    }
}
