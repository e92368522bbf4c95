//! Contract suites: what every implementation of a seam must do. Not covered by semver.
//!
//! A suite panics with what it found. Give it an empty store.

#![allow(clippy::panic, clippy::expect_used, clippy::missing_panics_doc)]

mod sessions;
mod users;

pub use sessions::session_store;
pub use users::user_store;

use crate::{
    password::PasswordHash,
    session::{NewSession, Session, SessionStore},
    user::{EmailIndex, Membership, NewUser, UserStore},
};
use healthcare_core::{ClinicId, SessionId, UserId};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// Keeps users and sessions: the two seams are contracts about each other.
pub trait AccountStore: UserStore + SessionStore {}
impl<T: UserStore + SessionStore> AccountStore for T {}

fn now() -> Timestamp {
    Timestamp::from_second(1_772_352_000).expect("2026-03-01T08:00:00Z")
}

fn later(seconds: i64) -> Timestamp {
    now().saturating_add(SignedDuration::from_secs(seconds)).expect("in range")
}

fn email(byte: u8) -> EmailIndex {
    EmailIndex::from_bytes([byte; 32])
}

fn hash(salt: &str) -> PasswordHash {
    let text =
        format!("$argon2id$v=19$m=64,t=1,p=1${salt}FsdHNhbHRz$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g");
    text.parse().expect("a PHC string")
}

async fn user<S: AccountStore>(store: &S, byte: u8) -> UserId {
    let id = UserId::random();
    store.add(&NewUser { id, email: email(byte), password: Some(hash("AA")) }).await.expect("adds");
    id
}

fn membership(clinic: ClinicId, roles: &[&str]) -> Membership {
    let roles: Vec<_> = roles.iter().map(|role| role.parse().expect("a role")).collect();
    Membership { clinic, roles: Arc::from(roles), profile: None }
}

fn session(user: UserId, clinic: ClinicId, epoch: u64) -> NewSession {
    let session = Session {
        id: SessionId::random(),
        user,
        clinic,
        refresh: [1; 32],
        previous: None,
        rotated: now(),
        created: now(),
        idle_until: later(3600),
        ends: later(43_200),
        revoked: None,
    };
    NewSession { session, epoch }
}

async fn live<S: AccountStore>(store: &S, id: SessionId) -> bool {
    let stored = store.session(id).await.expect("reads");
    stored.is_some_and(|row| row.user_active && row.session.revoked.is_none())
}

async fn epoch<S: AccountStore>(store: &S, id: UserId) -> u64 {
    store.by_id(id).await.expect("reads").expect("is there").epoch
}
