use super::{ClosingReport, ClosingState, UNWIND, later};
use crate::sync::Mutex;
use futures_util::FutureExt as _;
use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is closed after the last stage, the newest first.
#[derive(Default)]
pub(crate) struct Closings {
    ledger: Mutex<Ledger>,
    /// Held by the drain that closes. What it was closing stays here when it is dropped.
    running: tokio::sync::Mutex<Option<Running>>,
}

#[derive(Default)]
struct Ledger {
    waiting: Vec<Closing>,
    reports: Vec<ClosingReport>,
    is_over: bool,
}

struct Closing {
    name: &'static str,
    deadline: Duration,
    work: Work,
}

struct Running {
    closing: Closing,
    begun: Instant,
}

impl Closings {
    /// Whether it was taken on.
    pub(crate) fn add(
        &self,
        name: &'static str,
        deadline: Duration,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        let mut ledger = self.ledger.lock();
        let is_open = !ledger.is_over;
        if is_open {
            ledger.waiting.push(Closing { name, deadline, work: Box::pin(work) });
        }
        is_open
    }

    /// Closes one after the other. Dropped and called again, it continues.
    pub(crate) async fn run(&self, hurry: &CancellationToken) {
        let mut slot = self.running.lock().await;
        loop {
            let running = match &mut *slot {
                Some(running) => running,
                None => match self.next() {
                    Some(closing) => slot.insert(Running { closing, begun: Instant::now() }),
                    None => return,
                },
            };
            let state = running.state(hurry).await;
            let report = ClosingReport { name: running.closing.name, state, took: running.begun.elapsed() };
            // What was late is dropped before it is reported.
            *slot = None;
            self.ledger.lock().reports.push(report);
        }
    }

    pub(crate) fn reports(&self) -> Vec<ClosingReport> {
        self.ledger.lock().reports.clone()
    }

    fn next(&self) -> Option<Closing> {
        let mut ledger = self.ledger.lock();
        let next = ledger.waiting.pop();
        ledger.is_over = next.is_none();
        next
    }
}

impl Running {
    async fn state(&mut self, hurry: &CancellationToken) -> ClosingState {
        let until = later(self.begun, self.closing.deadline);
        let work = AssertUnwindSafe(&mut self.closing.work).catch_unwind();
        let hurried = async {
            hurry.cancelled().await;
            tokio::time::sleep(UNWIND).await;
        };
        tokio::select! {
            biased;
            done = work => if done.is_ok() { ClosingState::Closed } else { ClosingState::Panicked },
            () = tokio::time::sleep_until(until) => ClosingState::Late,
            () = hurried => ClosingState::Late,
        }
    }
}

impl fmt::Debug for Closings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closings").field("reports", &self.ledger.lock().reports).finish_non_exhaustive()
    }
}
