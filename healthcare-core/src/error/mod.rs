//! The error catalogue: stable codes, their HTTP statuses, and the one form in which a caller sees them.

mod access;
mod body;
mod code;

pub use access::AccessError;
pub use body::{ErrorBody, ErrorDetail, FieldProblem};
pub use code::{ErrorCategory, ErrorCode};
