//! The record.

use super::AppointmentStatus;
use crate::{
    Claim, EmptyInterval, Id, Interval, Location, Patient, Practitioner, Record, Resource, Zone, record,
};
use jiff::Timestamp;
use std::borrow::Cow;

record! {
    /// A time that a patient has with a practitioner. When and with whom stands in clear, because availability is computed
    /// from it; what for is protected.
    pub struct Appointment in appointment = "appointment" {
        subject: Patient,
        plain {
            /// With whom.
            practitioner_id: Id<Practitioner>,
            /// Where.
            location_id: Id<Location>,
            /// Where it stands.
            status: AppointmentStatus,
            /// Whether somebody confirmed it.
            confirmed: bool,
            /// Its first instant.
            starts: Timestamp,
            /// Its end.
            ends: Timestamp,
            /// The zone it was agreed in: the wall time that was promised is `starts` there.
            zone: Zone,
        },
        protected {
            /// What for: the service's code.
            ServiceCode = service: String,
            /// What the patient or the desk wrote about it.
            Note = note: Option<String>,
            /// Why it was cancelled.
            CancelReason = cancel_reason: Option<String>,
        },
    }
}

impl Appointment {
    /// When it is.
    ///
    /// # Errors
    /// [`EmptyInterval`] when a stored row ends before it starts.
    pub fn interval(&self) -> Result<Interval, EmptyInterval> {
        Interval::new(self.starts, self.ends)
    }

    /// What it holds against others: the practitioner's time and the patient's.
    #[must_use]
    pub fn claims(&self, interval: Interval) -> Vec<Claim> {
        let resource = |kind: &'static str, id| Resource { kind: Cow::Borrowed(kind), id };
        let mut claims =
            vec![Claim { resource: resource("practitioner", self.practitioner_id.as_uuid()), interval }];
        claims.extend(self.subject().map(|id| Claim { resource: resource("patient", id), interval }));
        claims
    }
}
