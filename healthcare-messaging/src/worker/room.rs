use crate::{Claimed, Wanted};

/// How many jobs run in each queue, and whether it has more.
#[derive(Debug)]
pub(super) struct Rooms(Vec<Room>);

#[derive(Debug)]
struct Room {
    queue: &'static str,
    most: u32,
    running: u32,
    /// The last claim took as many as it could.
    has_more: bool,
}

impl Room {
    const fn free(&self) -> u32 {
        self.most.saturating_sub(self.running)
    }
}

/// The most jobs one claim asks for.
const CLAIM_MAX: u32 = 1_000;

impl Rooms {
    pub(super) fn new(queues: &[(&'static str, u32)]) -> Self {
        let room =
            |(queue, most): &(&'static str, u32)| Room { queue, most: *most, running: 0, has_more: false };
        Self(queues.iter().map(room).collect())
    }

    /// What to ask for. Queues that are cut short for the size of a claim come first in the next.
    pub(super) fn wanted(&mut self) -> Vec<Wanted> {
        let mut left = CLAIM_MAX;
        let mut wanted = Vec::new();
        let mut first_short = None;
        for (at, room) in self.0.iter().enumerate().filter(|(_, room)| room.free() > 0) {
            let limit = room.free().min(left);
            if limit < room.free() && first_short.is_none() {
                first_short = Some(at);
            }
            if limit > 0 {
                wanted.push(Wanted { queue: room.queue, limit });
            }
            left -= limit;
        }
        if let Some(at) = first_short {
            self.0.rotate_left(at);
        }
        wanted
    }

    pub(super) fn claimed(&mut self, wanted: &[Wanted], claimed: &Claimed) {
        for room in &mut self.0 {
            let asked = wanted.iter().find(|wanted| wanted.queue == room.queue).map(|wanted| wanted.limit);
            let got = claimed.jobs.iter().filter(|job| job.queue == room.queue).count();
            // Those that were buried took places of the claim: there may be more behind them.
            room.has_more = claimed.buried > 0 || asked.is_none_or(|asked| got >= asked as usize);
        }
    }

    pub(super) fn enter(&mut self, queue: &str) -> Option<&'static str> {
        let room = self.0.iter_mut().find(|room| room.queue == queue)?;
        room.running += 1;
        Some(room.queue)
    }

    pub(super) fn leave(&mut self, queue: &str) {
        if let Some(room) = self.0.iter_mut().find(|room| room.queue == queue) {
            room.running = room.running.saturating_sub(1);
        }
    }

    pub(super) fn has_room_for_more(&self) -> bool {
        self.0.iter().any(|room| room.has_more && room.free() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_asks_for_its_own_room() {
        let mut rooms = Rooms::new(&[("mail", 2), ("report", 1)]);
        let wanted = |queue, limit| Wanted { queue, limit };
        assert_eq!(rooms.wanted(), [wanted("mail", 2), wanted("report", 1)]);
        rooms.enter("mail").unwrap();
        rooms.enter("report").unwrap();
        assert_eq!(rooms.wanted(), [wanted("mail", 1)]);
        rooms.leave("report");
        assert_eq!(rooms.wanted(), [wanted("mail", 1), wanted("report", 1)]);
        assert_eq!(rooms.enter("other"), None);
    }

    #[test]
    fn a_claim_that_is_too_small_for_all_serves_each_in_turn() {
        let mut rooms = Rooms::new(&[("a", 700), ("b", 700), ("c", 700)]);
        let limits = |wanted: Vec<Wanted>| -> Vec<_> { wanted.iter().map(|w| (w.queue, w.limit)).collect() };
        assert_eq!(limits(rooms.wanted()), [("a", 700), ("b", 300)]);
        assert_eq!(limits(rooms.wanted()), [("b", 700), ("c", 300)]);
        assert_eq!(limits(rooms.wanted()), [("c", 700), ("a", 300)]);
    }

    #[test]
    fn a_queue_that_was_not_asked_or_gave_all_may_have_more() {
        let mut rooms = Rooms::new(&[("mail", 2)]);
        let wanted = rooms.wanted();
        rooms.claimed(&wanted, &Claimed::default());
        assert!(!rooms.has_room_for_more(), "it gave less than was asked for");
        rooms.claimed(&wanted, &Claimed::new(Vec::new(), 2));
        assert!(rooms.has_room_for_more(), "what was buried hid what is behind it");
    }
}
