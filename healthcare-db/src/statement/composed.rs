//! Texts put together at run time from names of tables and columns that are constants of the program.

use super::{Dialect, check, sealed};
use crate::DbError;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use std::sync::Arc;

/// A clinic statement composed of constants and checked as a written one is.
#[derive(Clone, Debug)]
pub(crate) struct Composed {
    postgres: Arc<str>,
    sqlite: Arc<str>,
    parameters: u16,
}

impl Composed {
    /// # Errors
    /// [`DbError::Statement`] when the text would not pass the check that written statements pass while compiling.
    pub(crate) fn new(text: String) -> Result<Self, DbError> {
        let text = checked(text)?;
        Ok(Self { parameters: check::parameters(&text), sqlite: Arc::clone(&text), postgres: text })
    }

    /// For the few statements that the engines read differently; the values are the same.
    ///
    /// # Errors
    /// As [`new`](Self::new), and when the two differ in their parameters.
    pub(crate) fn of_two(postgres: String, sqlite: String) -> Result<Self, DbError> {
        let (postgres, sqlite) = (checked(postgres)?, checked(sqlite)?);
        let parameters = check::parameters(&postgres);
        if parameters != check::parameters(&sqlite) {
            return Err(DbError::Statement("both texts of a statement must have the same parameters".into()));
        }
        Ok(Self { postgres, sqlite, parameters })
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.postgres
    }
}

fn checked(text: String) -> Result<Arc<str>, DbError> {
    match check::clinic_problem(&text) {
        Some(problem) => Err(DbError::Statement(problem.into())),
        None => Ok(text.into()),
    }
}

impl sealed::Text for Composed {
    fn sql(&self, dialect: Dialect) -> SqlStr {
        let text = match dialect {
            Dialect::Postgres => &self.postgres,
            Dialect::Sqlite => &self.sqlite,
        };
        // Safe: every part is a constant of this program, and values are bound.
        AssertSqlSafe(Arc::clone(text)).into_sql_str()
    }
    fn count(&self) -> usize {
        self.parameters.into()
    }
}
