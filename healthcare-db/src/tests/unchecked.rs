//! Texts that no macro would let through.

use crate::statement::{Dialect, sealed};

/// A statement that slipped past the checks.
pub(super) struct Unchecked {
    pub(super) text: String,
    pub(super) parameters: usize,
}

impl Unchecked {
    /// A text whose only parameter is the clinic, which the transaction binds.
    pub(super) fn new(text: String) -> Self {
        Self { text, parameters: 1 }
    }
}

impl sealed::Text for Unchecked {
    fn sql(&self, _: Dialect) -> sqlx::SqlStr {
        sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe(self.text.clone()))
    }
    fn count(&self) -> usize {
        self.parameters
    }
}
impl crate::ClinicText for Unchecked {}
