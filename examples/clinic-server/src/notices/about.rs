//! What an e-mail tells, and whether it still holds.

use healthcare_core::{
    Appointment, AppointmentStatus, NoticeKind, Notification, Record, Reminder, code_enum,
};
use healthcare_messaging::UniqueKey;
use jiff::Timestamp;

code_enum! {
    /// What an e-mail tells.
    pub enum About {
        /// It is booked.
        Booked = "booked",
        /// It has moved.
        Rescheduled = "rescheduled",
        /// It is cancelled.
        Cancelled = "cancelled",
        /// It is soon.
        Reminder = "reminder",
    }
}

impl About {
    /// What a notice tells; one of a kind that is not known here tells nothing.
    pub(super) const fn of(kind: NoticeKind) -> Option<Self> {
        match kind {
            NoticeKind::Booked => Some(Self::Booked),
            NoticeKind::Rescheduled => Some(Self::Rescheduled),
            NoticeKind::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// The plugin that asks for it: a clinic that switched it off meanwhile tells nothing any more.
    pub(super) const fn plugin(self) -> &'static str {
        match self {
            Self::Booked | Self::Rescheduled | Self::Cancelled => Notification::NAME,
            Self::Reminder => Reminder::NAME,
        }
    }

    /// Whether it is still true of the appointment, which began at `starts` when it was asked for, and of use.
    pub(super) fn holds(self, appointment: &Appointment, starts: Timestamp, now: Timestamp) -> bool {
        let stands = matches!(appointment.status, AppointmentStatus::Pending | AppointmentStatus::Booked);
        let is_so = match self {
            Self::Booked | Self::Rescheduled | Self::Reminder => stands,
            Self::Cancelled => appointment.status == AppointmentStatus::Cancelled,
        };
        is_so && appointment.starts == starts && now < starts
    }

    /// A reminder is for a time, however often the appointment changes in other things.
    pub(super) fn reminder_key(appointment: &Appointment) -> UniqueKey {
        UniqueKey::new(Self::Reminder.as_str(), appointment.id().as_uuid(), appointment.starts.as_second())
    }
}
