//! The lock that the hub's table and queues use. Model tests compile those files against loom's.

use std::sync::{Mutex as StdMutex, MutexGuard, PoisonError};

/// A lock that a panic elsewhere does not close: what is behind it is whole between any two statements.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(StdMutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(StdMutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
