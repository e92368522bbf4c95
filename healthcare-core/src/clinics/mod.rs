//! Clinics: the clinic itself, its locations, services, practitioners and patients.

mod emergency;
mod hours;
mod patient_record;
mod records;
mod zone;

pub use emergency::{BreakGlass, BreakGlassStore, break_glass};
pub use hours::{InvalidHours, WeeklyHours, Window};
pub use patient_record::{Address, Gender, Patient, patient};
pub use records::{Clinic, Location, Practitioner, Service, clinic, location, practitioner, service};
pub use zone::{InvalidZone, LocalTimeError, StartTime, Zone};
