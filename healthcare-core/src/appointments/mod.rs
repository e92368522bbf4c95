//! Appointments: what they are, how they move on, when there is room, and who may object.

mod availability;
mod booking;
mod coverage;
mod eligibility;
mod notices;
mod notification;
mod plugin;
mod plugins;
mod record;
mod reminder;
mod status;
mod store;
mod switched;

pub use availability::{Availability, AvailabilityQuery, InvalidRange};
pub use booking::{Appointments, BookError, BookRequest, NoWorkingHours, Problem, StepDetails};
pub use coverage::{CoverageAnswer, CoverageInquiry, MemoryPayer, Payer, Unanswered};
pub use eligibility::{CoverageRule, Eligibility, EligibilityRules};
pub use notices::{MemoryNotices, Notice, NoticeKind, PatientNotices, ReminderChange};
pub use notification::{Notification, NotificationRules};
pub use plugin::{AppointmentPlugin, Hook, Moment, PluginError, PrepareContext, Prepared};
pub use plugins::{Plugins, PluginsBuilder};
pub use record::{Appointment, appointment};
pub use reminder::{Reminder, ReminderRules};
pub use status::{AppointmentStatus, IllegalStep, Step};
pub use store::{AppointmentStore, AppointmentWindow};
pub use switched::PluginSettings;
