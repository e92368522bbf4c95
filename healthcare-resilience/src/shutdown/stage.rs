use super::{CutOff, Guard, StageReport, Stopping, Token, UNWIND, later};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// A part of the program that stops as one. Cheap to clone; clones are one stage.
#[derive(Debug, Clone)]
pub struct Stage {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    deadline: Duration,
    token: Token,
    idle: Notify,
    ledger: Mutex<Ledger>,
}

/// What is in flight and what became of it. Behind one lock, so that no work slips in after the stop.
#[derive(Debug, Default)]
struct Ledger {
    stopped_at: Option<Instant>,
    drained_at: Option<Instant>,
    cut_at: Option<Instant>,
    in_flight: BTreeMap<&'static str, usize>,
    finished: usize,
    panicked: usize,
    cut_off: BTreeMap<&'static str, usize>,
}

impl Stage {
    pub(crate) fn new(name: &'static str, deadline: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                name,
                deadline,
                token: Token::root(),
                idle: Notify::new(),
                ledger: Mutex::default(),
            }),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How much work is in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.ledger().in_flight.values().sum()
    }

    /// A token that is told when this stage stops and when it is cut off. Stopping it does not stop the stage.
    #[must_use]
    pub fn token(&self) -> Token {
        self.shared.token.child()
    }

    /// Resolves when this stage takes no new work: what `axum::serve(..).with_graceful_shutdown` waits for.
    pub fn until_stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        self.shared.token.until_stopping()
    }

    /// Registers work that starts now. `name` is what the report calls it: a kind such as `request`, never
    /// something about a person.
    ///
    /// # Errors
    /// [`Stopping`] once this stage has stopped.
    pub fn enter(&self, name: &'static str) -> Result<Guard, Stopping> {
        let mut ledger = self.ledger();
        if ledger.stopped_at.is_some() {
            return Err(Stopping { stage: self.name() });
        }
        *ledger.in_flight.entry(name).or_insert(0) += 1;
        drop(ledger);
        Ok(Guard::new(self.clone(), name))
    }

    /// Runs `work` as work in flight of this stage; it is dropped when the stage is cut off.
    ///
    /// Needs a tokio runtime. A panic of `work` is reported through the handle and counted in the report.
    ///
    /// # Errors
    /// [`Stopping`] once this stage has stopped.
    pub fn spawn<W>(
        &self,
        name: &'static str,
        work: W,
    ) -> Result<JoinHandle<Result<W::Output, CutOff>>, Stopping>
    where
        W: Future + Send + 'static,
        W::Output: Send,
    {
        let guard = self.enter(name)?;
        Ok(tokio::spawn(guard.run(work)))
    }

    pub(crate) async fn until_cut(&self) {
        self.shared.token.until_cut_off().await;
    }

    pub(crate) fn leave(&self, name: &'static str, is_panic: bool) {
        let mut ledger = self.ledger();
        if let Some(count) = ledger.in_flight.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                ledger.in_flight.remove(name);
            }
        }
        if ledger.stopped_at.is_some() && ledger.cut_at.is_none() {
            ledger.finished += 1;
        }
        ledger.panicked += usize::from(is_panic);
        let is_idle = ledger.in_flight.is_empty();
        drop(ledger);
        if is_idle {
            self.shared.idle.notify_waiters();
        }
    }

    /// Takes no new work from here on. Returns when that began.
    pub(crate) fn stop(&self) -> Instant {
        let stopped_at = *self.ledger().stopped_at.get_or_insert_with(Instant::now);
        self.shared.token.stop();
        stopped_at
    }

    /// Cuts off whatever is in flight. Returns when that was first done.
    pub(crate) fn cut(&self) -> Instant {
        let mut ledger = self.ledger();
        let cut_at = match ledger.cut_at {
            Some(cut_at) => cut_at,
            None => {
                ledger.cut_off = ledger.in_flight.clone();
                *ledger.cut_at.insert(Instant::now())
            }
        };
        drop(ledger);
        self.shared.token.cut();
        cut_at
    }

    /// Stops, waits for what is in flight, cuts off the rest and lets it unwind.
    pub(crate) async fn drain(&self, hurry: &CancellationToken) {
        let stopped_at = self.stop();
        tokio::select! {
            biased;
            () = self.until_idle() => {}
            () = hurry.cancelled() => {}
            () = tokio::time::sleep_until(later(stopped_at, self.shared.deadline)) => {}
        }
        let cut_at = self.cut();
        tokio::select! {
            biased;
            () = self.until_idle() => {}
            // In a hurry too: what is dropped ends at the next turn, and what it uses must not be closed before.
            () = tokio::time::sleep_until(cut_at + UNWIND) => {}
        }
        self.ledger().drained_at.get_or_insert_with(Instant::now);
    }

    pub(crate) fn report(&self) -> StageReport {
        let ledger = self.ledger();
        let took = match (ledger.stopped_at, ledger.drained_at) {
            (Some(from), Some(to)) => to.saturating_duration_since(from),
            _ => Duration::ZERO,
        };
        StageReport {
            name: self.name(),
            finished: ledger.finished,
            cut_off: ledger.cut_off.iter().map(|(&name, &count)| (name, count)).collect(),
            stuck: ledger.in_flight.iter().map(|(&name, &count)| (name, count)).collect(),
            panicked: ledger.panicked,
            took,
        }
    }

    async fn until_idle(&self) {
        loop {
            // Taken before looking, so that the last guard's notice between look and wait is not lost.
            let notice = self.shared.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            notice.await;
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // The ledger holds counts only, and no code that can panic runs under the lock.
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
