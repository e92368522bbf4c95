//! Who may do what: one readable file, compiled into a table, and decisions that say why.

mod authorizer;
mod compile;
mod decide;
mod emergency;
mod error;
mod file;
mod reach;
mod schema;
mod table;

pub use authorizer::PolicyAuthorizer;
pub use decide::{Effect, Explanation, Reason};
pub use emergency::{EMERGENCY_PURPOSE, EmergencySource};
pub use error::PolicyError;
pub use reach::Reach;
pub use schema::{InvalidSchema, Schema};
pub use table::Policy;
