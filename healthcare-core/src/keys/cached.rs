//! Rows on their way into a cache outside the process and back.

use super::{CacheKeys, KeyError, aead::place};
use crate::{
    AccessError, Header, Id, PhiReader, Record, Sealed, StorageDoor, UnreadableRecord, Value, ValueKind,
    access::phi_json,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::{Map, Value as Json};
use std::time::Duration;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What of a row is not in its protected fields: id, version, subject, plain columns.
type Plain = (Uuid, i64, Option<Uuid>, Vec<Json>);

impl StorageDoor {
    /// A row as bytes that only this clinic's storage opens, into a sealed row: what lies in a shared cache is as closed as what
    /// lies in this process's. `context` says under which key it lies, and so which row it is; `life` how long it is good for. Both are authenticated.
    ///
    /// The bytes also depend on the names and types of the record's columns and fields, so a program with others does not
    /// read them.
    ///
    /// # Errors
    /// [`AccessError::ForeignGate`] when the row is of another boundary or clinic, or when a join decided it: such a row is only
    /// good for the access it was read under.
    pub fn seal_cached<T: Record>(
        &self,
        keys: &CacheKeys,
        context: &[u8],
        life: Duration,
        sealed: &Sealed<T>,
    ) -> Result<Vec<u8>, AccessError> {
        let row = self.cacheable(sealed).filter(|row| row.clinic() == keys.clinic());
        let row = row.ok_or(AccessError::ForeignGate)?;
        let columns = row.columns().into_iter().map(to_json).collect::<Option<Vec<_>>>();
        let plain: Plain =
            (row.id().as_uuid(), row.version(), row.subject(), columns.ok_or(KeyError::System)?);
        let plain = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| KeyError::System)?);
        let phi = Zeroizing::new(phi_json(row));
        let length = u32::try_from(plain.len()).map_err(|_| KeyError::System)?;
        let life_ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let content = [&life_ms.to_le_bytes(), length.to_le_bytes().as_slice(), &plain, &phi].concat();
        let place = row_place::<T>(keys, context);
        Ok(keys.seal_at(&place, &Zeroizing::new(content))?)
    }

    /// The row that [`seal_cached`](Self::seal_cached) sealed, and its life.
    ///
    /// # Errors
    /// [`AccessError::Sealed`] when the bytes are not a row's of this clinic and context, or were changed, or when the
    /// record has other columns or fields now: load it anew.
    pub fn open_cached<T: Record>(
        &self,
        keys: &CacheKeys,
        context: &[u8],
        bytes: &[u8],
    ) -> Result<(Sealed<T>, Duration), AccessError> {
        let content = keys.open_at(&row_place::<T>(keys, context), bytes)?;
        let (life_ms, plain, phi) = parts(&content).ok_or_else(unreadable)?;
        let (id, version, subject, columns): Plain =
            serde_json::from_slice(plain).map_err(|_| unreadable())?;
        let phi: Map<String, Json> = serde_json::from_slice(phi).map_err(|_| unreadable())?;
        if columns.len() != T::COLUMNS.len() {
            return Err(unreadable());
        }
        let columns = columns.into_iter().zip(T::COLUMNS).map(|(json, column)| from_json(json, column.kind));
        let columns = columns.collect::<Option<Vec<_>>>().ok_or_else(unreadable)?;
        let header = Header::stored(Id::from_uuid(id), keys.clinic(), subject, version);
        let row = T::assemble(header, &mut columns.into_iter(), &mut PhiReader(phi));
        Ok((self.seal(row.map_err(|_| unreadable())?), Duration::from_millis(life_ms)))
    }
}

fn parts(content: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (life_ms, rest) = content.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (plain, phi) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    Some((u64::from_le_bytes(*life_ms), plain, phi))
}

fn unreadable() -> AccessError {
    AccessError::Sealed(Box::new(UnreadableRecord))
}

/// Where a cached row is, and what form it has. Nothing but these two functions seals or opens under it.
fn row_place<T: Record>(keys: &CacheKeys, context: &[u8]) -> Vec<u8> {
    let columns = T::COLUMNS.iter().flat_map(|column| [column.name.as_bytes(), kind_name(column.kind)]);
    let shape: Vec<&[u8]> = columns.collect();
    let fields: Vec<&[u8]> = T::FIELDS.iter().map(|field| field.as_bytes()).collect();
    place(&[
        b"cached-row",
        keys.clinic().as_uuid().as_bytes(),
        T::KIND.as_bytes(),
        &place(&shape),
        &place(&fields),
        context,
    ])
}

const fn kind_name(kind: ValueKind) -> &'static [u8] {
    match kind {
        ValueKind::Bool => b"bool",
        ValueKind::I64 => b"i64",
        ValueKind::Text => b"text",
        ValueKind::Uuid => b"uuid",
        ValueKind::Time => b"time",
        ValueKind::Date => b"date",
        ValueKind::Bytes => b"bytes",
    }
}

fn to_json(value: Value) -> Option<Json> {
    match value {
        Value::Null => Some(Json::Null),
        Value::Bool(value) => Some(value.into()),
        Value::I64(value) => Some(value.into()),
        Value::Text(value) => Some(value.into()),
        Value::Uuid(value) => serde_json::to_value(value).ok(),
        Value::Time(value) => serde_json::to_value(value).ok(),
        Value::Date(value) => serde_json::to_value(value).ok(),
        Value::Bytes(value) => Some(STANDARD_NO_PAD.encode(value).into()),
    }
}

fn from_json(json: Json, kind: ValueKind) -> Option<Value> {
    Some(match (kind, json) {
        (_, Json::Null) => Value::Null,
        (ValueKind::Bool, Json::Bool(value)) => Value::Bool(value),
        (ValueKind::I64, Json::Number(value)) => Value::I64(value.as_i64()?),
        (ValueKind::Text, Json::String(value)) => Value::Text(value),
        (ValueKind::Uuid, json) => Value::Uuid(serde_json::from_value(json).ok()?),
        (ValueKind::Time, json) => Value::Time(serde_json::from_value(json).ok()?),
        (ValueKind::Date, json) => Value::Date(serde_json::from_value(json).ok()?),
        (ValueKind::Bytes, Json::String(text)) => Value::Bytes(STANDARD_NO_PAD.decode(text).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = (ValueKind, Value)> {
        let seconds = -62_135_596_800_i64..253_402_207_200;
        prop_oneof![
            any::<bool>().prop_map(|v| (ValueKind::Bool, Value::Bool(v))),
            any::<i64>().prop_map(|v| (ValueKind::I64, Value::I64(v))),
            any::<String>().prop_map(|v| (ValueKind::Text, Value::Text(v))),
            any::<u128>().prop_map(|v| (ValueKind::Uuid, Value::Uuid(Uuid::from_u128(v)))),
            (seconds, 0_i32..1_000_000).prop_map(|(seconds, micros)| {
                let time = jiff::Timestamp::new(seconds, micros * 1_000).unwrap_or_default();
                (ValueKind::Time, Value::Time(time))
            }),
            (1_i16..9_999, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| {
                (ValueKind::Date, Value::Date(jiff::civil::date(year, month, day)))
            }),
            any::<Vec<u8>>().prop_map(|v| (ValueKind::Bytes, Value::Bytes(v))),
        ]
    }

    proptest! {
        #[test]
        fn any_plain_value_comes_back((kind, value) in value()) {
            let json = serde_json::to_vec(&to_json(value.clone()).unwrap()).unwrap();
            prop_assert_eq!(from_json(serde_json::from_slice(&json).unwrap(), kind), Some(value));
        }
    }
}
