//! Users and sessions in memory.

use crate::{
    session::{EndReason, NewSession, Rotation, Session, SessionStore, StoreError, StoredSession},
    user::{
        EmailIndex, MAX_MEMBERSHIPS, MAX_ROLES, Membership, NewUser, PasswordChange, User, UserStatus,
        UserStore,
    },
};
use async_trait::async_trait;
use healthcare_core::{ClinicId, SessionId, UserId};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Users and their sessions in memory, for tests and demonstrations: gone with the process.
#[derive(Debug, Default)]
pub struct MemoryAccounts(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    users: HashMap<UserId, User>,
    emails: HashMap<EmailIndex, UserId>,
    sessions: HashMap<SessionId, Session>,
}

impl MemoryAccounts {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn end_sessions(&mut self, at: Timestamp, which: impl Fn(&Session) -> bool) -> u64 {
        let live = self.sessions.values_mut().filter(|session| session.revoked.is_none() && which(session));
        live.fold(0, |count, session| {
            session.revoked = Some(at);
            count + 1
        })
    }

    fn still(&self, new: &NewSession) -> bool {
        self.users
            .get(&new.session.user)
            .is_some_and(|user| user.status == UserStatus::Active && user.epoch == new.epoch)
    }
}

#[async_trait]
impl UserStore for MemoryAccounts {
    async fn add(&self, user: &NewUser) -> Result<(), StoreError> {
        let mut tables = self.lock();
        if tables.users.contains_key(&user.id) || tables.emails.contains_key(&user.email) {
            return Err(StoreError::Exists);
        }
        tables.emails.insert(user.email, user.id);
        let row = User {
            id: user.id,
            password: user.password.clone(),
            status: UserStatus::Active,
            epoch: 0,
            memberships: Vec::new(),
        };
        tables.users.insert(user.id, row);
        Ok(())
    }

    async fn by_email(&self, email: &EmailIndex) -> Result<Option<User>, StoreError> {
        let tables = self.lock();
        Ok(tables.emails.get(email).and_then(|id| tables.users.get(id)).cloned())
    }

    async fn by_id(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.lock().users.get(&id).cloned())
    }

    async fn set_password(&self, id: UserId, change: &PasswordChange) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let Some(user) = tables.users.get_mut(&id) else { return Ok(false) };
        if change.expected.is_some() && change.expected != user.password {
            return Ok(false);
        }
        user.password = Some(change.new.clone());
        if let Some(at) = change.changed_at {
            user.epoch += 1;
            tables.end_sessions(at, |session| session.user == id);
        }
        Ok(true)
    }

    async fn set_status(&self, id: UserId, status: UserStatus, at: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let Some(user) = tables.users.get_mut(&id) else { return Ok(false) };
        user.status = status;
        user.epoch += 1;
        if status == UserStatus::Disabled {
            tables.end_sessions(at, |session| session.user == id);
        }
        Ok(true)
    }

    async fn set_membership(&self, id: UserId, membership: &Membership) -> Result<(), StoreError> {
        if membership.roles.len() > MAX_ROLES {
            return Err(StoreError::Limit(MAX_ROLES));
        }
        let mut tables = self.lock();
        let user = tables.users.get_mut(&id).ok_or(StoreError::NoUser)?;
        if let Some(known) = user.memberships.iter_mut().find(|known| known.clinic == membership.clinic) {
            *known = membership.clone();
        } else if user.memberships.len() >= MAX_MEMBERSHIPS {
            return Err(StoreError::Limit(MAX_MEMBERSHIPS));
        } else {
            user.memberships.push(membership.clone());
        }
        user.epoch += 1;
        Ok(())
    }

    async fn remove_membership(
        &self,
        id: UserId,
        clinic: ClinicId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let Some(user) = tables.users.get_mut(&id) else { return Ok(false) };
        let before = user.memberships.len();
        user.memberships.retain(|membership| membership.clinic != clinic);
        if user.memberships.len() == before {
            return Ok(false);
        }
        user.epoch += 1;
        tables.end_sessions(at, |session| session.user == id && session.clinic == clinic);
        Ok(true)
    }
}

#[async_trait]
impl SessionStore for MemoryAccounts {
    async fn create(&self, new: &NewSession) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let still = tables.still(new);
        if still {
            tables.sessions.insert(new.session.id, new.session.clone());
        }
        Ok(still)
    }

    async fn replace(&self, old: SessionId, new: &NewSession, at: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let live = |session: &Session| session.revoked.is_none() && at < session.ends;
        if !tables.still(new) || !tables.sessions.get(&old).is_some_and(live) {
            return Ok(false);
        }
        tables.end_sessions(at, |session| session.id == old);
        tables.sessions.insert(new.session.id, new.session.clone());
        Ok(true)
    }

    async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        let tables = self.lock();
        let Some(session) = tables.sessions.get(&id).cloned() else { return Ok(None) };
        let Some(user) = tables.users.get(&session.user) else { return Ok(None) };
        let (user_epoch, user_active) = (user.epoch, user.status == UserStatus::Active);
        Ok(Some(StoredSession { session, user_epoch, user_active }))
    }

    async fn rotate(&self, id: SessionId, rotation: &Rotation) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let newest = |session: &&mut Session| session.revoked.is_none() && session.refresh == rotation.from;
        let Some(session) = tables.sessions.get_mut(&id).filter(newest) else { return Ok(false) };
        session.previous = Some(rotation.from);
        session.refresh = rotation.to;
        session.rotated = rotation.at;
        session.idle_until = rotation.idle_until;
        Ok(true)
    }

    async fn revoke(&self, id: SessionId, at: Timestamp, _why: EndReason) -> Result<bool, StoreError> {
        Ok(self.lock().end_sessions(at, |session| session.id == id) == 1)
    }

    async fn revoke_user(&self, user: UserId, at: Timestamp, _why: EndReason) -> Result<u64, StoreError> {
        Ok(self.lock().end_sessions(at, |session| session.user == user))
    }

    async fn purge(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let over = tables.sessions.values().filter(|session| session.ends < before).map(|session| session.id);
        let over: Vec<SessionId> = over.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect();
        let gone = over.iter().filter(|id| tables.sessions.remove(id).is_some()).count();
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }
}
