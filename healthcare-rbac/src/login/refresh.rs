//! The service behind `auth/refresh`.

use super::{AuthEventKind, LoginError, LoginService, SignedIn, service::after};
use crate::session::{EndReason, Presented, Rotation, Session};
use jiff::Timestamp;
use std::net::IpAddr;

/// Whether a person is behind a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Attended,
    Unattended,
}

impl LoginService {
    /// Renews an access token. The refresh token is used up and its successor is in the answer.
    ///
    /// - Many callers with the same token get the same successor, also those who come within the grace period after the first.
    /// - A token that was used and comes again later is in two hands: the sign-in is ended, whoever holds the newest token.
    ///
    /// # Errors
    /// [`LoginError::Token`] for a text this system never issued; [`LoginError::Ended`] when the sign-in is over, or ends now.
    pub async fn refresh(&self, token: &str, source: Option<IpAddr>) -> Result<SignedIn, LoginError> {
        self.rotate(token, source, Presence::Attended).await
    }

    /// As [`refresh`](Self::refresh), for what a program does by itself, such as a page that follows events: the sign-in goes on
    /// for as long as it would have, and ends idle when nobody is there.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub async fn refresh_unattended(
        &self,
        token: &str,
        source: Option<IpAddr>,
    ) -> Result<SignedIn, LoginError> {
        self.rotate(token, source, Presence::Unattended).await
    }

    async fn rotate(
        &self,
        token: &str,
        source: Option<IpAddr>,
        presence: Presence,
    ) -> Result<SignedIn, LoginError> {
        let presented = self.0.refresh_keys.read(token).ok_or(LoginError::Token)?;
        let now = self.0.clock.now();
        let session = self.live(&presented, now).await?;
        if session.refresh != presented.hash() {
            return self.again(&presented, &session, now, source).await;
        }
        let next = self.0.refresh_keys.successors(&presented).next().ok_or(LoginError::Random)?;
        let idle_until = match presence {
            Presence::Attended => after(now, self.0.config.idle).min(session.ends),
            Presence::Unattended => session.idle_until,
        };
        let step = Rotation { from: session.refresh, to: next.hash(), at: now, idle_until };
        if self.0.sessions.rotate(session.id, &step).await? {
            return self.renewed(&session, &next, source).await;
        }
        // Somebody was faster with the same token, or ended the sign-in.
        let session = self.live(&presented, now).await?;
        self.again(&presented, &session, now, source).await
    }

    async fn live(&self, presented: &Presented, now: Timestamp) -> Result<Session, LoginError> {
        let stored = self.0.sessions.session(presented.session).await?.ok_or(LoginError::Ended)?;
        let session = stored.session;
        let over = session.revoked.is_some() || now >= session.ends || now >= session.idle_until;
        if over || !stored.user_active { Err(LoginError::Ended) } else { Ok(session) }
    }

    /// A token that is not the newest: a lost answer within the grace period, or theft.
    async fn again(
        &self,
        presented: &Presented,
        session: &Session,
        now: Timestamp,
        source: Option<IpAddr>,
    ) -> Result<SignedIn, LoginError> {
        let in_grace = now <= after(session.rotated, self.0.config.grace);
        if session.previous == Some(presented.hash()) && in_grace {
            let mut successors = self.0.refresh_keys.successors(presented);
            let Some(next) = successors.find(|next| next.hash() == session.refresh) else {
                // Its key has left the ring in these seconds. That is no theft.
                return Err(LoginError::Token);
            };
            return self.renewed(session, &next, source).await;
        }
        self.0.guard.forget(session.id);
        self.0.sessions.revoke(session.id, now, EndReason::Reuse).await?;
        let user = self.0.users.by_id(session.user).await?;
        let membership = user.as_ref().and_then(|user| user.membership(session.clinic));
        drop(self.submit(AuthEventKind::Reuse, user.as_ref(), membership, Some(session.id), source));
        tracing::warn!(session = %session.id, generation = presented.generation, "a refresh token was used twice: sign-in ended");
        Err(LoginError::Ended)
    }

    /// Rights are read anew: a refresh is where a change of roles arrives.
    async fn renewed(
        &self,
        session: &Session,
        token: &Presented,
        source: Option<IpAddr>,
    ) -> Result<SignedIn, LoginError> {
        let user = self.0.users.by_id(session.user).await?.ok_or(LoginError::Ended)?;
        let membership = user.membership(session.clinic).ok_or(LoginError::Ended)?;
        let signed_in = self.signed_in(&user, membership, session, token)?;
        drop(self.submit(AuthEventKind::Refreshed, Some(&user), Some(membership), Some(session.id), source));
        Ok(signed_in)
    }
}
