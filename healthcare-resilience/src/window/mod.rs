//! What the last calls were like: by number or by time, in fixed memory and at a fixed cost for each call.
//!
//! Pure data: told the time, never reading it, without a lock. Whoever owns a window decides who may write it.

mod count;
mod time;

pub(crate) use self::{count::CountWindow, time::TimeWindow};

use crate::clock::Moment;

/// One call, as a window keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) is_failed: bool,
    pub(crate) is_slow: bool,
}

impl Mark {
    pub(crate) const fn is_bad(self) -> bool {
        self.is_failed || self.is_slow
    }
}

/// Calls, and how many of them failed or were slow. One call can be both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) slow: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, mark: Mark) {
        self.calls = self.calls.saturating_add(1);
        self.failed = self.failed.saturating_add(u64::from(mark.is_failed));
        self.slow = self.slow.saturating_add(u64::from(mark.is_slow));
    }
}

/// What a breaker remembers of the calls before.
#[derive(Debug)]
pub(crate) enum Window {
    /// How many calls failed in a row.
    Run(u32),
    /// The last so many calls.
    Count(CountWindow),
    /// The calls of the last so many seconds. Boxed: it is larger than all the rest of a breaker.
    Time(Box<TimeWindow>),
}

impl Window {
    /// Remembers a call and tells what is remembered then. A window of calls does not look at `now`.
    pub(crate) fn push(&mut self, mark: Mark, now: Moment) -> Tally {
        match self {
            Self::Run(run) => {
                *run = if mark.is_failed { run.saturating_add(1) } else { 0 };
                self.tally(now)
            }
            Self::Count(window) => window.push(mark),
            Self::Time(window) => window.push(mark, now),
        }
    }

    /// What is remembered at `now`.
    pub(crate) fn tally(&mut self, now: Moment) -> Tally {
        match self {
            Self::Run(run) => Tally { calls: u64::from(*run), failed: u64::from(*run), slow: 0 },
            Self::Count(window) => window.tally(),
            Self::Time(window) => window.tally(now),
        }
    }

    /// Whether one more good call would change nothing: no failure to end a run of, or every place taken by a good call
    /// already. Such a call needs no lock and writes nothing.
    pub(crate) fn is_settled(&self) -> bool {
        match self {
            Self::Run(run) => *run == 0,
            Self::Count(window) => window.is_settled(),
            Self::Time(_) => false,
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Run(run) => *run = 0,
            Self::Count(window) => window.clear(),
            Self::Time(window) => window.clear(),
        }
    }
}
