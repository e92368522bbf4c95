//! The hub of one node.

use super::{
    build::HubBuilder,
    close::Close,
    connection::Connection,
    envelope::Envelope,
    rights::Rights,
    room_name::RoomName,
    table::{Table, Who},
    wire,
};
use healthcare_core::{ClinicId, Clock, SessionId, UserId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// Clients in rooms, and what is published to them, within one process. Cheap to clone; clones are one hub.
///
/// A client says which room it wants to be in, the host decides ([`Rights`]), and from then on the client gets every
/// [`Envelope`] that is published to the room, in order, with an offset that counts up by one. What it missed while it was
/// away is sent again as long as it is kept; otherwise it is told `recovered: false` and reads the present state. Nothing is
/// ever left out without being said.
///
/// ```
/// use healthcare_core::{ClinicId, SessionId, UserId};
/// use healthcare_messaging::{Close, Hub, Next, Presence, Rights, RoomName, RoomRefused, Who};
/// use std::sync::Arc;
///
/// struct Staff;
/// #[async_trait::async_trait]
/// impl Rights for Staff {
///     async fn lives(&self) -> Result<(), Close> {
///         Ok(()) // ask the sessions
///     }
///     async fn may_join(&self, room: &RoomName) -> Result<Presence, RoomRefused> {
///         if room.as_str() == "board" { Ok(Presence::Hidden) } else { Err(RoomRefused::Denied) } // ask the gate
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::builder().build()?;
/// let who = Who { clinic: ClinicId::random(), user: UserId::random(), session: SessionId::random() };
/// let mut connection = hub.connect(who, Arc::new(Staff)).map_err(|close| close.as_str())?;
/// connection.heard(r#"{"type":"join","room":"board"}"#).await.map_err(|close| close.as_str())?;
/// let Next::Send(joined) = connection.next().await else { return Err("not let in".into()) };
/// assert!(joined.contains(r#""type":"joined","room":"board""#));
/// hub.end_session(who.session); // signed out
/// assert_eq!(connection.next().await, Next::Close(Close::Ended));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Hub(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) table: Table,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) check_time: Duration,
    pub(super) decided_for: Duration,
    pub(super) tally: Tally,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) connected: AtomicU64,
    pub(super) turned_away: AtomicU64,
    pub(super) published: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) too_slow: AtomicU64,
}

/// How a hub does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubCounts {
    /// Connections now.
    pub clients: usize,
    /// Rooms now, with those that somebody lately was in.
    pub rooms: usize,
    /// Memberships now.
    pub members: usize,
    /// Connections since the start.
    pub connected: u64,
    /// Connections that were not taken since the start.
    pub turned_away: u64,
    /// Envelopes published to a room that was there.
    pub published: u64,
    /// Envelopes times the clients for whom they were queued.
    pub delivered: u64,
    /// Wishes to be in a room that were refused.
    pub refused: u64,
    /// Clients closed because they did not keep up.
    pub too_slow: u64,
}

impl Hub {
    /// Describes a hub.
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Takes a client in. Nothing is sent to it before it is let into a room.
    ///
    /// # Errors
    /// How to close it at once: [`Close::TooMany`] or [`Close::GoingAway`].
    pub fn connect(&self, who: Who, rights: Arc<dyn Rights>) -> Result<Connection, Close> {
        let (number, queue) =
            self.0.table.connect(who).inspect_err(|_| count(&self.0.tally.turned_away, 1))?;
        count(&self.0.tally.connected, 1);
        Ok(Connection::new(self.clone(), number, queue, rights))
    }

    /// Sends an envelope to everybody in a room of this clinic, without waiting for any of them. How many it was queued for.
    ///
    /// The same event again, soon after, is not sent twice.
    pub fn publish(&self, clinic: ClinicId, room: &RoomName, envelope: &Envelope) -> usize {
        let write = |offset| wire::event(room, offset, envelope);
        let Some(reached) = self.0.table.publish(&(clinic, room.clone()), envelope.event, write) else {
            return 0;
        };
        count(&self.0.tally.published, 1);
        count(&self.0.tally.delivered, u64::try_from(reached).unwrap_or(u64::MAX));
        reached
    }

    /// Tells every client that something was missed which nobody can send again, in any room: each reads the present state.
    pub fn reset(&self) {
        self.0.table.reset(fresh, wire::reset);
    }

    /// Closes the connections of a sign-in that is over. What waited for them is not sent. How many there were.
    pub fn end_session(&self, session: SessionId) -> usize {
        self.0.table.end(Close::Ended, |who| who.session == session)
    }

    /// Closes the connections of a user. How many there were.
    pub fn end_user(&self, user: UserId, why: Close) -> usize {
        self.0.table.end(why, |who| who.user == user)
    }

    /// Has everything this user's connections may do asked for anew: call it when their rights have changed.
    pub fn recheck_user(&self, user: UserId) {
        self.0.table.recheck(|who| who.user == user);
    }

    /// Has everything the connections of a clinic may do asked for anew.
    pub fn recheck_clinic(&self, clinic: ClinicId) {
        self.0.table.recheck(|who| who.clinic == clinic);
    }

    /// Closes everybody with 1001, and takes nobody any more. For the end of the process.
    pub fn shut(&self) {
        self.0.table.shut();
    }

    /// How it does.
    #[must_use]
    pub fn counts(&self) -> HubCounts {
        let tally = &self.0.tally;
        let (clients, rooms, members) = self.0.table.counts();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HubCounts {
            clients,
            rooms,
            members,
            connected: read(&tally.connected),
            turned_away: read(&tally.turned_away),
            published: read(&tally.published),
            delivered: read(&tally.delivered),
            refused: read(&tally.refused),
            too_slow: read(&tally.too_slow),
        }
    }
}

pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// An epoch that no other room and no other process has: 62 random bits.
pub(super) fn fresh() -> u64 {
    Uuid::now_v7().as_u64_pair().1
}
