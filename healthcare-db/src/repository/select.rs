//! The queries that read records, composed of the names of tables and columns.

use super::filter;
use crate::{DbError, statement::Composed};
use healthcare_core::{AccessError, BlindToken, Interval, PlainColumn, Record, RowFilter, Value};
use jiff::Timestamp;
use std::fmt::Write as _;
use uuid::Uuid;

/// A query on the rows of one kind, with the values for `$2` and on.
#[derive(Debug)]
pub(crate) struct Select {
    head: String,
    conditions: String,
    /// What an index entry `b0` must be, when the blind index finds the rows.
    found: Option<String>,
    tail: String,
    values: Vec<Value>,
}

impl Select {
    /// All rows of the clinic that the filter covers.
    pub(super) fn of<T: Record>(filter: &RowFilter) -> Result<Self, AccessError> {
        let mut select = Self::bare(T::KIND, T::COLUMNS);
        filter::apply::<T>(filter, &mut select)?;
        Ok(select)
    }

    /// Rows whose person's key was destroyed are noise: they look as if they were not there.
    fn bare(table: &'static str, columns: &'static [PlainColumn]) -> Self {
        // A look-up for each row and no join: see `exists`.
        let mut head = String::from(
            "SELECT t.id, t.subject_id, t.version, \
             (SELECT k.wrapped FROM subject_key k WHERE k.clinic_id = $1 AND k.subject_id = t.subject_id) AS wrapped, t.phi",
        );
        for column in columns {
            let _ = write!(head, ", t.{}", column.name);
        }
        let _ = write!(head, " FROM {table} t");
        let has_key = exists(
            "subject_key k",
            "k.clinic_id = $1 AND k.subject_id = t.subject_id AND k.wrapped IS NOT NULL",
        );
        let conditions = format!(" WHERE t.clinic_id = $1 AND (t.subject_id IS NULL OR {has_key})");
        Self { head, conditions, found: None, tail: String::new(), values: Vec::new() }
    }

    /// Adds a value and names its parameter.
    pub(super) fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len() + 1)
    }

    /// Adds a condition, which must hold as well.
    pub(super) fn and(&mut self, condition: &str) {
        let _ = write!(self.conditions, " AND {condition}");
    }

    pub(super) fn and_id(&mut self, id: Uuid) {
        let id = self.bind(Value::Uuid(id));
        self.and(&format!("t.id = {id}"));
    }

    pub(super) fn and_subject(&mut self, subject: Uuid) {
        let subject = self.bind(Value::Uuid(subject));
        self.and(&format!("t.subject_id = {subject}"));
    }

    pub(super) fn and_after(&mut self, id: Uuid) {
        let id = self.bind(Value::Uuid(id));
        self.and(&format!("t.id > {id}"));
    }

    /// Rows after a place in the order of start, then id.
    pub(super) fn and_starts_after(&mut self, (starts, id): (Timestamp, Uuid)) {
        let (starts, id) = (self.bind(Value::Time(starts)), self.bind(Value::Uuid(id)));
        self.and(&format!("(t.starts, t.id) > ({starts}, {id})"));
    }

    /// Appointments that share an instant with an interval.
    pub(super) fn and_overlaps(&mut self, interval: &Interval) {
        let (from, to) = (self.bind(Value::Time(interval.starts())), self.bind(Value::Time(interval.ends())));
        self.and(&format!("t.starts < {to} AND t.ends > {from}"));
    }

    /// Records that are found by every one of these tokens. The first leads: its rows come out of the index in the order of ids.
    pub(super) fn and_tokens(&mut self, kind: &'static str, tokens: &[BlindToken]) {
        for (nth, token) in tokens.iter().enumerate() {
            let kind = self.bind(Value::Text(kind.to_owned()));
            let field = self.bind(Value::Text(token.field.to_owned()));
            let bytes = self.bind(Value::Bytes(token.token.clone()));
            let on = format!(
                "b{nth}.clinic_id = $1 AND b{nth}.kind = {kind} AND b{nth}.field = {field} AND b{nth}.token = {bytes}"
            );
            match &mut self.found {
                None => self.found = Some(on),
                Some(found) => {
                    let table = format!("blind_index b{nth}");
                    let on = format!("{on} AND b{nth}.record_id = b0.record_id");
                    let _ = write!(found, " AND {}", exists(&table, &on));
                }
            }
        }
    }

    pub(super) fn order_by_id(&mut self, limit: usize) {
        self.tail = format!(" ORDER BY t.id LIMIT {limit}");
    }

    /// As [`order_by_id`](Self::order_by_id), by the index that found them.
    pub(super) fn order_by_found(&mut self, after: Option<Uuid>, limit: usize) {
        if let Some(after) = after {
            let after = self.bind(Value::Uuid(after));
            if let Some(found) = &mut self.found {
                let _ = write!(found, " AND b0.record_id > {after}");
            }
        }
        self.tail = format!(" ORDER BY b0.record_id LIMIT {limit}");
    }

    pub(super) fn order_by_start(&mut self, limit: usize) {
        self.tail = format!(" ORDER BY t.starts, t.id LIMIT {limit}");
    }

    pub(crate) fn build(self) -> Result<(Composed, Vec<Value>), DbError> {
        let Self { head, conditions, found, tail, values } = self;
        let text = match found {
            None => Composed::new(head + &conditions + &tail)?,
            // Two texts, because SQLite has no LATERAL. PostgreSQL needs it for the reason given at `exists`.
            Some(found) => Composed::of_two(
                format!(
                    "SELECT t.* FROM blind_index b0 CROSS JOIN LATERAL \
                     ({head}{conditions} AND t.id = b0.record_id OFFSET 0) t WHERE {found}{tail}"
                ),
                format!(
                    "{head} JOIN blind_index b0 ON b0.clinic_id = t.clinic_id AND b0.record_id = t.id\
                     {conditions} AND {found}{tail}"
                ),
            )?,
        };
        Ok((text, values))
    }
}

/// Whether `table` has a row for the row outside, looked up once for each such row by the whole of an index.
///
/// While PostgreSQL's statistics are older than the rows (a clinic that has just been imported) every order of joins looks as
/// cheap to it as the next, and it has been seen to compare each row with each. The offset keeps it from making this a join.
fn exists(table: &str, on: &str) -> String {
    format!("EXISTS (SELECT 1 FROM {table} WHERE {on} LIMIT 1 OFFSET 0)")
}
