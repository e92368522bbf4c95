//! The check of every request: is the sign-in behind this token still alive?

use super::SessionStore;
use crate::{bounded::Bounded, token::AccessClaims};
use healthcare_core::{ClinicId, Clock, ErrorCode, SessionId, UserId};
use jiff::Timestamp;
use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

/// The sign-in behind a token is over, or nobody can say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionEnded {
    /// Signed out, ended by the system, past its end, or not the session the token says.
    #[error("this sign-in has ended")]
    Ended,
    /// The user's roles or clinics changed since the token was issued: refresh it.
    #[error("the token is older than the user's present rights")]
    Outdated,
    /// The sessions could not be read. The request is refused.
    #[error("the sign-in could not be checked")]
    Unknown(#[source] super::StoreError),
}

impl SessionEnded {
    /// The code of the catalogue.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Ended => ErrorCode::SessionRevoked,
            Self::Outdated => ErrorCode::TokenExpired,
            Self::Unknown(error) => error.code(),
        }
    }
}

/// Somebody is told of ended sessions already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("somebody is told of ended sessions already: tell the others from there")]
pub struct AlreadyTold;

/// Checks sessions against their table, with a small memory.
///
/// # Contract
/// - A session ended in this process is refused from that moment, one ended elsewhere at most `max_age` later: that a session
///   lives is believed for so long and not longer, counted from *before* the table was read.
/// - That a session is over is remembered without limit of time: it never lives again.
/// - When the table cannot be read and nothing fresh is known, the answer is no.
#[derive(Clone)]
pub struct SessionGuard(Arc<Inner>);

struct Inner {
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    max_age: Duration,
    known: Mutex<Bounded<SessionId, Known>>,
    told: OnceLock<Told>,
}

/// Who is told that a session is over.
type Told = Box<dyn Fn(SessionId) + Send + Sync>;

#[derive(Clone, Copy)]
enum Known {
    Over,
    Live(Live),
}

#[derive(Clone, Copy)]
struct Live {
    user: UserId,
    clinic: ClinicId,
    epoch: u64,
    idle_until: Timestamp,
    ends: Timestamp,
    asked: Duration,
}

impl fmt::Debug for SessionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGuard").field("max_age", &self.0.max_age).finish_non_exhaustive()
    }
}

impl SessionGuard {
    /// A guard over `store` that believes in a live session for `max_age`, at most a minute. Zero asks the table each time.
    #[must_use]
    pub fn new(store: Arc<dyn SessionStore>, clock: Arc<dyn Clock>, max_age: Duration) -> Self {
        let known = Mutex::new(Bounded::new(200_000));
        Self(Arc::new(Inner {
            store,
            clock,
            max_age: max_age.min(Duration::from_secs(60)),
            known,
            told: OnceLock::new(),
        }))
    }

    /// Checks the session of a verified token.
    ///
    /// # Errors
    /// [`SessionEnded`] when it is over, has changed, or could not be read.
    pub async fn check(&self, claims: &AccessClaims) -> Result<(), SessionEnded> {
        let asked = self.0.clock.monotonic();
        let fresh = |live: &Live| asked.saturating_sub(live.asked) < self.0.max_age;
        match self.recall(claims.session) {
            Some(Known::Over) => Err(SessionEnded::Ended),
            // A token newer than what is remembered is no reason to believe it: read again.
            Some(Known::Live(live)) if fresh(&live) && claims.epoch <= live.epoch => {
                self.judge(claims, &live)
            }
            _ => self.read(claims, asked).await,
        }
    }

    /// Checks the sign-in behind something that outlives its token, such as a connection that is held open: as
    /// [`check`](Self::check), and it must not have been idle for too long either.
    ///
    /// # Errors
    /// [`SessionEnded`] when it is over, has changed, or could not be read.
    pub async fn lives(&self, claims: &AccessClaims) -> Result<(), SessionEnded> {
        self.check(claims).await?;
        let is_idle = || match self.recall(claims.session) {
            Some(Known::Live(live)) => self.0.clock.now() >= live.idle_until,
            _ => true,
        };
        if is_idle() {
            // What is remembered may be older than the last sign of the user.
            self.read(claims, self.0.clock.monotonic()).await?;
            if is_idle() {
                return Err(SessionEnded::Ended);
            }
        }
        Ok(())
    }

    /// Remembers that a session is over. Sign-outs of this process call it.
    pub fn forget(&self, session: SessionId) {
        self.lock().insert(session, Known::Over);
        if let Some(told) = self.0.told.get() {
            told(session);
        }
    }

    /// Has `told` called whenever this process learns that a session is over, so that what it holds open can be closed: at
    /// once for one that is ended here, and for one that is ended elsewhere when a check finds it. It may be called more than
    /// once for a session, and must not wait.
    ///
    /// # Errors
    /// When somebody is told already: there is one.
    pub fn on_end(&self, told: impl Fn(SessionId) + Send + Sync + 'static) -> Result<(), AlreadyTold> {
        self.0.told.set(Box::new(told)).map_err(|_| AlreadyTold)
    }

    async fn read(&self, claims: &AccessClaims, asked: Duration) -> Result<(), SessionEnded> {
        let stored = self.0.store.session(claims.session).await.map_err(SessionEnded::Unknown)?;
        let alive = stored.filter(|row| row.user_active && row.session.revoked.is_none());
        let Some(row) = alive else {
            self.forget(claims.session);
            return Err(SessionEnded::Ended);
        };
        let session = &row.session;
        let live = Live {
            user: session.user,
            clinic: session.clinic,
            epoch: row.user_epoch,
            idle_until: session.idle_until,
            ends: session.ends,
            asked,
        };
        let mut known = self.lock();
        // A sign-out that came while the table was read wins.
        if matches!(known.get_mut(&claims.session), Some(Known::Over)) {
            return Err(SessionEnded::Ended);
        }
        known.insert(claims.session, Known::Live(live));
        drop(known);
        self.judge(claims, &live)
    }

    fn judge(&self, claims: &AccessClaims, live: &Live) -> Result<(), SessionEnded> {
        let same = live.user == claims.user && live.clinic == claims.clinic;
        if !same || self.0.clock.now() >= live.ends {
            return Err(SessionEnded::Ended);
        }
        if claims.epoch == live.epoch { Ok(()) } else { Err(SessionEnded::Outdated) }
    }

    fn recall(&self, session: SessionId) -> Option<Known> {
        self.lock().get_mut(&session).copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bounded<SessionId, Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
