//! One client of a hub.

use super::{
    close::Close,
    hub::{Hub, count, fresh},
    queue::{Next, Queue},
    rights::{Presence, Rights, RoomRefused},
    room_name::RoomName,
    table::{NotJoined, Wish},
    wire::{self, Reason, Said, Since},
};
use healthcare_resilience::time_out;
use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often a decision that has become stale is made anew before the client is told to try later.
const TRIES: usize = 3;
/// The longest message of a client.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// How many messages a client may send in a while.
const MESSAGES_MAX: u32 = 64;
const MESSAGES_WHILE: Duration = Duration::from_secs(10);

/// One client of a [`Hub`]. Dropping it takes the client out of its rooms.
///
/// Whoever drives it calls [`heard`](Self::heard) with what the client says, does what [`next`](Self::next) says, and calls
/// [`recheck`](Self::recheck) from time to time: [`serve`](super::serve::serve) does all of it over a socket.
pub struct Connection {
    hub: Hub,
    number: u64,
    queue: Arc<Queue>,
    rights: Arc<dyn Rights>,
    /// Where it is, when that was decided, and how it is there.
    rooms: BTreeMap<RoomName, (Duration, Presence)>,
    /// How many messages came since when.
    heard: (u32, Duration),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("number", &self.number)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) const fn new(hub: Hub, number: u64, queue: Arc<Queue>, rights: Arc<dyn Rights>) -> Self {
        Self { hub, number, queue, rights, rooms: BTreeMap::new(), heard: (0, Duration::ZERO) }
    }

    /// What to do next. Nothing is lost when this future is dropped.
    pub async fn next(&mut self) -> Next {
        poll_fn(|context| self.queue.poll_next(context)).await
    }

    /// Does what a client's message says. The answer comes through [`next`](Self::next).
    ///
    /// # Errors
    /// How the connection is to be closed.
    pub async fn heard(&mut self, text: &str) -> Result<(), Close> {
        self.count_heard()?;
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(Close::TooLarge);
        }
        let said: Said<'_> = serde_json::from_str(text).map_err(|_| Close::Malformed)?;
        match said {
            Said::Join { room, since } => {
                let Ok(name) = room.parse() else { return Err(Close::Malformed) };
                self.join(name, since.as_ref()).await
            }
            Said::Leave { room } => {
                let Ok(name) = room.parse() else { return Err(Close::Malformed) };
                self.leave(&name);
                self.queue.push([&wire::left(&name)]);
                Ok(())
            }
        }
    }

    /// Asks anew whether the sign-in lives, and for each room whether the client may still be in it: all of them when something
    /// has changed, and else those whose decision is old. Whoever is to be there in another [`Presence`] leaves and joins anew.
    ///
    /// # Errors
    /// How the connection is to be closed.
    pub async fn recheck(&mut self, all: bool) -> Result<(), Close> {
        self.lives().await?;
        let now = self.hub.0.clock.monotonic();
        let is_old = |at: Duration| all || now.saturating_sub(at) >= self.hub.0.decided_for;
        let due = self.rooms.iter().filter(|(_, (at, _))| is_old(*at));
        let due: Vec<_> = due.map(|(name, (_, was))| (name.clone(), *was)).collect();
        for (name, was) in due {
            match self.may_join(&name).await {
                Ok(presence) if presence == was => drop(self.rooms.insert(name, (now, was))),
                Ok(_) => {
                    self.leave(&name);
                    self.join(name, None).await?;
                }
                Err(refused) => {
                    self.leave(&name);
                    self.refuse(&name, reason(refused));
                }
            }
        }
        Ok(())
    }

    fn count_heard(&mut self) -> Result<(), Close> {
        let now = self.hub.0.clock.monotonic();
        let (heard, since) = &mut self.heard;
        if now.saturating_sub(*since) >= MESSAGES_WHILE {
            (*heard, *since) = (0, now);
        }
        *heard = heard.saturating_add(1);
        if *heard > MESSAGES_MAX { Err(Close::Flooding) } else { Ok(()) }
    }

    async fn join(&mut self, name: RoomName, since: Option<&Since<'_>>) -> Result<(), Close> {
        let since = since.and_then(Since::position);
        for _ in 0..TRIES {
            let changes = self.queue.changes();
            let now = self.hub.0.clock.monotonic();
            self.lives().await?;
            let presence = match self.may_join(&name).await {
                Ok(presence) => presence,
                Err(refused) => {
                    self.refuse(&name, reason(refused));
                    return Ok(());
                }
            };
            let wish = Wish { shown: presence == Presence::Shown, since, changes };
            match self.hub.admit(self.number, &name, wish, now) {
                Ok(()) => {
                    self.rooms.insert(name, (now, presence));
                    return Ok(());
                }
                Err(NotJoined::Stale) => {}
                Err(NotJoined::Closed) => return Ok(()),
                Err(NotJoined::Joined) => {
                    self.refuse(&name, Reason::Joined);
                    return Ok(());
                }
                Err(NotJoined::Full) => {
                    self.refuse(&name, Reason::Full);
                    return Ok(());
                }
            }
        }
        self.refuse(&name, Reason::Unavailable);
        Ok(())
    }

    fn leave(&mut self, name: &RoomName) {
        self.rooms.remove(name);
        let inner = &self.hub.0;
        inner
            .table
            .leave(self.number, name, inner.clock.monotonic(), |user| wire::presence(name, user, false));
    }

    fn refuse(&self, name: &RoomName, why: Reason) {
        count(&self.hub.0.tally.refused, 1);
        self.queue.push([&wire::refused(name.as_str(), why)]);
    }

    async fn lives(&self) -> Result<(), Close> {
        let asked = time_out(self.hub.0.check_time, self.rights.lives()).await;
        asked.unwrap_or(Err(Close::Unavailable))
    }

    async fn may_join(&self, name: &RoomName) -> Result<Presence, RoomRefused> {
        let asked = time_out(self.hub.0.check_time, self.rights.may_join(name)).await;
        asked.unwrap_or(Err(RoomRefused::Unavailable))
    }
}

impl Hub {
    fn admit(&self, number: u64, name: &RoomName, wish: Wish, now: Duration) -> Result<(), NotJoined> {
        let inner = &self.0;
        inner.table.sweep(now);
        inner.table.join(
            number,
            name,
            wish,
            (now, fresh()),
            |joined| wire::joined(name, joined),
            |user| wire::presence(name, user, true),
        )
    }
}

const fn reason(refused: RoomRefused) -> Reason {
    match refused {
        RoomRefused::Denied => Reason::Denied,
        RoomRefused::Unavailable => Reason::Unavailable,
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let inner = &self.hub.0;
        if self.queue.closed() == Some(Close::TooSlow) {
            inner.tally.too_slow.fetch_add(1, Ordering::Relaxed);
        }
        let gone = |name: &RoomName, user| wire::presence(name, user, false);
        inner.table.disconnect(self.number, inner.clock.monotonic(), gone);
    }
}
