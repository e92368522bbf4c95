//! Plain columns: what a record shows to the database in clear.

use crate::{ClinicId, Id, UserId};
use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

/// One plain column's value. Engines differ in how they store it; the meaning does not.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Absent.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    I64(i64),
    /// Text.
    Text(String),
    /// An id.
    Uuid(Uuid),
    /// An instant, to the microsecond.
    Time(Timestamp),
    /// A calendar date.
    Date(Date),
    /// Bytes: ciphertext, hashes.
    Bytes(Vec<u8>),
}

/// What kind of value a column holds, for binding a null and for reading a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// True or false.
    Bool,
    /// A whole number.
    I64,
    /// Text.
    Text,
    /// An id.
    Uuid,
    /// An instant.
    Time,
    /// A calendar date.
    Date,
    /// Bytes.
    Bytes,
}

/// A stored column did not hold what its record expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a stored column does not hold what its record expects: the schema and the program differ in version"
)]
pub struct ColumnMismatch;

/// A type that can stand in a plain column.
pub trait Column: Sized {
    /// Its kind.
    const KIND: ValueKind;
    /// To the stored value.
    fn to_value(&self) -> Value;
    /// From the stored value.
    ///
    /// # Errors
    /// [`ColumnMismatch`] when the value is of another kind or out of range.
    fn from_value(value: Value) -> Result<Self, ColumnMismatch>;
}

macro_rules! column {
    ($($type:ty, $kind:ident, |$v:ident| $to:expr, |$w:ident| $from:expr;)*) => {$(
        impl Column for $type {
            const KIND: ValueKind = ValueKind::$kind;
            fn to_value(&self) -> Value {
                let $v = self;
                Value::$kind($to)
            }
            fn from_value(value: Value) -> Result<Self, ColumnMismatch> {
                match value {
                    Value::$kind($w) => $from,
                    _ => Err(ColumnMismatch),
                }
            }
        }
    )*};
}

column! {
    bool, Bool, |v| *v, |v| Ok(v);
    i64, I64, |v| *v, |v| Ok(v);
    u32, I64, |v| i64::from(*v), |v| u32::try_from(v).map_err(|_| ColumnMismatch);
    String, Text, |v| v.clone(), |v| Ok(v);
    Uuid, Uuid, |v| *v, |v| Ok(v);
    ClinicId, Uuid, |v| v.as_uuid(), |v| Ok(Self::from_uuid(v));
    UserId, Uuid, |v| v.as_uuid(), |v| Ok(Self::from_uuid(v));
    Timestamp, Time, |v| *v, |v| Ok(v);
    Date, Date, |v| *v, |v| Ok(v);
    Vec<u8>, Bytes, |v| v.clone(), |v| Ok(v);
}

impl<T> Column for Id<T> {
    const KIND: ValueKind = ValueKind::Uuid;
    fn to_value(&self) -> Value {
        Value::Uuid(self.as_uuid())
    }
    fn from_value(value: Value) -> Result<Self, ColumnMismatch> {
        Uuid::from_value(value).map(Self::from_uuid)
    }
}

impl<T: Column> Column for Option<T> {
    const KIND: ValueKind = T::KIND;
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Column::to_value)
    }
    fn from_value(value: Value) -> Result<Self, ColumnMismatch> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}

/// Makes a field-less enum into a column and a JSON string, each variant under its written code.
///
/// ```
/// healthcare_core::code_enum! {
///     /// How a garment is finished.
///     pub enum Finish {
///         /// As it comes.
///         Raw = "raw",
///         /// Washed.
///         Washed = "washed",
///     }
/// }
/// assert_eq!("washed".parse::<Finish>(), Ok(Finish::Washed));
/// assert_eq!(Finish::Raw.as_str(), "raw");
/// ```
#[macro_export]
macro_rules! code_enum {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The written code.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownCode;
            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::UnknownCode> {
                match text { $($code => Ok(Self::$variant),)* _ => Err($crate::UnknownCode(stringify!($name))) }
            }
        }
        impl $crate::__private::Serialize for $name {
            fn serialize<S: $crate::__private::Serializer>(&self, s: S) -> ::std::result::Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> $crate::__private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::Deserializer<'de>>(d: D) -> ::std::result::Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as $crate::__private::Deserialize>::deserialize(d)?;
                text.parse().map_err(<D::Error as $crate::__private::DeError>::custom)
            }
        }
        impl $crate::Column for $name {
            const KIND: $crate::ValueKind = $crate::ValueKind::Text;
            fn to_value(&self) -> $crate::Value {
                $crate::Value::Text(self.as_str().to_owned())
            }
            fn from_value(value: $crate::Value) -> ::std::result::Result<Self, $crate::ColumnMismatch> {
                match value {
                    $crate::Value::Text(text) => text.parse().map_err(|_| $crate::ColumnMismatch),
                    _ => Err($crate::ColumnMismatch),
                }
            }
        }
    };
}

/// The text is not one of the codes of the named set. The text itself is not repeated: it may come from a patient's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code of {0}: see its documentation for the codes it knows")]
pub struct UnknownCode(pub &'static str);
