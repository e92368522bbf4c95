//! Every client and every room of this node, behind one lock.
//!
//! The order of locks is table, then queue. Nothing waits under either; of other code only wakers are called.

use super::{
    close::Close,
    queue::Queue,
    room::{Joined, Member, Position, Room},
    room_name::RoomName,
};
use crate::sync::Mutex;
use healthcare_core::{ClinicId, SessionId, UserId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Who {
    /// In which clinic: the rooms are this clinic's.
    pub clinic: ClinicId,
    /// The user.
    pub user: UserId,
    /// The sign-in; when it ends, so does the connection.
    pub session: SessionId,
}

/// How much a node holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) clients: usize,
    pub(super) user_clients: usize,
    pub(super) rooms: usize,
    pub(super) client_rooms: usize,
    pub(super) room_clients: usize,
    pub(super) queue_bytes: usize,
    pub(super) kept: usize,
    pub(super) linger: Duration,
}

pub(super) type RoomKey = (ClinicId, RoomName);

#[derive(Debug)]
pub(super) struct Table {
    sizes: Sizes,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    numbers: u64,
    clients: BTreeMap<u64, Client>,
    rooms: BTreeMap<RoomKey, Room>,
    users: BTreeMap<UserId, usize>,
    swept: Duration,
    shut: bool,
}

#[derive(Debug)]
struct Client {
    who: Who,
    queue: Arc<Queue>,
    rooms: BTreeSet<RoomName>,
}

/// Why somebody is not in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotJoined {
    /// The connection is over.
    Closed,
    /// Something changed since it was decided: decide again.
    Stale,
    /// They are in it already.
    Joined,
    /// The client, the room or the node has as many as it may.
    Full,
}

/// A wish to be in a room, decided when the client's changes were at this count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub(super) shown: bool,
    pub(super) since: Option<Position>,
    pub(super) changes: u64,
}

impl Table {
    pub(super) fn new(sizes: Sizes) -> Self {
        Self { sizes, state: Mutex::new(State::default()) }
    }

    pub(super) fn connect(&self, who: Who) -> Result<(u64, Arc<Queue>), Close> {
        let mut state = self.state.lock();
        if state.shut {
            return Err(Close::GoingAway);
        }
        let of_user = state.users.get(&who.user).copied().unwrap_or_default();
        if state.clients.len() >= self.sizes.clients || of_user >= self.sizes.user_clients {
            return Err(Close::TooMany);
        }
        state.users.insert(who.user, of_user.saturating_add(1));
        state.numbers = state.numbers.saturating_add(1);
        let (number, queue) = (state.numbers, Arc::new(Queue::new(self.sizes.queue_bytes)));
        let client = Client { who, queue: Arc::clone(&queue), rooms: BTreeSet::new() };
        state.clients.insert(number, client);
        Ok((number, queue))
    }

    pub(super) fn disconnect(
        &self,
        number: u64,
        now: Duration,
        gone: impl Fn(&RoomName, UserId) -> Arc<str>,
    ) {
        let mut state = self.state.lock();
        let Some(client) = state.clients.remove(&number) else { return };
        client.queue.close(Close::GoingAway);
        for name in client.rooms {
            if let Some(room) = state.rooms.get_mut(&(client.who.clinic, name.clone())) {
                room.leave(number, now, |user| gone(&name, user));
            }
        }
        let left = state.users.get(&client.who.user).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            state.users.remove(&client.who.user);
        } else {
            state.users.insert(client.who.user, left);
        }
    }

    pub(super) fn join(
        &self,
        number: u64,
        name: &RoomName,
        wish: Wish,
        (now, epoch): (Duration, u64),
        joined: impl FnOnce(&Joined<'_>) -> Arc<str>,
        seen: impl FnOnce(UserId) -> Arc<str>,
    ) -> Result<(), NotJoined> {
        let mut state = self.state.lock();
        let State { clients, rooms, .. } = &mut *state;
        let client = clients.get_mut(&number).ok_or(NotJoined::Closed)?;
        if client.queue.closed().is_some() {
            return Err(NotJoined::Closed);
        }
        if client.queue.changes() != wish.changes {
            return Err(NotJoined::Stale);
        }
        let key = (client.who.clinic, name.clone());
        if rooms.get(&key).is_some_and(|room| room.has(number)) {
            return Err(NotJoined::Joined);
        }
        if client.rooms.len() >= self.sizes.client_rooms {
            return Err(NotJoined::Full);
        }
        if !rooms.contains_key(&key) {
            if rooms.len() >= self.sizes.rooms {
                rooms.retain(|_, room| !room.is_idle(now, Duration::ZERO));
            }
            if rooms.len() >= self.sizes.rooms {
                return Err(NotJoined::Full);
            }
            rooms.insert(key.clone(), Room::new(epoch, now));
        }
        let room = rooms.get_mut(&key).ok_or(NotJoined::Full)?;
        if room.len() >= self.sizes.room_clients {
            return Err(NotJoined::Full);
        }
        let member = Member { queue: Arc::clone(&client.queue), user: client.who.user, shown: wish.shown };
        room.join(number, member, wish.since, joined, seen);
        client.rooms.insert(name.clone());
        Ok(())
    }

    pub(super) fn leave(
        &self,
        number: u64,
        name: &RoomName,
        now: Duration,
        gone: impl FnOnce(UserId) -> Arc<str>,
    ) -> bool {
        let mut state = self.state.lock();
        let State { clients, rooms, .. } = &mut *state;
        let Some(client) = clients.get_mut(&number) else { return false };
        client.rooms.remove(name);
        let key = (client.who.clinic, name.clone());
        rooms.get_mut(&key).is_some_and(|room| room.leave(number, now, gone))
    }

    /// How many it reached; a room that nobody is or lately was in keeps nothing.
    pub(super) fn publish(
        &self,
        key: &RoomKey,
        event: Uuid,
        write: impl FnOnce(u64) -> Arc<str>,
    ) -> Option<usize> {
        self.state.lock().rooms.get_mut(key)?.publish(event, self.sizes.kept, write)
    }

    /// Closes whoever is meant. How many.
    pub(super) fn end(&self, why: Close, is_meant: impl Fn(&Who) -> bool) -> usize {
        let state = self.state.lock();
        let meant = state.clients.values().filter(|client| is_meant(&client.who));
        meant.filter(|client| client.queue.close(why)).count()
    }

    /// Has the rights of whoever is meant asked for anew.
    pub(super) fn recheck(&self, is_meant: impl Fn(&Who) -> bool) {
        let state = self.state.lock();
        state
            .clients
            .values()
            .filter(|client| is_meant(&client.who))
            .for_each(|client| client.queue.recheck());
    }

    /// Begins every room's stream anew.
    pub(super) fn reset(&self, epoch: impl Fn() -> u64, write: impl Fn(&RoomName, Position) -> Arc<str>) {
        for ((_, name), room) in &mut self.state.lock().rooms {
            room.reset(epoch(), |position| write(name, position));
        }
    }

    /// Takes nobody any more, and closes everybody.
    pub(super) fn shut(&self) {
        let mut state = self.state.lock();
        state.shut = true;
        for client in state.clients.values() {
            client.queue.close(Close::GoingAway);
        }
    }

    /// Forgets rooms that have been empty for long; looks at all of them a few times in that while.
    pub(super) fn sweep(&self, now: Duration) {
        let linger = self.sizes.linger;
        let mut state = self.state.lock();
        if now.saturating_sub(state.swept) >= linger / 4 {
            state.swept = now;
            state.rooms.retain(|_, room| !room.is_idle(now, linger));
        }
    }

    /// Clients, rooms, and memberships.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let state = self.state.lock();
        (state.clients.len(), state.rooms.len(), state.rooms.values().map(Room::len).sum())
    }
}
