//! Values on their way out of rows.

use crate::DbError;
use healthcare_core::{Column, Value, ValueKind};
use jiff::Timestamp;
use sqlx::Row as _;
use std::fmt;

/// One row of either engine. Columns are counted from 0, in the order of the statement.
pub enum Row {
    #[cfg(feature = "postgres")]
    #[doc(hidden)]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "sqlite")]
    #[doc(hidden)]
    Sqlite(sqlx::sqlite::SqliteRow),
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({} columns)", self.len())
    }
}

impl Row {
    /// How many columns it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.len(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => row.len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column as the type that is stored in it.
    ///
    /// # Errors
    /// [`DbError::Column`] when it holds something else.
    pub fn get<C: Column>(&self, at: usize) -> Result<C, DbError> {
        C::from_value(self.value(at, C::KIND)?).map_err(DbError::column)
    }

    /// A column as a value of a kind, or null.
    ///
    /// # Errors
    /// [`DbError::Column`] when it holds something else.
    pub fn value(&self, at: usize, kind: ValueKind) -> Result<Value, DbError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => postgres(row, at, kind),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(row) => sqlite(row, at, kind),
        }
    }
}

fn or_null<T>(value: Option<T>, make: impl FnOnce(T) -> Result<Value, DbError>) -> Result<Value, DbError> {
    value.map_or(Ok(Value::Null), make)
}

#[cfg(feature = "postgres")]
fn postgres(row: &sqlx::postgres::PgRow, at: usize, kind: ValueKind) -> Result<Value, DbError> {
    match kind {
        ValueKind::Bool => or_null(row.try_get(at)?, |value| Ok(Value::Bool(value))),
        ValueKind::I64 => or_null(row.try_get(at)?, |value| Ok(Value::I64(value))),
        ValueKind::Text => or_null(row.try_get(at)?, |value| Ok(Value::Text(value))),
        ValueKind::Uuid => or_null(row.try_get(at)?, |value| Ok(Value::Uuid(value))),
        ValueKind::Bytes => or_null(row.try_get(at)?, |value| Ok(Value::Bytes(value))),
        ValueKind::Time => or_null(row.try_get::<Option<PgTime>, _>(at)?, |PgTime(micros)| time(micros)),
        ValueKind::Date => or_null(row.try_get::<Option<PgDate>, _>(at)?, |PgDate(days)| {
            let span = jiff::Span::new().try_days(days).map_err(DbError::column)?;
            jiff::civil::date(2000, 1, 1).checked_add(span).map(Value::Date).map_err(DbError::column)
        }),
        _ => Err(DbError::column("a kind of value that this version cannot read")),
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(row: &sqlx::sqlite::SqliteRow, at: usize, kind: ValueKind) -> Result<Value, DbError> {
    match kind {
        ValueKind::Bool => or_null(row.try_get::<Option<i64>, _>(at)?, |value| Ok(Value::Bool(value != 0))),
        ValueKind::I64 => or_null(row.try_get(at)?, |value| Ok(Value::I64(value))),
        ValueKind::Text => or_null(row.try_get(at)?, |value| Ok(Value::Text(value))),
        ValueKind::Uuid => or_null(row.try_get(at)?, |value| Ok(Value::Uuid(value))),
        ValueKind::Bytes => or_null(row.try_get(at)?, |value| Ok(Value::Bytes(value))),
        ValueKind::Time => or_null(row.try_get(at)?, time),
        ValueKind::Date => or_null(row.try_get::<Option<String>, _>(at)?, |text| {
            text.parse::<jiff::civil::Date>().map(Value::Date).map_err(DbError::column)
        }),
        _ => Err(DbError::column("a kind of value that this version cannot read")),
    }
}

fn time(micros: i64) -> Result<Value, DbError> {
    Timestamp::from_microsecond(micros).map(Value::Time).map_err(DbError::column)
}

/// A `timestamptz` as microseconds since 1970.
#[cfg(feature = "postgres")]
struct PgTime(i64);
/// A `date` as days since 2000-01-01.
#[cfg(feature = "postgres")]
struct PgDate(i32);

#[cfg(feature = "postgres")]
mod decode {
    use super::{PgDate, PgTime};
    use crate::transaction::bind::EPOCH_SECONDS;
    use sqlx::{
        Decode, Postgres, Type,
        error::BoxDynError,
        postgres::{PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
    };

    fn bytes<const N: usize>(value: &PgValueRef<'_>) -> Result<[u8; N], BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("expected the binary form".into());
        }
        Ok(<[u8; N]>::try_from(value.as_bytes()?)?)
    }

    impl Type<Postgres> for PgTime {
        fn type_info() -> PgTypeInfo {
            PgTypeInfo::with_oid(Oid(1184))
        }
    }
    impl Decode<'_, Postgres> for PgTime {
        fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
            let micros = i64::from_be_bytes(bytes(&value)?).checked_add(EPOCH_SECONDS * 1_000_000);
            micros.map(Self).ok_or_else(|| "an instant out of range".into())
        }
    }
    impl Type<Postgres> for PgDate {
        fn type_info() -> PgTypeInfo {
            PgTypeInfo::with_oid(Oid(1082))
        }
    }
    impl Decode<'_, Postgres> for PgDate {
        fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
            Ok(Self(i32::from_be_bytes(bytes(&value)?)))
        }
    }
}
