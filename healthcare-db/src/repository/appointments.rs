//! Appointments by time.

use super::{claims, page, read::filter_of, rows::start_of, select::Select, store::SqlStore};
use async_trait::async_trait;
use healthcare_core::{
    AccessError, Appointment, AppointmentStore, AppointmentWindow, Grant, Interval, List, PageRequest,
    Practitioner, Read, Record, Resource, Rows, Value,
};
use std::borrow::Cow;

/// The most claims one answer lists.
const BUSY_MAX: i64 = 2_000;

#[async_trait]
impl AppointmentStore for SqlStore {
    async fn within(
        &self,
        grant: &Grant<List<Appointment>>,
        window: &AppointmentWindow,
        page: &PageRequest,
    ) -> Result<Rows<Appointment>, AccessError> {
        let entry = self.door.enter(grant)?;
        let keys = self.keys(entry.scope()).await?;
        let query = page::query(&[b"within", &filter_of(&entry), format!("{window:?}").as_bytes()]);
        let mut select = Select::of::<Appointment>(entry.rows())?;
        if let Some(subject) = entry.subject() {
            select.and_subject(subject);
        }
        if let Some(practitioner) = window.practitioner {
            let practitioner = select.bind(Value::Uuid(practitioner.as_uuid()));
            select.and(&format!("t.practitioner_id = {practitioner}"));
        }
        if let Some(id) = window.id {
            select.and_id(id.as_uuid());
        }
        if let Some(interval) = &window.within {
            select.and_overlaps(interval);
        }
        if let Some(after) = page::after_start(&keys, &query, page)? {
            select.and_starts_after(after);
        }
        select.order_by_start(page.limit() as usize + 1);
        let rows = self.fetch(&entry, select).await?;
        self.cut(
            (&keys, &entry),
            rows,
            page,
            (&query, |row: &crate::Row| start_of(row, Appointment::COLUMNS)),
        )
    }

    async fn busy(
        &self,
        grant: &Grant<Read<Practitioner>>,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        let entry = self.door.enter(grant)?;
        let Some(id) = entry.target() else { return Ok(Vec::new()) };
        let resource = Resource { kind: Cow::Borrowed(Practitioner::KIND), id };
        let mut transaction = self.database.read(entry.scope()).await?;
        claims::taken(&mut transaction, &resource, interval, BUSY_MAX).await
    }
}
