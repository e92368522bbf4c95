//! Repositories: the seams of healthcare-core over a [`Database`](crate::Database).

mod appointments;
mod claims;
mod filter;
mod keys;
mod outbox;
mod page;
mod read;
#[cfg(test)]
pub(crate) mod registry;
mod relation;
mod rows;
mod select;
mod store;
mod write;

pub use keys::SqlScopeKeys;
pub use outbox::SqlOutbox;
pub use relation::SqlRelations;
pub use store::{Remembered, SqlStore};

/// The statements that carry the load, as the repositories compose them.
#[cfg(test)]
pub(crate) mod select_for_test {
    use super::select::Select;
    use crate::statement::Composed;
    use healthcare_core::{Appointment, BlindToken, Interval, Patient, Record, RowFilter, Value};
    use jiff::Timestamp;
    use uuid::Uuid;

    pub(crate) fn hot() -> Vec<(&'static str, Composed, Vec<Value>)> {
        let mut find = Select::of::<Patient>(&RowFilter::All).unwrap();
        find.and_id(Uuid::max());
        let mut list = Select::of::<Patient>(&RowFilter::All).unwrap();
        list.and_after(Uuid::max());
        list.order_by_id(51);
        let token = |n| BlindToken { field: "family", token: vec![n; 16] };
        let search = |tokens: &[BlindToken], after| {
            let mut search = Select::of::<Patient>(&RowFilter::All).unwrap();
            search.and_tokens(Patient::KIND, tokens);
            search.order_by_found(after, 51);
            search
        };
        let day = Interval::new(Timestamp::UNIX_EPOCH, Timestamp::from_second(86_400).unwrap()).unwrap();
        let mut within = Select::of::<Appointment>(&RowFilter::All).unwrap();
        let practitioner = within.bind(Value::Uuid(Uuid::max()));
        within.and(&format!("t.practitioner_id = {practitioner}"));
        within.and_overlaps(&day);
        within.order_by_start(51);
        let all = [
            ("find", find),
            ("list", list),
            ("search", search(&[token(1)], None)),
            ("search by two", search(&[token(1), token(2)], None)),
            ("search, next page", search(&[token(1)], Some(Uuid::nil()))),
            ("within", within),
        ];
        all.into_iter().map(|(name, select)| select.build().map(|(text, values)| (name, text, values)).unwrap()).collect()
    }
}
