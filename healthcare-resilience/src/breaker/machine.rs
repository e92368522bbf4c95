//! The circuit breaker itself: told the time, never asking for it, and without a word to the outside.

use super::{
    rules::{Finding, Rules},
    state::{BreakerCause, BreakerState},
    word::Word,
};
use crate::{
    class::Class,
    clock::Moment,
    error::RejectReason,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    window::{Mark, Tally, Window},
};
use std::{collections::VecDeque, time::Duration};

/// What changed, for those who listen. Kept in order until [`Machine::next_change`] takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) number: u64,
    pub(crate) at: Moment,
    pub(crate) from: BreakerState,
    pub(crate) to: BreakerState,
    pub(crate) cause: BreakerCause,
    pub(crate) open_for: Option<Duration>,
}

/// More changes than this wait only when they come faster than they are told. The oldest are lost then, which their
/// numbers show.
const CHANGES_MAX: usize = 64;

/// What lets a call through, and knows when that was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    pub(crate) word: Word,
    pub(crate) begun: Moment,
}

/// How a call ended, as far as a breaker is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    Good,
    Failed(Class),
    /// It was dropped after the slow time: nobody knows how it would have ended, but slow it was.
    Left,
    /// It says nothing of the callee.
    Neutral,
}

/// No.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) reason: RejectReason,
    pub(crate) wait: Option<Duration>,
}

/// What a record came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// The call was let through in a state that is over: nothing but the count of such calls has changed.
    pub(crate) is_stale: bool,
    /// There are changes to tell of.
    pub(crate) has_changed: bool,
}

/// What can be seen from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) state: BreakerState,
    pub(crate) seen: Tally,
    pub(crate) probes_out: u32,
    pub(crate) opens: u32,
    pub(crate) left: Option<Duration>,
    pub(crate) last_failure: Option<Class>,
    pub(crate) stale: u64,
    pub(crate) refused: u64,
}

/// On a cache line of its own, so that what is written often does not slow down what is read always.
#[derive(Debug)]
#[repr(align(64))]
struct Line<T>(T);

#[derive(Debug)]
pub(crate) struct Machine {
    hot: Line<Hot>,
    core: Line<Mutex<Core>>,
    counts: Line<Counts>,
}

/// Read by every call, written when the state changes.
#[derive(Debug)]
struct Hot {
    word: AtomicU64,
    /// One more good call would change nothing in the window.
    is_settled: AtomicBool,
    rules: Rules,
}

#[derive(Debug)]
struct Counts {
    refused: AtomicU64,
    stale: AtomicU64,
}

/// The rest, and the right to change the word. Nobody holds this lock while anything of the caller's runs.
#[derive(Debug)]
struct Core {
    window: Window,
    generation: u64,
    /// Results of probes in this half-open time.
    probes: Tally,
    /// Probes that have not come back, and when the youngest left.
    probes_out: u32,
    probe_left_at: Moment,
    /// What made it open.
    reason: Tally,
    /// How often it opened without closing in between, and for how long the last time.
    opens: u32,
    wait: Duration,
    last_failure: Option<Class>,
    /// In metrics only: it has been said that this circuit would be open.
    is_warned: bool,
    chance: fastrand::Rng,
    changes: VecDeque<Change>,
    changed: u64,
    is_telling: bool,
}

impl Machine {
    pub(crate) fn new(rules: Rules, window: Window, chance: fastrand::Rng) -> Self {
        let core = Core {
            window,
            generation: 1,
            probes: Tally::default(),
            probes_out: 0,
            probe_left_at: Moment::START,
            reason: Tally::default(),
            opens: 0,
            wait: Duration::ZERO,
            last_failure: None,
            is_warned: false,
            chance,
            changes: VecDeque::new(),
            changed: 0,
            is_telling: false,
        };
        let word = AtomicU64::new(Word::new(BreakerState::Closed, core.generation).0);
        Self {
            hot: Line(Hot { word, is_settled: AtomicBool::new(core.window.is_settled()), rules }),
            core: Line(Mutex::new(core)),
            counts: Line(Counts { refused: AtomicU64::new(0), stale: AtomicU64::new(0) }),
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.hot.0.rules
    }

    /// The state, if every call goes through in it. Otherwise what to [`ask`](Self::ask) with.
    #[inline]
    pub(crate) fn glance(&self) -> Result<Word, Word> {
        let word = self.word();
        if word.is_admitting() { Ok(word) } else { Err(word) }
    }

    /// Whether a call may go through, which is not decided by a glance. An open circuit is left without the lock.
    pub(crate) fn ask(&self, seen: Word, now: Moment) -> Result<Word, Refusal> {
        let refused = match seen.state() {
            BreakerState::ForcedOpen => Err(FORCED),
            BreakerState::Open if self.is_open_at(seen, now) => Err(open_for(seen.until().since(now))),
            _ => self.ask_core(now),
        };
        if refused.is_err() {
            self.counts.0.refused.fetch_add(1, Ordering::Relaxed);
        }
        refused
    }

    fn ask_core(&self, now: Moment) -> Result<Word, Refusal> {
        let mut core = self.core.0.lock();
        let word = self.word();
        match word.state() {
            BreakerState::ForcedOpen => Err(FORCED),
            BreakerState::Open if self.is_open_at(word, now) => Err(open_for(word.until().since(now))),
            // The clock was set back. The wait begins again: nobody knows how much of it is over.
            BreakerState::Open if word.until() > now => {
                self.hot.0.word.store(Word::open_until(now.after(core.wait)).0, Ordering::Release);
                Err(open_for(core.wait))
            }
            BreakerState::Open => {
                core.probes = Tally::default();
                core.probes_out = 0;
                self.turn(&mut core, BreakerState::HalfOpen, BreakerCause::WaitOver, now);
                Ok(self.send_probe(&mut core, now))
            }
            BreakerState::HalfOpen => self.ask_half_open(&mut core, now),
            _ => Ok(word),
        }
    }

    fn ask_half_open(&self, core: &mut Core, now: Moment) -> Result<Word, Refusal> {
        let rules = self.rules();
        if core.probes.calls.saturating_add(u64::from(core.probes_out)) < u64::from(rules.probes) {
            return Ok(self.send_probe(core, now));
        }
        // Set back, too: the lease begins again.
        core.probe_left_at = core.probe_left_at.min(now);
        if now.since(core.probe_left_at) < rules.lease {
            return Err(Refusal { reason: RejectReason::ProbesTaken, wait: None });
        }
        // The youngest is overdue, so all are. A new generation: whatever they still say is stale. What others have
        // said in this half-open time still counts.
        core.probes_out = 0;
        self.turn(core, BreakerState::HalfOpen, BreakerCause::LeaseOver, now);
        Ok(self.send_probe(core, now))
    }

    fn send_probe(&self, core: &mut Core, now: Moment) -> Word {
        core.probes_out += 1;
        core.probe_left_at = now;
        self.word()
    }

    /// Whether `now` is looked at when this call ends.
    #[inline]
    pub(crate) fn needs_time(&self, ticket: &Ticket, verdict: Verdict) -> bool {
        let rules = self.rules();
        rules.slow.is_some()
            || rules.is_window_timed
            || ticket.word.is_half_open()
            || matches!(verdict, Verdict::Failed(_))
    }

    /// Takes the result of a call. A good one, when all is well, writes nothing that others read.
    #[inline]
    pub(crate) fn record(&self, ticket: Ticket, verdict: Verdict, now: Moment) -> Recorded {
        let rules = self.rules();
        let is_slow = self.is_slow(&ticket, now);
        if !ticket.word.is_half_open() {
            if self.word() != ticket.word {
                return self.stale();
            }
            let is_good = matches!(verdict, Verdict::Good) && !is_slow;
            let changes_nothing = is_good && self.hot.0.is_settled.load(Ordering::Relaxed);
            if changes_nothing || matches!(verdict, Verdict::Neutral) || ticket.word.is_disabled() {
                return Recorded::default();
            }
        }
        let counts_as_failed = is_slow && rules.slow.is_some_and(|slow| slow.is_failure);
        let is_failed = matches!(verdict, Verdict::Failed(_)) || counts_as_failed;
        self.record_core(ticket, verdict, Mark { is_failed, is_slow }, now)
    }

    fn record_core(&self, ticket: Ticket, verdict: Verdict, mark: Mark, now: Moment) -> Recorded {
        let mut core = self.core.0.lock();
        if self.word() != ticket.word {
            return self.stale();
        }
        if let Verdict::Failed(class) = verdict {
            core.last_failure = Some(class);
        }
        match ticket.word.state() {
            BreakerState::HalfOpen => self.take_probe(&mut core, verdict, mark, now),
            state @ (BreakerState::Closed | BreakerState::MetricsOnly) => {
                let seen = core.window.push(mark, now);
                self.hot.0.is_settled.store(core.window.is_settled(), Ordering::Relaxed);
                // A good call never opens a circuit, even where it is the one that makes the calls enough.
                if mark.is_bad() {
                    self.take_bad(&mut core, state, seen, now);
                }
            }
            _ => {}
        }
        Recorded { is_stale: false, has_changed: !core.changes.is_empty() }
    }

    fn take_bad(&self, core: &mut Core, state: BreakerState, seen: Tally, now: Moment) {
        let cause = match self.rules().judge(seen) {
            Finding::Fine => {
                core.is_warned = false;
                return;
            }
            Finding::Failures => BreakerCause::Failures,
            Finding::Slow => BreakerCause::SlowCalls,
        };
        if state == BreakerState::Closed {
            self.open(core, seen, cause, now);
        } else if !core.is_warned {
            core.is_warned = true;
            core.tell(now, (state, state), cause, None);
        }
    }

    fn take_probe(&self, core: &mut Core, verdict: Verdict, mark: Mark, now: Moment) {
        core.probes_out = core.probes_out.saturating_sub(1);
        if matches!(verdict, Verdict::Neutral) {
            return;
        }
        core.probes.add(mark);
        let seen = core.probes;
        match self.rules().judge_probes(seen) {
            Finding::Failures => self.open(core, seen, BreakerCause::Failures, now),
            Finding::Slow => self.open(core, seen, BreakerCause::SlowCalls, now),
            Finding::Fine if seen.calls >= u64::from(self.rules().probes) => {
                self.start(core, BreakerState::Closed, BreakerCause::ProbesPassed, now);
            }
            Finding::Fine => {}
        }
    }

    /// Takes back a permit whose call was dropped. Nothing is known of it, and its place is free, except that one that
    /// took so long was slow: a callee that hangs would not be seen otherwise where no caller waits for it. `now` is
    /// looked at where slow calls are watched.
    #[inline]
    pub(crate) fn cancel(&self, ticket: Ticket, now: Moment) -> Recorded {
        if self.is_slow(&ticket, now) {
            return self.record(ticket, Verdict::Left, now);
        }
        if ticket.word.is_half_open() {
            let mut core = self.core.0.lock();
            if self.word() == ticket.word {
                core.probes_out = core.probes_out.saturating_sub(1);
            }
        }
        Recorded::default()
    }

    #[inline]
    fn is_slow(&self, ticket: &Ticket, now: Moment) -> bool {
        self.rules().slow.is_some_and(|slow| now >= ticket.begun.after(slow.after))
    }

    fn open(&self, core: &mut Core, reason: Tally, cause: BreakerCause, now: Moment) {
        core.reason = reason;
        core.opens = core.opens.saturating_add(1);
        core.wait = self.rules().open.wait(core.opens, core.chance.f64());
        let from = self.word().state();
        core.generation += 1;
        core.tell(now, (from, BreakerState::Open), cause, Some(core.wait));
        self.hot.0.word.store(Word::open_until(now.after(core.wait)).0, Ordering::Release);
    }

    /// Begins to count anew.
    fn start(&self, core: &mut Core, state: BreakerState, cause: BreakerCause, now: Moment) {
        core.window.clear();
        core.opens = 0;
        core.is_warned = false;
        // Before the word: who sees the new state must not see this of the old one.
        self.hot.0.is_settled.store(core.window.is_settled(), Ordering::Relaxed);
        self.turn(core, state, cause, now);
    }

    fn turn(&self, core: &mut Core, to: BreakerState, cause: BreakerCause, now: Moment) {
        let from = self.word().state();
        core.generation += 1;
        core.tell(now, (from, to), cause, None);
        self.hot.0.word.store(Word::new(to, core.generation).0, Ordering::Release);
    }

    /// Opens it as if the calls had failed. Nothing happens to one that refuses calls already, or that a hand has set.
    pub(crate) fn trip(&self, now: Moment) {
        let mut core = self.core.0.lock();
        if !matches!(self.word().state(), BreakerState::Closed | BreakerState::HalfOpen) {
            return;
        }
        self.open(&mut core, Tally::default(), BreakerCause::ByHand, now);
    }

    /// Brings it into a state that only a hand ends, or back to closed with nothing remembered.
    pub(crate) fn set(&self, state: BreakerState, now: Moment) {
        let mut core = self.core.0.lock();
        if state == BreakerState::Closed || self.word().state() != state {
            self.start(&mut core, state, BreakerCause::ByHand, now);
        }
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.word().state()
    }

    pub(crate) fn view(&self, now: Moment) -> View {
        let mut core = self.core.0.lock();
        let word = self.word();
        let state = word.state();
        let seen = match state {
            BreakerState::Closed | BreakerState::MetricsOnly => core.window.tally(now),
            BreakerState::HalfOpen => core.probes,
            BreakerState::Open => core.reason,
            BreakerState::ForcedOpen | BreakerState::Disabled => Tally::default(),
        };
        View {
            state,
            seen,
            probes_out: if word.is_half_open() { core.probes_out } else { 0 },
            opens: core.opens,
            left: (state == BreakerState::Open).then(|| word.until().since(now)),
            last_failure: core.last_failure,
            stale: self.counts.0.stale.load(Ordering::Relaxed),
            refused: self.counts.0.refused.load(Ordering::Relaxed),
        }
    }

    /// Whether the caller shall tell of the changes. One teller at a time keeps them in order; another leaves its
    /// changes to the one that is at it. Who gets `true` takes changes until there are none.
    pub(crate) fn begin_telling(&self) -> bool {
        let mut core = self.core.0.lock();
        !std::mem::replace(&mut core.is_telling, true)
    }

    /// The teller could not go on. What is left is told with the next change.
    pub(crate) fn stop_telling(&self) {
        self.core.0.lock().is_telling = false;
    }

    pub(crate) fn next_change(&self) -> Option<Change> {
        let mut core = self.core.0.lock();
        let change = core.changes.pop_front();
        core.is_telling = change.is_some();
        change
    }

    #[inline]
    fn word(&self) -> Word {
        Word(self.hot.0.word.load(Ordering::Acquire))
    }

    /// Whether an open circuit is still open, and believably so: no wait is longer than the longest, and more left than
    /// that means that the clock was set back.
    fn is_open_at(&self, word: Word, now: Moment) -> bool {
        let until = word.until();
        let left = until.as_nanos().saturating_sub(now.as_nanos());
        left > 0 && left <= self.rules().open.longest.saturating_add(ROUNDED)
    }

    #[cold]
    fn stale(&self) -> Recorded {
        self.counts.0.stale.fetch_add(1, Ordering::Relaxed);
        Recorded { is_stale: true, has_changed: false }
    }
}

impl Core {
    fn tell(
        &mut self,
        at: Moment,
        (from, to): (BreakerState, BreakerState),
        cause: BreakerCause,
        open_for: Option<Duration>,
    ) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changed += 1;
        self.changes.push_back(Change { number: self.changed, at, from, to, cause, open_for });
    }
}

/// A moment in a word is up to this much later.
const ROUNDED: u64 = 8;
const FORCED: Refusal = Refusal { reason: RejectReason::ForcedOpen, wait: None };

const fn open_for(wait: Duration) -> Refusal {
    Refusal { reason: RejectReason::CircuitOpen, wait: Some(wait) }
}
