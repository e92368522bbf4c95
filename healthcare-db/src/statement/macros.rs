//! The two macros that make statements.

/// A statement on the rows of one clinic. It does not compile unless its text is bound to the clinic of the transaction.
///
/// - It compares `clinic_id = $1`, or inserts `(clinic_id, ..) VALUES ($1, ..)`. The transaction binds `$1` itself, so the values
///   given with the statement begin at `$2`.
/// - It reads from `table` and writes to `main.table`: on SQLite the first is the clinic's view, and the second carries the
///   triggers that refuse other clinics' rows; on PostgreSQL both are the same table under row security.
/// - It is one statement without comments or quoted names.
///
/// ```
/// use healthcare_db::clinic_sql;
/// let by_id = clinic_sql!("SELECT version FROM patient WHERE clinic_id = $1 AND id = $2");
/// assert_eq!(by_id.parameters(), 2);
/// ```
/// ```compile_fail
/// let all = healthcare_db::clinic_sql!("SELECT version FROM patient WHERE id = $1");
/// ```
/// Where the engines need other words, both are written, with the reason:
/// ```
/// let now = healthcare_db::clinic_sql! {
///     postgres: "SELECT id FROM claim WHERE clinic_id = $1 ORDER BY id FOR UPDATE",
///     sqlite: "SELECT id FROM claim WHERE clinic_id = $1 ORDER BY id",
///     why: "SQLite has one writer and no row locks",
/// };
/// # let _ = now;
/// ```
#[macro_export]
macro_rules! clinic_sql {
    ($text:expr $(,)?) => {{
        const STATEMENT: $crate::Statement<$crate::Clinic> =
            $crate::Statement::<$crate::Clinic>::__clinic($text, $text);
        STATEMENT
    }};
    (postgres: $postgres:expr, sqlite: $sqlite:expr, why: $why:literal $(,)?) => {{
        const STATEMENT: $crate::Statement<$crate::Clinic> =
            $crate::Statement::<$crate::Clinic>::__clinic($postgres, $sqlite);
        STATEMENT
    }};
}

/// A statement on one of the few tables that belong to no clinic, all listed in [`HOUSE_TABLES`](crate::HOUSE_TABLES).
///
/// Tables are named with their schema, `main.app_user`, so that the text means the same on any connection.
///
/// ```
/// let known = healthcare_db::house_sql!("SELECT id FROM main.app_user WHERE email_hash = $1");
/// assert_eq!(known.parameters(), 1);
/// ```
/// ```compile_fail
/// let all = healthcare_db::house_sql!("SELECT id FROM main.patient WHERE id = $1");
/// ```
#[macro_export]
macro_rules! house_sql {
    ($text:expr $(,)?) => {{
        const STATEMENT: $crate::Statement<$crate::House> =
            $crate::Statement::<$crate::House>::__house($text, $text);
        STATEMENT
    }};
    (postgres: $postgres:expr, sqlite: $sqlite:expr, why: $why:literal $(,)?) => {{
        const STATEMENT: $crate::Statement<$crate::House> =
            $crate::Statement::<$crate::House>::__house($postgres, $sqlite);
        STATEMENT
    }};
}
