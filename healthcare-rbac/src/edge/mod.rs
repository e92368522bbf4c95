//! The way in over HTTP: from a bearer token to a [`RequestContext`](healthcare_core::RequestContext).

mod answer;
mod bearer;
mod clues;
mod extract;
mod layer;

pub use answer::AuthRejection;
pub use bearer::bearer;
use bearer::cookie;
pub use clues::{ClientAddress, SubdomainClinic, clues};
pub use extract::{Claims, Context};
pub use layer::{Auth, AuthFuture, AuthLayer, TokenPlace};
