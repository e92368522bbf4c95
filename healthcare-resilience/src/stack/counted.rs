use super::{
    ending::{Ending, Verdict},
    row::Row,
};
use crate::{
    CallError,
    metrics::{Outcome, PolicyMetrics},
};

/// A call that has no outcome yet: dropped so, it was cancelled. Kept by the outermost row, of which each call has one;
/// around that it would be a future more.
pub(super) struct Counted<'a>(Option<&'a PolicyMetrics>);

impl<'a> Counted<'a> {
    pub(super) fn begun(row: Row<'a>) -> Self {
        Self((row.level == OUTERMOST).then_some(&row.stack.metrics))
    }

    pub(super) fn panicked(&mut self) {
        self.count(Outcome::Panicked);
    }

    pub(super) fn ended<T, E>(&mut self, ending: &Ending<T, E>) {
        self.count(match (&ending.result, ending.verdict) {
            // All that is left of a limit outside of everything: the caller's.
            (_, Verdict::Over(_)) => Outcome::Cancelled,
            (Err(CallError::Elapsed(_)), _) => Outcome::Elapsed,
            (_, Verdict::Class(class)) => Outcome::from(class),
        });
    }

    fn count(&mut self, outcome: Outcome) {
        if let Some(metrics) = self.0.take() {
            metrics.call(outcome);
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.count(Outcome::Cancelled);
    }
}

/// The level of a row that has nothing outside of it.
const OUTERMOST: usize = 1;
