//! What somebody with a socket may do.

use super::{BOARD, Seat};
use crate::App;
use async_trait::async_trait;
use healthcare_core::{AccessError, Appointment, List, Patient, Record};
use healthcare_messaging::{Close, Presence, Rights, RoomName, RoomRefused};
use healthcare_rbac::session::SessionEnded;
use std::sync::Arc;

/// Somebody signed in, for as long as their sign-in lives with the same rights.
pub(super) struct SignedIn {
    app: Arc<App>,
    seat: Seat,
}

impl SignedIn {
    pub(super) const fn new(app: Arc<App>, seat: Seat) -> Self {
        Self { app, seat }
    }

    /// The board is the staff's: it tells that there is an appointment, also one whose record its reader may not open. A patient
    /// would learn how busy the clinic is, and about whom they might ask.
    fn is_patient(&self) -> bool {
        let profile = self.seat.claims.profile.as_ref();
        profile.is_some_and(|profile| profile.kind == Patient::KIND)
            || self.seat.claims.roles.iter().all(|role| role.as_str() == "PATIENT")
    }
}

#[async_trait]
impl Rights for SignedIn {
    /// Whoever would not be told what happens is told that.
    async fn lives(&self) -> Result<(), Close> {
        if !self.app.live.is_fed() {
            return Err(Close::Unavailable);
        }
        self.app.sessions.lives(&self.seat.claims).await.map_err(|ended| match ended {
            SessionEnded::Ended => Close::Ended,
            SessionEnded::Outdated => Close::Outdated,
            _ => Close::Unavailable,
        })
    }

    /// The decision is the one that listing the appointments takes, and is recorded like it. Nothing is read under its grant, which is
    /// recorded as well: the room tells ids, and who wants more opens a grant for that.
    async fn may_join(&self, room: &RoomName) -> Result<Presence, RoomRefused> {
        if room.as_str() != BOARD || self.is_patient() {
            return Err(RoomRefused::Denied);
        }
        match self.app.gate.open(&self.seat.context, List::<Appointment>::all()).await {
            Ok(_abandoned) => Ok(Presence::Shown),
            Err(AccessError::Denied(_)) => Err(RoomRefused::Denied),
            Err(error) => {
                tracing::warn!(%error, "whether somebody may be in a room could not be decided");
                Err(RoomRefused::Unavailable)
            }
        }
    }
}
