use super::{LoadError, Table};
use crate::node::Fence;
use std::{
    hash::Hash,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::watch,
    task,
    time::{self, Instant},
};

/// What a load brought: a value that all share, or the error.
pub(crate) type Outcome<T> = Result<T, LoadError>;

/// A load under way.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    fence: Fence,
    /// Its place in the order in which loads began, whatever was purged.
    order: u64,
    /// The task that loads, so that it is not made to wait for itself.
    task: OnceLock<task::Id>,
    outcome: watch::Sender<Option<Outcome<T>>>,
}

impl<T: Clone> Flight<T> {
    pub(crate) fn new(fence: Fence, order: u64) -> Self {
        Self { fence, order, task: OnceLock::new(), outcome: watch::Sender::new(None) }
    }

    pub(crate) const fn order(&self) -> u64 {
        self.order
    }

    pub(crate) const fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Called by the task that loads, before it does anything else.
    pub(crate) fn begin(&self) {
        if let Some(id) = task::try_id() {
            let _: Result<(), task::Id> = self.task.set(id);
        }
    }

    /// Waits for the outcome until `end`, which is `limit` after the call began.
    pub(crate) async fn wait(&self, end: Instant, limit: Duration) -> Outcome<T> {
        if self.task.get().is_some_and(|own| task::try_id() == Some(*own)) {
            return Err(LoadError::Reentrant);
        }
        let mut seen = self.outcome.subscribe();
        let outcome = time::timeout_at(end, seen.wait_for(Option::is_some)).await;
        match outcome {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(LoadError::CutOff)),
            Ok(Err(_)) => Err(LoadError::CutOff),
            Err(_) => Err(LoadError::TimedOut(limit)),
        }
    }
}

/// Lands a flight whatever becomes of its task: ended, dropped or panicking.
pub(crate) struct Landing<K: Hash + Eq + Clone, T: Clone> {
    table: Arc<Table<K, Flight<T>>>,
    key: K,
    flight: Arc<Flight<T>>,
    outcome: Option<Outcome<T>>,
}

impl<K: Hash + Eq + Clone, T: Clone> Landing<K, T> {
    pub(crate) const fn new(table: Arc<Table<K, Flight<T>>>, key: K, flight: Arc<Flight<T>>) -> Self {
        Self { table, key, flight, outcome: None }
    }

    /// Lands with this outcome, which is stored already: whoever finds no load under way finds the value.
    pub(crate) fn land(mut self, outcome: Outcome<T>) {
        self.outcome = Some(outcome);
    }
}

impl<K: Hash + Eq + Clone, T: Clone> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.table.land(&self.key, &self.flight);
        let lost = if std::thread::panicking() { LoadError::Panicked } else { LoadError::CutOff };
        self.flight.outcome.send_replace(Some(self.outcome.take().unwrap_or(Err(lost))));
    }
}
