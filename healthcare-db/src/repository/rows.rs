//! From rows of the database to sealed rows.

use crate::Row;
use healthcare_core::{
    AccessError, Entry, Id, PlainColumn, Record, ScopeKeys, Sealed, StorageDoor, SubjectKey, Value, ValueKind,
};
use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    sync::Arc,
};
use uuid::Uuid;

/// Opens the rows that were read under one grant.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(super) door: &'a StorageDoor,
    pub(super) keys: &'a ScopeKeys,
    pub(super) entry: &'a Entry<'a>,
}

impl Reading<'_> {
    /// The rows of a [`Select`](super::select::Select), in its order.
    pub(super) fn sealed<T: Record>(&self, rows: Vec<Row>) -> Result<Vec<Sealed<T>>, AccessError> {
        let mut people = HashMap::new();
        rows.iter().map(|row| self.one(row, &mut people)).collect()
    }

    fn one<T: Record>(
        &self,
        row: &Row,
        people: &mut HashMap<Uuid, SubjectKey>,
    ) -> Result<Sealed<T>, AccessError> {
        let id: Uuid = row.get(0)?;
        let subject: Option<Uuid> = row.get(1)?;
        let version: i64 = row.get(2)?;
        let phi: Vec<u8> = row.get(4)?;
        let key = match subject {
            None => None,
            Some(person) => Some(match people.entry(person) {
                Slot::Occupied(known) => known.into_mut(),
                Slot::Vacant(new) => {
                    let wrapped: Vec<u8> = row.get(3)?;
                    new.insert(self.keys.open_subject_key(person, &wrapped)?)
                }
            }),
        };
        let mut columns = plain(row, T::COLUMNS)?.into_iter();
        let header = (Id::from_uuid(id), subject, version);
        let record: T = self.door.open_row((self.keys, key.map(|key| &*key)), header, &mut columns, &phi)?;
        let record = Arc::new(record);
        Ok(if self.entry.rows().joins() {
            self.door.seal_joined(record, self.entry)
        } else {
            self.door.seal_shared(record)
        })
    }
}

fn plain(row: &Row, columns: &[PlainColumn]) -> Result<Vec<Value>, AccessError> {
    columns.iter().enumerate().map(|(nth, column)| Ok(row.value(nth + 5, column.kind)?)).collect()
}

/// The place of a row in the order of start, then id: for the cursor of a listing by start.
pub(super) fn start_of(row: &Row, columns: &[PlainColumn]) -> Result<Vec<u8>, AccessError> {
    let nth = columns.iter().position(|column| column.name == "starts").unwrap_or_default();
    let id: Uuid = row.get(0)?;
    match row.value(nth + 5, ValueKind::Time)? {
        Value::Time(starts) => Ok([&starts.as_microsecond().to_be_bytes()[..], id.as_bytes()].concat()),
        _ => Err(AccessError::storage("an appointment without a start")),
    }
}
