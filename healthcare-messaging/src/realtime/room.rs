//! One room: who is in it, where its stream is, and what of it can be sent again.

use super::queue::Queue;
use healthcare_core::UserId;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// A place in a room's stream. The epoch and the offset belong together: an offset of another epoch says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) epoch: u64,
    pub(super) offset: u64,
}

/// Somebody in a room.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) queue: Arc<Queue>,
    pub(super) user: UserId,
    /// Whether others see that they are here, and they see the others.
    pub(super) shown: bool,
}

/// What somebody who has just come is told.
#[derive(Debug)]
pub(super) struct Joined<'r> {
    pub(super) position: Position,
    /// Whether what follows begins right after the place they named.
    pub(super) recovered: bool,
    /// Who else is here, for those who may see it.
    pub(super) present: Option<&'r [UserId]>,
}

#[derive(Debug)]
pub(super) struct Room {
    epoch: u64,
    offset: u64,
    kept: VecDeque<Kept>,
    members: BTreeMap<u64, Member>,
    /// Since when nobody is here.
    empty_since: Option<Duration>,
}

#[derive(Debug)]
struct Kept {
    event: Uuid,
    text: Arc<str>,
}

/// The most ids in a list of who is here.
const PRESENT_MAX: usize = 200;

impl Room {
    pub(super) const fn new(epoch: u64, now: Duration) -> Self {
        Self { epoch, offset: 0, kept: VecDeque::new(), members: BTreeMap::new(), empty_since: Some(now) }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_idle(&self, now: Duration, linger: Duration) -> bool {
        self.empty_since.is_some_and(|since| now.saturating_sub(since) >= linger)
    }

    /// Sends a message to everybody here, and keeps it. One that is still kept is not sent twice. How many it reached.
    pub(super) fn publish(
        &mut self,
        event: Uuid,
        kept_max: usize,
        write: impl FnOnce(u64) -> Arc<str>,
    ) -> Option<usize> {
        if self.kept.iter().any(|kept| kept.event == event) {
            return None;
        }
        self.offset = self.offset.saturating_add(1);
        let text = write(self.offset);
        let reached = self.members.values().filter(|member| member.queue.push([&text])).count();
        self.kept.push_back(Kept { event, text });
        if self.kept.len() > kept_max {
            self.kept.pop_front();
        }
        Some(reached)
    }

    /// Lets somebody in: what they are told first, what they missed, and all that comes from now on are one stream without a hole.
    pub(super) fn join(
        &mut self,
        number: u64,
        member: Member,
        since: Option<Position>,
        joined: impl FnOnce(&Joined<'_>) -> Arc<str>,
        seen: impl FnOnce(UserId) -> Arc<str>,
    ) {
        let position = Position { epoch: self.epoch, offset: self.offset };
        let missed = since.and_then(|since| self.missed(since));
        // What they missed must leave place for what comes meanwhile, or they would be closed again and again.
        let missed = missed.filter(|texts| {
            let bytes = texts.iter().map(|text| text.len()).sum();
            member.queue.has_room(bytes)
        });
        let recovered = missed.is_some();
        let present: Option<Vec<UserId>> = member.shown.then(|| self.present());
        let first = joined(&Joined { position, recovered, present: present.as_deref() });
        let missed = missed.unwrap_or_default();
        member.queue.push(std::iter::once(&first).chain(missed));
        if member.shown && !self.shows(member.user) {
            let text = seen(member.user);
            self.tell_shown(&text);
        }
        self.members.insert(number, member);
        self.empty_since = None;
    }

    /// Lets somebody go. The others are told when it was the last connection of theirs.
    pub(super) fn leave(
        &mut self,
        number: u64,
        now: Duration,
        gone: impl FnOnce(UserId) -> Arc<str>,
    ) -> bool {
        let Some(member) = self.members.remove(&number) else { return false };
        if member.shown && !self.shows(member.user) {
            let text = gone(member.user);
            self.tell_shown(&text);
        }
        if self.members.is_empty() {
            self.empty_since = Some(now);
        }
        true
    }

    /// Begins a new stream: something was missed that nobody can send again.
    pub(super) fn reset(&mut self, epoch: u64, write: impl FnOnce(Position) -> Arc<str>) {
        self.epoch = epoch;
        self.offset = 0;
        self.kept.clear();
        let text = write(Position { epoch, offset: 0 });
        for member in self.members.values() {
            member.queue.push([&text]);
        }
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.members.contains_key(&number)
    }

    /// What came after this place, if all of it is still kept.
    fn missed(&self, since: Position) -> Option<Vec<&Arc<str>>> {
        let behind = self.offset.checked_sub(since.offset).filter(|_| since.epoch == self.epoch)?;
        let behind = usize::try_from(behind).ok()?;
        let skipped = self.kept.len().checked_sub(behind)?;
        Some(self.kept.iter().skip(skipped).map(|kept| &kept.text).collect())
    }

    fn shows(&self, user: UserId) -> bool {
        self.members.values().any(|member| member.shown && member.user == user)
    }

    fn present(&self) -> Vec<UserId> {
        let mut users: Vec<_> =
            self.members.values().filter(|member| member.shown).map(|member| member.user).collect();
        users.sort_unstable();
        users.dedup();
        users.truncate(PRESENT_MAX);
        users
    }

    fn tell_shown(&self, text: &Arc<str>) {
        for member in self.members.values().filter(|member| member.shown) {
            member.queue.push([text]);
        }
    }
}
