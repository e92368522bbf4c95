//! Texts put together at run time from names of tables and columns that are constants of the program.

use super::{Dialect, check, sealed};
use crate::DbError;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use std::sync::Arc;

/// A clinic statement composed of constants and checked as a written one is.
#[derive(Clone, Debug)]
pub(crate) struct Composed {
    text: Arc<str>,
    parameters: u16,
}

impl Composed {
    /// # Errors
    /// [`DbError::Statement`] when the text would not pass the check that written statements pass while compiling.
    pub(crate) fn new(text: String) -> Result<Self, DbError> {
        if let Some(problem) = check::clinic_problem(&text) {
            return Err(DbError::Statement(problem.into()));
        }
        Ok(Self { parameters: check::parameters(&text), text: text.into() })
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl sealed::Text for Composed {
    fn sql(&self, _: Dialect) -> SqlStr {
        // Safe: every part is a constant of this program, and values are bound.
        AssertSqlSafe(Arc::clone(&self.text)).into_sql_str()
    }
    fn count(&self) -> usize {
        self.parameters.into()
    }
}
