//! What can go wrong between the program and the database.

use healthcare_core::AccessError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A database operation that did not happen, or whose outcome is not known.
///
/// No variant prints a stored value: the driver's own text is in the source, for operators.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// The URL, or what it asks for, cannot be used.
    #[error("the database cannot be used as configured: {0}")]
    Configuration(String),
    /// The server would let this login see more than one clinic.
    #[error("refused to start: {0}")]
    Unsafe(String),
    /// No connection within the time allowed, or the server is gone. Nothing was done.
    #[error("the database cannot be reached, or every connection is busy: try again")]
    Unavailable(#[source] Cause),
    /// The database refused a statement on a row of another clinic.
    #[error("the database refused a statement outside its clinic")]
    OutsideClinic(#[source] Cause),
    /// A row with this key exists.
    #[error("a row with this key exists")]
    Duplicate(#[source] Cause),
    /// Two claims on one resource would overlap.
    #[error("the resource is claimed for an overlapping time")]
    Overlap(#[source] Cause),
    /// A row refers to one that does not exist, or breaks a check of its table.
    #[error("the row breaks a rule of its table")]
    Constraint(#[source] Cause),
    /// Another transaction was in the way. Nothing was done; the whole transaction may be run again.
    #[error("another transaction was in the way: run the transaction again")]
    Contention(#[source] Cause),
    /// The commit was sent and no answer came.
    #[error("it is not known whether the transaction was committed: look for its effect before repeating it")]
    CommitUnknown(#[source] Cause),
    /// A statement was given more or fewer values than it has parameters.
    #[error("the statement has {expected} parameters and was given {given} values")]
    Parameters {
        /// How many the text has.
        expected: usize,
        /// How many were bound, the clinic among them.
        given: usize,
    },
    /// A column does not hold what the program expects.
    #[error("a column does not hold what is expected: the schema and the program differ in version")]
    Column(#[source] Cause),
    /// The schema is not the one this program needs.
    #[error("the schema needs migrating: {0}")]
    Schema(String),
    /// Anything else the database said.
    #[error("the database refused a statement")]
    Statement(#[source] Cause),
}

impl DbError {
    pub(crate) fn column(cause: impl Into<Cause>) -> Self {
        Self::Column(cause.into())
    }

    /// Whether running the whole transaction again can help.
    #[must_use]
    pub const fn is_contention(&self) -> bool {
        matches!(self, Self::Contention(_))
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => {
                let code = cause.code().unwrap_or_default().into_owned();
                let message = cause.message().to_owned();
                by_code(&code, &message)(error.into())
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.into()),
            sqlx::Error::Configuration(_) => Self::Configuration("the URL cannot be read".into()),
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => Self::Column(error.into()),
            _ => Self::Statement(error.into()),
        }
    }
}

/// The words that the generated SQLite triggers raise.
pub(crate) const OUTSIDE_CLINIC: &str = "outside the clinic scope";
/// The words that SQLite's claim triggers raise.
pub(crate) const CLAIM_OVERLAP: &str = "claims overlap";

/// PostgreSQL codes have five characters (Appendix A of its manual), SQLite's are numbers (sqlite.org/rescode.html).
fn by_code(code: &str, message: &str) -> fn(Cause) -> DbError {
    match code {
        "23505" | "1555" | "2067" | "2579" => DbError::Duplicate,
        "23P01" => DbError::Overlap,
        "42501" => DbError::OutsideClinic,
        "40001" | "40P01" | "55P03" | "5" | "6" | "261" | "262" | "517" | "773" => DbError::Contention,
        "1811" if message.contains(OUTSIDE_CLINIC) => DbError::OutsideClinic,
        "1811" if message.contains(CLAIM_OVERLAP) => DbError::Overlap,
        "23503" | "23514" | "23502" | "787" | "275" | "1299" | "1811" | "3091" => DbError::Constraint,
        // Class 08 is a broken connection, 53 a server without resources, 57 one that is shutting down.
        _ if code.len() == 5 && ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
            DbError::Unavailable
        }
        _ => DbError::Statement,
    }
}

impl From<DbError> for AccessError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Duplicate(_) => Self::AlreadyExists,
            DbError::CommitUnknown(_) => Self::CommitUnknown,
            DbError::Unavailable(_) | DbError::Contention(_) => Self::Unavailable(Box::new(error)),
            other => Self::Storage(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_engines_mean_the_same() {
        let kind = |code: &str, message: &str| by_code(code, message)("cause".into());
        assert!(matches!(kind("23505", ""), DbError::Duplicate(_)));
        assert!(matches!(kind("1555", ""), DbError::Duplicate(_)));
        assert!(matches!(kind("23P01", ""), DbError::Overlap(_)));
        assert!(matches!(kind("1811", CLAIM_OVERLAP), DbError::Overlap(_)));
        assert!(matches!(kind("42501", ""), DbError::OutsideClinic(_)));
        assert!(matches!(kind("1811", OUTSIDE_CLINIC), DbError::OutsideClinic(_)));
        assert!(matches!(kind("40P01", ""), DbError::Contention(_)));
        assert!(matches!(kind("5", ""), DbError::Contention(_)));
        assert!(matches!(kind("57P01", ""), DbError::Unavailable(_)));
        assert!(matches!(kind("42P01", ""), DbError::Statement(_)));
    }

    #[test]
    fn no_message_repeats_the_cause() {
        let cause = || -> Cause { "value Canary".into() };
        for error in [DbError::Duplicate(cause()), DbError::Statement(cause()), DbError::Column(cause())] {
            assert!(!error.to_string().contains("Canary"));
        }
    }
}
