//! What patients are told of their appointments, and who sees to it.

use super::Appointment;
use crate::{ClinicId, DomainEvent, Id, PluginError, code_enum};
use async_trait::async_trait;
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

code_enum! {
    /// What a patient is told.
    pub enum NoticeKind {
        /// The appointment is made.
        Booked = "booked",
        /// It has moved to another time.
        Rescheduled = "rescheduled",
        /// It will not take place.
        Cancelled = "cancelled",
    }
}

/// Something of which a patient is to be told. Ids and times alone: whoever tells reads the rest under a grant of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// In which clinic.
    pub clinic: ClinicId,
    /// To which appointment.
    pub appointment: Id<Appointment>,
    /// The version it made.
    pub version: i64,
    /// When.
    pub occurred: Timestamp,
}

/// An appointment whose reminder is to follow what has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReminderChange {
    /// In which clinic.
    pub clinic: ClinicId,
    /// Of which appointment.
    pub appointment: Id<Appointment>,
    /// The version after what happened.
    pub version: i64,
    /// When it happened.
    pub occurred: Timestamp,
    /// How long before the start the patient is reminded.
    pub minutes_before: u32,
}

impl Notice {
    pub(super) fn of(event: &DomainEvent, kind: NoticeKind) -> Self {
        Self {
            kind,
            clinic: event.clinic,
            appointment: Id::from_uuid(event.aggregate_id),
            version: event.aggregate_version,
            occurred: event.occurred,
        }
    }
}

impl ReminderChange {
    pub(super) fn of(event: &DomainEvent, minutes_before: u32) -> Self {
        Self {
            clinic: event.clinic,
            appointment: Id::from_uuid(event.aggregate_id),
            version: event.aggregate_version,
            occurred: event.occurred,
            minutes_before,
        }
    }
}

/// Sees to it that patients are told. [`Notification`](super::Notification) and [`Reminder`](super::Reminder) ask it after the commit, as
/// often as the outbox brings an event. `testing::notices` proves an implementation.
///
/// # Contract
/// - `Ok` means that it will be done, whatever happens to this process.
/// - What is asked twice is done once: a notice by appointment, version and kind, a change by appointment and version.
/// - When the time comes it is looked again whether there is still something to tell, to whom and how, under a grant of a named system
///   actor. An appointment that was cancelled or moved meanwhile is not reminded of.
#[async_trait]
pub trait PatientNotices: fmt::Debug + Send + Sync {
    /// The patient is to be told.
    ///
    /// # Errors
    /// [`PluginError`] when it is not certain that it will be done.
    async fn notify(&self, notice: &Notice) -> Result<(), PluginError>;

    /// The reminder is to follow the appointment: there is one while it is booked, at the time before its start, and else none.
    ///
    /// # Errors
    /// [`PluginError`] when it is not certain that it will be done.
    async fn follow(&self, change: &ReminderChange) -> Result<(), PluginError>;
}

/// Remembers what was asked, and tells nobody: for tests. Cheap to clone; clones are one.
#[derive(Debug, Clone, Default)]
pub struct MemoryNotices {
    asked: Arc<Mutex<Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    known: BTreeSet<(Uuid, Uuid, i64, &'static str)>,
    notices: Vec<Notice>,
    changes: Vec<ReminderChange>,
}

impl MemoryNotices {
    /// The notices, in the order in which they were first asked for.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.asked().notices.clone()
    }

    /// The changes, in the order in which they were first asked for.
    #[must_use]
    pub fn changes(&self) -> Vec<ReminderChange> {
        self.asked().changes.clone()
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PatientNotices for MemoryNotices {
    async fn notify(&self, notice: &Notice) -> Result<(), PluginError> {
        let mut asked = self.asked();
        let key =
            (notice.clinic.as_uuid(), notice.appointment.as_uuid(), notice.version, notice.kind.as_str());
        if asked.known.insert(key) {
            asked.notices.push(*notice);
        }
        Ok(())
    }

    async fn follow(&self, change: &ReminderChange) -> Result<(), PluginError> {
        let mut asked = self.asked();
        let key = (change.clinic.as_uuid(), change.appointment.as_uuid(), change.version, "reminder");
        if asked.known.insert(key) {
            asked.changes.push(*change);
        }
        Ok(())
    }
}
