//! What the appointment service needs of storage beyond reading and writing.

use super::Appointment;
use crate::{
    AccessError, Grant, Id, Interval, List, MemoryStore, PageRequest, Practitioner, Read, Reader, Record,
    Resource, Rows, Writer,
};
use async_trait::async_trait;
use std::borrow::Cow;

/// Which appointments of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppointmentWindow {
    /// Those that share an instant with this interval.
    pub within: Option<Interval>,
    /// Those with this practitioner.
    pub practitioner: Option<Id<Practitioner>>,
    /// This one alone, where it is among them.
    pub id: Option<Id<Appointment>>,
}

/// Reads and writes appointments, and says when somebody is busy.
#[async_trait]
pub trait AppointmentStore: Reader<Appointment> + Writer<Appointment> {
    /// One page of the appointments in a window, in the order of their start, then id.
    async fn within(
        &self,
        grant: &Grant<List<Appointment>>,
        window: &AppointmentWindow,
        page: &PageRequest,
    ) -> Result<Rows<Appointment>, AccessError>;

    /// The claims on a practitioner's time that share an instant with `interval`, in order, at most 2,000.
    async fn busy(
        &self,
        grant: &Grant<Read<Practitioner>>,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError>;
}

#[async_trait]
impl AppointmentStore for MemoryStore {
    async fn within(
        &self,
        grant: &Grant<List<Appointment>>,
        window: &AppointmentWindow,
        page: &PageRequest,
    ) -> Result<Rows<Appointment>, AccessError> {
        let window = window.clone();
        self.list_where(
            grant,
            page,
            &move |row: &Appointment| {
                let within = window
                    .within
                    .is_none_or(|within| row.interval().is_ok_and(|interval| interval.overlaps(&within)));
                within
                    && window.practitioner.is_none_or(|who| row.practitioner_id == who)
                    && window.id.is_none_or(|id| row.id() == id)
            },
            |row| row.starts,
        )
    }

    async fn busy(
        &self,
        grant: &Grant<Read<Practitioner>>,
        interval: &Interval,
    ) -> Result<Vec<Interval>, AccessError> {
        let resource = Resource { kind: Cow::Borrowed("practitioner"), id: grant.access().id().as_uuid() };
        self.claims_of(grant, &resource, interval)
    }
}
