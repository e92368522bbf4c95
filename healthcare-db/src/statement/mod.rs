//! Statements: texts that were checked while the program was compiled.

mod check;
mod composed;
mod macros;

pub(crate) use check::{clinic_problem, has_word, is_plain};
pub(crate) use composed::Composed;

use sqlx::SqlStr;
use std::{fmt, marker::PhantomData};

/// Marks a statement on the rows of one clinic.
#[derive(Debug, Clone, Copy)]
pub enum Clinic {}

/// Marks a statement on the few tables that belong to no clinic: see [`HOUSE_TABLES`](crate::HOUSE_TABLES).
#[derive(Debug, Clone, Copy)]
pub enum House {}

/// One statement, in the words of each engine; nearly always the same words.
///
/// Made by [`clinic_sql!`](crate::clinic_sql!) and [`house_sql!`](crate::house_sql!) alone.
pub struct Statement<S> {
    postgres: &'static str,
    sqlite: &'static str,
    parameters: u16,
    scope: PhantomData<fn() -> S>,
}

impl<S> Clone for Statement<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Statement<S> {}
impl<S> fmt::Debug for Statement<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.postgres)
    }
}

/// Which SQL a text is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl<S> Statement<S> {
    /// The text for an engine.
    #[must_use]
    pub const fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Postgres => self.postgres,
            Dialect::Sqlite => self.sqlite,
        }
    }

    /// How many parameters it has; of a clinic statement the first is the clinic.
    #[must_use]
    pub const fn parameters(&self) -> u16 {
        self.parameters
    }

    const fn new(postgres: &'static str, sqlite: &'static str) -> Self {
        let parameters = check::parameters(postgres);
        assert!(
            parameters == check::parameters(sqlite),
            "both texts of a statement must have the same parameters"
        );
        Self { postgres, sqlite, parameters, scope: PhantomData }
    }
}

impl Statement<Clinic> {
    #[doc(hidden)]
    #[must_use]
    #[allow(clippy::panic)] // Evaluated while compiling: this is how a wrong text fails to compile.
    pub const fn __clinic(postgres: &'static str, sqlite: &'static str) -> Self {
        if let Some(problem) = clinic_problem(postgres) {
            panic!("{}", problem);
        }
        if let Some(problem) = clinic_problem(sqlite) {
            panic!("{}", problem);
        }
        Self::new(postgres, sqlite)
    }
}

impl Statement<House> {
    #[doc(hidden)]
    #[must_use]
    pub const fn __house(postgres: &'static str, sqlite: &'static str) -> Self {
        assert!(
            crate::house::is_house_statement(postgres) && crate::house::is_house_statement(sqlite),
            "a house statement is one plain statement on `main.<table>` of the tables listed in HOUSE_TABLES"
        );
        Self::new(postgres, sqlite)
    }
}

/// A text that runs inside a clinic's transaction. Sealed: a [`Statement`] or what this crate composes of checked parts.
pub trait ClinicText: sealed::Text {}
impl ClinicText for Statement<Clinic> {}
impl ClinicText for Composed {}

pub(crate) mod sealed {
    use super::{Dialect, SqlStr};

    pub trait Text: Sync {
        fn sql(&self, dialect: Dialect) -> SqlStr;
        fn count(&self) -> usize;
    }
}

impl<S> sealed::Text for Statement<S> {
    fn sql(&self, dialect: Dialect) -> SqlStr {
        sqlx::SqlSafeStr::into_sql_str(self.text(dialect))
    }
    fn count(&self) -> usize {
        self.parameters.into()
    }
}
