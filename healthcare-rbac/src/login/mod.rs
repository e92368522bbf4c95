//! Signing in, staying signed in, and signing out.

mod error;
mod event;
mod refresh;
mod service;

pub use error::LoginError;
pub use event::{AuthEvent, AuthEventKind, AuthSink, MemoryAuthEvents};
pub use service::{Credentials, LoginParts, LoginService, SessionConfig, SignedIn};
