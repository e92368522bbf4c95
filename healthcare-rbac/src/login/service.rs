//! The service behind `auth/login`, `auth/logout` and `auth/clinic`.

use super::{AuthEvent, AuthEventKind, AuthSink, LoginError};
use crate::{
    password::{Password, PasswordError, PasswordHasher, Verdict},
    session::{
        EndReason, NewSession, Presented, RefreshKeys, RefreshToken, Session, SessionGuard, SessionStore,
    },
    throttle::{Attempt, Throttle},
    token::{Access, AccessClaims, IssuedToken, TokenService},
    user::{EmailKey, Membership, PasswordChange, User, UserStatus, UserStore},
};
use healthcare_core::{ClinicId, Clock, Profile, Receipt, Role, SessionId, UserId};
use jiff::{SignedDuration, Timestamp};
use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

/// How long a sign-in lasts. The defaults keep NIST SP 800-63B-4 §2.2.3 (AAL2: 24 hours overall, 1 hour idle).
#[derive(Debug, Clone, Copy)]
pub struct SessionConfig {
    /// Without a refresh for so long, it ends. Default 1 hour.
    pub idle: Duration,
    /// It ends after so long whatever happens. Default 12 hours.
    pub absolute: Duration,
    /// For so long after a refresh the same refresh token is answered with the same successor. Default 20 seconds.
    pub grace: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(3600),
            absolute: Duration::from_secs(12 * 3600),
            grace: Duration::from_secs(20),
        }
    }
}

/// What a [`LoginService`] is built of. Everything is required: nothing here has a harmless default.
#[derive(Debug, Clone)]
pub struct LoginParts {
    /// Users.
    pub users: Arc<dyn UserStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// The check of every request, told at once of every sign-out.
    pub guard: SessionGuard,
    /// Hashes passwords.
    pub hasher: PasswordHasher,
    /// Issues access tokens.
    pub tokens: TokenService,
    /// Make refresh tokens.
    pub refresh_keys: RefreshKeys,
    /// Finds addresses.
    pub email_key: EmailKey,
    /// The brake.
    pub throttle: Throttle,
    /// Where it is recorded: an [`Edge`](healthcare_core::Edge) will do.
    pub audit: Arc<dyn AuthSink>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long a sign-in lasts.
    pub config: SessionConfig,
}

/// What somebody types to sign in.
#[derive(Clone)]
pub struct Credentials {
    /// Their address.
    pub email: String,
    /// Their password.
    pub password: Password,
    /// The clinic they want; none for their oldest.
    pub clinic: Option<ClinicId>,
    /// Where the request came from.
    pub source: Option<IpAddr>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("clinic", &self.clinic).finish_non_exhaustive()
    }
}

/// Somebody is signed in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SignedIn {
    /// For the `Authorization` header.
    pub access: IssuedToken,
    /// For the next [`LoginService::refresh`].
    pub refresh: RefreshToken,
    /// The sign-in.
    pub session: SessionId,
    /// Who.
    pub user: UserId,
    /// In which clinic.
    pub clinic: ClinicId,
    /// With which roles.
    pub roles: Arc<[Role]>,
    /// As which practitioner or patient.
    pub profile: Option<Profile>,
    /// Every clinic they may switch to.
    pub clinics: Vec<ClinicId>,
    /// When the sign-in ends whatever happens.
    pub ends: Timestamp,
}

/// Signs people in and out. Clones share everything.
///
/// An unknown address costs the same time and gets the same answer as a wrong password.
#[derive(Debug, Clone)]
pub struct LoginService(pub(super) Arc<LoginParts>);

impl LoginService {
    /// A service of these parts.
    #[must_use]
    pub fn new(parts: LoginParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Signs somebody in with e-mail and password.
    ///
    /// # Errors
    /// [`LoginError`]. Nothing of a failed sign-in remains but its count in the throttle and its audit event.
    pub async fn sign_in(&self, credentials: &Credentials) -> Result<SignedIn, LoginError> {
        let parts = &*self.0;
        let email = parts.email_key.index(&credentials.email);
        let attempt =
            parts.throttle.admit(*email.as_bytes(), credentials.source).map_err(LoginError::Throttled)?;
        let (user, attempt) = match parts.users.by_email(&email).await {
            Ok(user) => (user, attempt),
            Err(error) => {
                attempt.withdrawn();
                return Err(error.into());
            }
        };
        let right = self.password_is_right(user.as_ref(), &credentials.password, attempt).await?;
        let Some(user) = user else { return Err(self.failed(None, credentials.source)) };
        if !right {
            return Err(self.failed(Some(&user), credentials.source));
        }
        let wanted =
            credentials.clinic.or_else(|| user.memberships.first().map(|membership| membership.clinic));
        let membership = wanted.and_then(|clinic| user.membership(clinic));
        let (true, Some(membership)) = (user.status == UserStatus::Active, membership) else {
            drop(self.submit(AuthEventKind::Refused, Some(&user), None, None, credentials.source));
            return Err(if user.status == UserStatus::Active {
                LoginError::NoClinic
            } else {
                LoginError::Disabled
            });
        };
        let (new, token) = self.begin(&user, membership.clinic, None)?;
        if !parts.sessions.create(&new).await? {
            return Err(LoginError::Credentials);
        }
        self.recorded(AuthEventKind::SignedIn, &user, membership, &new.session, credentials.source).await?;
        self.signed_in(&user, membership, &new.session, &token)
    }

    /// Ends the sign-in behind a token: at once here, within the guard's bound everywhere. Signing out twice is no error.
    ///
    /// # Errors
    /// [`LoginError::Store`] when it could not be written: the token is refused in this process all the same.
    pub async fn sign_out(&self, claims: &AccessClaims, source: Option<IpAddr>) -> Result<(), LoginError> {
        self.0.guard.forget(claims.session);
        if self.0.sessions.revoke(claims.session, self.0.clock.now(), EndReason::SignOut).await? {
            let event = self.event(AuthEventKind::SignedOut, Some(claims.user), Some(claims.clinic), source);
            drop(self.0.audit.note(&AuthEvent {
                session: Some(claims.session),
                roles: Arc::clone(&claims.roles),
                ..event
            }));
        }
        Ok(())
    }

    /// Goes on in another clinic: the membership is checked, the sign-in gets a new id, and the old one ends. `claims` must
    /// have passed the [`SessionGuard`].
    ///
    /// # Errors
    /// [`LoginError::NoClinic`] without a membership; [`LoginError::Ended`] when the sign-in is over.
    pub async fn switch_clinic(
        &self,
        claims: &AccessClaims,
        clinic: ClinicId,
        source: Option<IpAddr>,
    ) -> Result<SignedIn, LoginError> {
        let parts = &*self.0;
        let user = parts.users.by_id(claims.user).await?.ok_or(LoginError::Ended)?;
        let stored = parts.sessions.session(claims.session).await?.ok_or(LoginError::Ended)?;
        let membership = user.membership(clinic).ok_or(LoginError::NoClinic)?;
        // The overall end stays: switching is no new sign-in.
        let (new, token) = self.begin(&user, clinic, Some(&stored.session))?;
        if !parts.sessions.replace(claims.session, &new, parts.clock.now()).await? {
            return Err(LoginError::Ended);
        }
        parts.guard.forget(claims.session);
        self.recorded(AuthEventKind::Switched, &user, membership, &new.session, source).await?;
        self.signed_in(&user, membership, &new.session, &token)
    }

    async fn password_is_right(
        &self,
        user: Option<&User>,
        password: &Password,
        attempt: Attempt,
    ) -> Result<bool, LoginError> {
        let parts = &*self.0;
        let stored = user.and_then(|user| user.password.as_ref());
        let verdict = match parts.hasher.verify(password, stored).await {
            Err(error @ PasswordError::Unreadable) => {
                tracing::error!(user = ?user.map(|user| user.id), %error, "a user cannot sign in");
                // The work of a wrong password, so that this account does not stand out by its speed.
                parts.hasher.verify(password, None).await
            }
            verdict => verdict,
        };
        match verdict {
            Ok(Verdict::Wrong) => Ok(false),
            Ok(verdict) => {
                attempt.succeeded();
                if let (Verdict::RightRehashed(new), Some(user)) = (verdict, user) {
                    let change = PasswordChange { expected: user.password.clone(), new, changed_at: None };
                    if let Err(error) = parts.users.set_password(user.id, &change).await {
                        tracing::warn!(user = %user.id, %error, "the stronger password hash was not stored");
                    }
                }
                Ok(true)
            }
            Err(error) => {
                attempt.withdrawn();
                Err(error.into())
            }
        }
    }

    /// A new session's row, its user judged by the epoch just read, and its first refresh token.
    fn begin(
        &self,
        user: &User,
        clinic: ClinicId,
        of: Option<&Session>,
    ) -> Result<(NewSession, Presented), LoginError> {
        let (parts, now) = (&*self.0, self.0.clock.now());
        let id = SessionId::random();
        let token = parts.refresh_keys.first(id).ok_or(LoginError::Random)?;
        let (created, ends) = of.map_or_else(
            || (now, after(now, parts.config.absolute)),
            |session| (session.created, session.ends),
        );
        let session = Session {
            id,
            user: user.id,
            clinic,
            refresh: token.hash(),
            previous: None,
            rotated: now,
            created,
            idle_until: after(now, parts.config.idle).min(ends),
            ends,
            revoked: None,
        };
        Ok((NewSession { session, epoch: user.epoch }, token))
    }

    pub(super) fn signed_in(
        &self,
        user: &User,
        membership: &Membership,
        session: &Session,
        token: &Presented,
    ) -> Result<SignedIn, LoginError> {
        let access = self.0.tokens.issue(&Access {
            user: user.id,
            clinic: membership.clinic,
            roles: Arc::clone(&membership.roles),
            session: session.id,
            profile: membership.profile.clone(),
            epoch: user.epoch,
        })?;
        Ok(SignedIn {
            access,
            refresh: self.0.refresh_keys.text(token).ok_or(LoginError::Random)?,
            session: session.id,
            user: user.id,
            clinic: membership.clinic,
            roles: Arc::clone(&membership.roles),
            profile: membership.profile.clone(),
            clinics: user.memberships.iter().map(|membership| membership.clinic).collect(),
            ends: session.ends,
        })
    }

    /// Nobody gets tokens for a sign-in that is in no log.
    async fn recorded(
        &self,
        kind: AuthEventKind,
        user: &User,
        membership: &Membership,
        session: &Session,
        source: Option<IpAddr>,
    ) -> Result<(), LoginError> {
        let receipt = self.submit(kind, Some(user), Some(membership), Some(session.id), source);
        let Err(error) = receipt.await else { return Ok(()) };
        self.0.guard.forget(session.id);
        self.0.sessions.revoke(session.id, self.0.clock.now(), EndReason::SignOut).await?;
        Err(error.into())
    }

    fn failed(&self, user: Option<&User>, source: Option<IpAddr>) -> LoginError {
        drop(self.submit(AuthEventKind::Failed, user, None, None, source));
        LoginError::Credentials
    }

    pub(super) fn submit(
        &self,
        kind: AuthEventKind,
        user: Option<&User>,
        membership: Option<&Membership>,
        session: Option<SessionId>,
        source: Option<IpAddr>,
    ) -> Receipt {
        let home = membership.or_else(|| user.and_then(|user| user.memberships.first()));
        let event = self.event(kind, user.map(|user| user.id), home.map(|home| home.clinic), source);
        let roles = home.map_or(event.roles, |home| Arc::clone(&home.roles));
        self.0.audit.note(&AuthEvent { roles, session, ..event })
    }

    fn event(
        &self,
        kind: AuthEventKind,
        user: Option<UserId>,
        clinic: Option<ClinicId>,
        source: Option<IpAddr>,
    ) -> AuthEvent {
        AuthEvent { kind, user, clinic, roles: Arc::from([]), session: None, source, at: self.0.clock.now() }
    }
}

pub(super) fn after(now: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
