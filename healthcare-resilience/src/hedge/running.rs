//! The tries under way, and the one outcome that each of them has.

use super::{Hedge, HedgeEvent, Shared, tally::count};
use crate::{Class, Moment, admitted::watch, metrics::Outcome};
use std::borrow::Borrow;

/// The tries of a call that have no outcome yet. What is still running when it is dropped was cancelled.
#[derive(Debug)]
pub(crate) struct Running<P: Borrow<Hedge>> {
    pub(crate) policy: P,
    tries: u64,
    has_panicked: bool,
}

impl<P: Borrow<Hedge>> Running<P> {
    pub(crate) const fn new(policy: P) -> Self {
        Self { policy, tries: 0, has_panicked: false }
    }

    pub(crate) fn shared(&self) -> &Shared {
        self.policy.borrow().shared()
    }

    pub(crate) fn began(&mut self, is_extra: bool) {
        self.tries += 1;
        let tally = &self.shared().tally;
        count(if is_extra { &tally.extra } else { &tally.first }, 1);
    }

    pub(crate) fn failed(&mut self) {
        if self.tries > 0 {
            self.tries -= 1;
            count(&self.shared().tally.failed, 1);
        }
    }

    /// Runs the user's code for one try, which has failed when that panics.
    pub(crate) fn watch<T>(&mut self, step: impl FnOnce() -> T) -> T {
        watch(step, || {
            self.failed();
            self.has_panicked = true;
        })
    }

    /// One try gave the answer, and the others are dropped.
    fn won(&mut self, is_extra: bool) {
        let lost = self.tries.saturating_sub(1);
        self.tries = 0;
        let tally = &self.shared().tally;
        count(if is_extra { &tally.won_extra } else { &tally.won_first }, 1);
        count(&tally.lost, lost);
    }
}

impl<P: Borrow<Hedge>> Drop for Running<P> {
    fn drop(&mut self) {
        let shared = self.shared();
        count(&shared.tally.cancelled, self.tries);
        if self.has_panicked {
            shared.metrics.call(Outcome::Panicked);
        } else if self.tries > 0 {
            shared.metrics.call(Outcome::Cancelled);
        }
    }
}

/// Whether a result ends the race while other tries are under way.
pub(crate) const fn is_final(class: Class) -> bool {
    matches!(class, Class::Success | Class::Permanent | Class::Ignored | Class::Cancelled)
}

/// The call has its result, from the try that began then.
pub(crate) fn end<P: Borrow<Hedge>>(running: &mut Running<P>, class: Class, began: Moment, is_extra: bool) {
    if is_final(class) {
        running.won(is_extra);
    } else {
        running.failed();
    }
    let shared = running.shared();
    shared.metrics.call(Outcome::from(class));
    if shared.measures() && class == Class::Success {
        shared.took(shared.clock.now().since(began));
    }
    if is_extra && is_final(class) {
        shared.metrics.event("won");
        shared.send(HedgeEvent::Won { policy: shared.name });
    }
}

/// The first try is dropped, and was slower than the time it had.
pub(crate) fn lost<P: Borrow<Hedge>>(running: &Running<P>, began: Moment) {
    let shared = running.shared();
    if shared.measures() {
        shared.took(shared.clock.now().since(began));
    }
}
