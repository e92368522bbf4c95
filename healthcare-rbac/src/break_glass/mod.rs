//! Emergency access to one patient: broken with a reason, open for a quarter of an hour, ended and reviewed by somebody else.

mod error;
mod places;
mod service;

pub use error::BreakGlassError;
pub use service::BreakGlasses;
