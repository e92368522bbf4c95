//! Whether the server is worth asking: a breaker of its own, so that a server that is away costs one time-out now and
//! then and not one for every call.

use crate::{clock::Moment, sync::Mutex};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Reach {
    state: Mutex<State>,
    failures_max: u32,
    pause: Duration,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Near { failures: u32 },
    Away { ask_at: Moment },
}

/// What a caller saw change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    WentAway,
    CameBack,
}

impl Reach {
    /// Away after so many failures in a row; then one call in each pause finds out.
    pub(crate) const fn new(failures_max: u32, pause: Duration) -> Self {
        Self { state: Mutex::new(State::Near { failures: 0 }), failures_max, pause }
    }

    /// Whether this caller is to ask. While away, one in each pause is; if it never reports, the next pause's will.
    pub(crate) fn may_ask(&self, now: Moment) -> bool {
        let mut state = self.state.lock();
        match *state {
            State::Near { .. } => true,
            State::Away { ask_at } => {
                // A clock that stepped back must not keep it away: the wait is never longer than the pause.
                let is_time = now >= ask_at || ask_at.since(now) > self.pause;
                if is_time {
                    *state = State::Away { ask_at: now.after(self.pause) };
                }
                is_time
            }
        }
    }

    pub(crate) fn answered(&self) -> Option<Turn> {
        let mut state = self.state.lock();
        let was_away = matches!(*state, State::Away { .. });
        *state = State::Near { failures: 0 };
        was_away.then_some(Turn::CameBack)
    }

    pub(crate) fn failed(&self, now: Moment) -> Option<Turn> {
        let mut state = self.state.lock();
        let State::Near { failures } = *state else { return None };
        let failures = failures.saturating_add(1);
        let is_away = failures >= self.failures_max;
        *state =
            if is_away { State::Away { ask_at: now.after(self.pause) } } else { State::Near { failures } };
        is_away.then_some(Turn::WentAway)
    }

    pub(crate) fn is_away(&self) -> bool {
        matches!(*self.state.lock(), State::Away { .. })
    }
}
