//! Pages.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a page begins. Opaque: it means something to the repository that made it, for the same query of the same clinic.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The most characters a cursor has.
    pub const LENGTH_MAX: usize = 512;

    /// A cursor of this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor")
    }
}

/// Which page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    limit: u32,
    after: Option<Cursor>,
}

/// The number of rows asked for is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limit must be 1 to 200")]
pub struct InvalidLimit;

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, after: None }
    }
}

impl PageRequest {
    /// The most rows a page has.
    pub const LIMIT_MAX: u32 = 200;

    /// The first page of up to `limit` rows.
    ///
    /// # Errors
    /// [`InvalidLimit`] when it is 0 or beyond [`LIMIT_MAX`](Self::LIMIT_MAX).
    pub const fn first(limit: u32) -> Result<Self, InvalidLimit> {
        if limit == 0 || limit > Self::LIMIT_MAX {
            Err(InvalidLimit)
        } else {
            Ok(Self { limit, after: None })
        }
    }

    /// The page that begins after this cursor.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }
    /// The most rows wanted.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }
    /// Where it begins.
    #[must_use]
    pub const fn cursor(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }
}
