//! The records of a clinic that speak of no patient.

use super::{WeeklyHours, Zone};
use crate::{Id, record};

record! {
    /// The tenant's own record; its id is the clinic's id.
    pub struct Clinic in clinic = "clinic" {
        subject: none,
        plain {
            /// The clinic's name.
            name: String,
            /// The subdomain it is reached under.
            slug: String,
            /// The zone of locations that name none.
            zone: Zone,
            /// Whether its people may sign in.
            active: bool,
            /// Which appointment plugins are switched on, as a JSON object from name to settings.
            plugins: String,
        },
        protected {},
    }
}

record! {
    /// A place of a clinic where patients are seen.
    pub struct Location in location = "location" {
        subject: none,
        plain {
            /// Its name.
            name: String,
            /// Where its clocks are.
            zone: Zone,
            /// Its address, as one line.
            address: Option<String>,
            /// Whether appointments can be made there.
            active: bool,
        },
        protected {},
    }
}

record! {
    /// Something a clinic offers, by appointment.
    pub struct Service in service = "service" {
        subject: none,
        plain {
            /// Its short code: how callers name it.
            code: String,
            /// Its name.
            name: String,
            /// How long it takes unless said otherwise, in minutes.
            duration_minutes: u32,
            /// Whether it can be booked.
            active: bool,
        },
        protected {},
    }
}

record! {
    /// Somebody who treats patients. What a clinic tells everyone of its staff; nothing here is a patient's.
    pub struct Practitioner in practitioner = "practitioner" {
        subject: none,
        plain {
            /// Family name.
            family: String,
            /// Given names.
            given: String,
            /// Title before the name.
            prefix: Option<String>,
            /// Where they work unless said otherwise.
            location_id: Option<Id<Location>>,
            /// When they work, in the location's local time.
            hours: WeeklyHours,
            /// Whether appointments can be made with them.
            active: bool,
        },
        protected {},
    }
}
