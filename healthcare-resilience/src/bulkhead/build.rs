use super::{Bulkhead, Shared, places::Places};
use crate::{listeners::Listeners, metrics::PolicyMetrics};
use std::{sync::Arc, time::Duration};

/// More calls or waiters than this are a mistake.
const MAX: usize = 1 << 20;

/// Describes a [`Bulkhead`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct BulkheadBuilder {
    name: &'static str,
    max_calls: usize,
    max_waiting: usize,
    max_wait: Duration,
}

impl BulkheadBuilder {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, max_calls: 0, max_waiting: 0, max_wait: Duration::ZERO }
    }

    /// How many calls may be under way at once, 1 to 1,048,576. Must be said.
    ///
    /// Little's law gives the number: calls a second times seconds a call takes, and half as much again.
    pub const fn max_calls(mut self, max_calls: usize) -> Self {
        self.max_calls = max_calls;
        self
    }

    /// How many more may wait for a place, in order of arrival, at most 1,048,576. Nobody when never called.
    pub const fn max_waiting(mut self, max_waiting: usize) -> Self {
        self.max_waiting = max_waiting;
        self
    }

    /// How long one may wait. Must be said when anybody may wait.
    ///
    /// The current deadline bounds the wait too, whichever is over first.
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// The bulkhead.
    ///
    /// # Errors
    /// [`BulkheadConfigError`] when a number is missing or too large.
    pub fn build(self) -> Result<Bulkhead, BulkheadConfigError> {
        let name = self.name;
        if self.max_calls == 0 || self.max_calls > MAX {
            return Err(BulkheadConfigError::Calls { name, max: MAX });
        }
        if self.max_waiting > MAX {
            return Err(BulkheadConfigError::Waiting { name, max: MAX });
        }
        if (self.max_waiting == 0) != self.max_wait.is_zero() {
            return Err(BulkheadConfigError::Wait { name });
        }
        Ok(Bulkhead {
            shared: Arc::new(Shared {
                name,
                places: Places::new(self.max_calls, self.max_waiting),
                max_wait: self.max_wait,
                metrics: PolicyMetrics::new("bulkhead", name),
                listeners: Listeners::new(),
            }),
        })
    }
}

/// The bulkhead cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BulkheadConfigError {
    /// No calls, or too many.
    #[error("{name}: say with max_calls how many calls may be under way, from 1 to {max}")]
    Calls {
        /// The bulkhead.
        name: &'static str,
        /// The limit.
        max: usize,
    },
    /// Too many waiters.
    #[error("{name}: at most {max} may wait")]
    Waiting {
        /// The bulkhead.
        name: &'static str,
        /// The limit.
        max: usize,
    },
    /// A line without patience, or patience without a line.
    #[error("{name}: max_waiting and max_wait go together, both above zero or neither")]
    Wait {
        /// The bulkhead.
        name: &'static str,
    },
}
