//! Values on their way into statements.

use crate::DbError;
use healthcare_core::Value;
#[cfg(feature = "postgres")]
use sqlx::{
    Postgres,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, types::Oid},
};

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn unknown() -> DbError {
    DbError::column("a kind of value that this version cannot store")
}

/// Seconds between 1970-01-01 and PostgreSQL's epoch, 2000-01-01.
#[cfg(feature = "postgres")]
pub(super) const EPOCH_SECONDS: i64 = 946_684_800;

/// Bytes in PostgreSQL's binary form, with the type they are of.
#[cfg(feature = "postgres")]
enum PgRaw {
    /// `timestamptz`: microseconds since 2000-01-01.
    Time(i64),
    /// `date`: days since 2000-01-01.
    Date(i32),
    /// Null of a type the server finds out.
    Null,
}

#[cfg(feature = "postgres")]
impl sqlx::Type<Postgres> for PgRaw {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

#[cfg(feature = "postgres")]
impl sqlx::Encode<'_, Postgres> for PgRaw {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Self::Time(micros) => buffer.extend_from_slice(&micros.to_be_bytes()),
            Self::Date(days) => buffer.extend_from_slice(&days.to_be_bytes()),
            Self::Null => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        // The numbers of pg_type; 0 leaves the type to the server.
        Some(PgTypeInfo::with_oid(Oid(match self {
            Self::Time(_) => 1184,
            Self::Date(_) => 1082,
            Self::Null => 0,
        })))
    }
}

#[cfg(feature = "postgres")]
pub(super) fn postgres(values: Vec<Value>) -> Result<PgArguments, DbError> {
    use sqlx::Arguments;
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(PgRaw::Null),
            Value::Bool(value) => arguments.add(value),
            Value::I64(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value),
            Value::Time(value) => {
                arguments.add(PgRaw::Time(value.as_microsecond() - EPOCH_SECONDS * 1_000_000))
            }
            Value::Date(value) => arguments.add(PgRaw::Date(days_since_2000(value)?)),
            Value::Bytes(value) => arguments.add(value),
            _ => return Err(unknown()),
        }
        .map_err(DbError::Column)?;
    }
    Ok(arguments)
}

#[cfg(feature = "postgres")]
fn days_since_2000(date: jiff::civil::Date) -> Result<i32, DbError> {
    let span = date.since(jiff::civil::date(2000, 1, 1)).map_err(DbError::column)?;
    Ok(span.get_days())
}

/// Instants are whole microseconds since 1970 and dates are text in ISO 8601, so that both sort.
#[cfg(feature = "sqlite")]
pub(super) fn sqlite(values: Vec<Value>) -> Result<sqlx::sqlite::SqliteArguments, DbError> {
    use sqlx::Arguments;
    let mut arguments = sqlx::sqlite::SqliteArguments::default();
    for value in values {
        match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Bool(value) => arguments.add(value),
            Value::I64(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value),
            Value::Time(value) => arguments.add(value.as_microsecond()),
            Value::Date(value) => arguments.add(value.to_string()),
            Value::Bytes(value) => arguments.add(value),
            _ => return Err(unknown()),
        }
        .map_err(DbError::Column)?;
    }
    Ok(arguments)
}
