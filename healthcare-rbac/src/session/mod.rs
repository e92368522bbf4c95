//! Sign-ins: one row each, a refresh token that changes with every use, and an end that holds at once.

mod guard;
mod refresh;
mod store;

pub use guard::{AlreadyTold, SessionEnded, SessionGuard};
pub(crate) use refresh::Presented;
pub use refresh::{InvalidRefreshKey, RefreshKeys, RefreshToken};
pub use store::{EndReason, NewSession, Rotation, Session, SessionStore, StoreError, StoredSession};
