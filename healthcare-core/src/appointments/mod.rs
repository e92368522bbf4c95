//! Appointments: what they are, how they move on, when there is room, and who may object.

mod availability;
mod booking;
mod eligibility;
mod plugin;
mod plugins;
mod record;
mod status;
mod store;

pub use availability::{Availability, AvailabilityQuery, InvalidRange};
pub use booking::{Appointments, BookError, BookRequest, NoWorkingHours, Problem, StepDetails};
pub use eligibility::{Eligibility, EligibilityRules};
pub use plugin::{AppointmentPlugin, Hook, Moment, PluginError, PrepareContext, Prepared};
pub use plugins::{Plugins, PluginsBuilder};
pub use record::{Appointment, appointment};
pub use status::{AppointmentStatus, IllegalStep, Step};
pub use store::{AppointmentStore, AppointmentWindow};
