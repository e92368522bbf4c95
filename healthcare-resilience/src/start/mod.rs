//! Start: steps in order, each with a deadline and tries, and the undoing of what was done when one fails.

mod error;
mod report;
mod step;

pub use self::{
    error::{StartError, StartFailure},
    report::{StartReport, StepReport, StepState},
    step::Step,
};

use crate::{AnyError, BoxError, Classify, Shutdown, sync::Mutex};
use futures_util::FutureExt as _;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::time::Instant;

/// Starts a program in order. Cheap to clone; every clone is the same start.
///
/// The order is that of the code: a step is awaited, gives its value, and the next one uses it; steps that do not need
/// each other are joined. A step has a deadline, may be tried again while what it needs is not up yet, and says what to
/// do when it fails. A failing step stops what was started before it, through the [`Shutdown`]: its stages, then what
/// was given to [`Shutdown::close`], the newest first. So does a shutdown that begins meanwhile, as by Ctrl-C. A
/// [`Health`](crate::Health) that was given the start is not ready before [`ready`](Self::ready).
///
/// ```
/// use healthcare_resilience::{Shutdown, Start, Step};
/// use std::time::Duration;
/// # struct Pool; impl Pool {
/// #     async fn connect() -> Result<Self, std::io::Error> { Ok(Self) }
/// #     async fn migrate(&self) -> Result<(), std::io::Error> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::builder().stage("http", Duration::from_secs(20)).build()?;
/// let start = Start::new(&shutdown);
///
/// let connect = Step::new("database", Duration::from_secs(60))
///     .tries(20)
///     .hint("is PostgreSQL up, and CLINIC_DATABASE_URL right?");
/// let pool = start.step(connect, || Pool::connect()).await?;
/// shutdown.close("database", Duration::from_secs(2), async { /* close the pool */ })?;
/// start.step(Step::new("schema", Duration::from_secs(300)), || pool.migrate()).await?;
///
/// println!("{}", start.ready()); // database: done in 1.3s, 3 tries …
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Start {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shutdown: Shutdown,
    is_ready: AtomicBool,
    steps: Mutex<Vec<Entry>>,
}

/// A step that was begun.
#[derive(Debug)]
struct Entry {
    begun: Instant,
    report: StepReport,
}

impl Start {
    /// A start that stops what it started through `shutdown`.
    #[must_use]
    pub fn new(shutdown: &Shutdown) -> Self {
        let shared =
            Shared { shutdown: shutdown.clone(), is_ready: AtomicBool::new(false), steps: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// Does one step. Every error is taken for "not yet" and worth another try, while tries and time are left.
    ///
    /// `make` makes a fresh future for each try. A panic stops what was started, then goes on. Dropping this future drops
    /// the step and stops nothing.
    ///
    /// # Errors
    /// [`StartError`] when the step failed, was late, or the shutdown began; everything is stopped then.
    pub async fn step<T, E, M, F>(&self, step: Step, make: M) -> Result<T, StartError>
    where
        M: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
    {
        self.step_with(step, AnyError, make).await
    }

    /// As [`step`](Self::step), where `classifier` says which errors are worth another try: a refused connection is, a
    /// wrong password is not ([`Class::is_retryable`](crate::Class::is_retryable)).
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn step_with<T, E, C, M, F>(&self, step: Step, classifier: C, make: M) -> Result<T, StartError>
    where
        C: Classify<T, E>,
        M: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
    {
        let at = self.enter(step.name);
        let mut dropped = Dropped { start: self, at, is_armed: true };
        let stopping = self.shared.shutdown.until_begun();
        let trying =
            AssertUnwindSafe(step.run(classifier, make, |tries| self.note_try(at, tries))).catch_unwind();
        let done = tokio::select! {
            biased;
            () = stopping => Ok(Err((StartFailure::Stopped, None))),
            done = trying => done,
        };
        dropped.is_armed = false;
        let state = if matches!(done, Ok(Ok(_))) { StepState::Done } else { StepState::Failed };
        let report = self.leave(at, state);
        match done {
            Ok(Ok(value)) => {
                tracing::info!(step = step.name, tries = report.tries, took = ?report.took, "started");
                Ok(value)
            }
            Ok(Err((failure, source))) => {
                tracing::error!(step = step.name, tries = report.tries, %failure, "the start failed");
                let drained = self.shared.shutdown.stop_now().await;
                Err(StartError::new(report, failure, step.hint, source, drained))
            }
            Err(panic) => {
                self.shared.shutdown.stop_now().await;
                resume_unwind(panic)
            }
        }
    }

    /// Everything is started: readiness may turn true. Returns what was done, fit for a log.
    pub fn ready(&self) -> StartReport {
        self.shared.is_ready.store(true, Ordering::Release);
        self.report()
    }

    /// Whether everything is started.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready.load(Ordering::Acquire)
    }

    /// How far the start is.
    #[must_use]
    pub fn report(&self) -> StartReport {
        StartReport { steps: self.shared.steps.lock().iter().map(Entry::report).collect() }
    }

    fn enter(&self, name: &'static str) -> usize {
        let mut steps = self.shared.steps.lock();
        steps.push(Entry { begun: Instant::now(), report: StepReport::begun(name) });
        steps.len() - 1
    }

    fn note_try(&self, at: usize, tries: u32) {
        if let Some(entry) = self.shared.steps.lock().get_mut(at) {
            entry.report.tries = tries;
        }
    }

    fn leave(&self, at: usize, state: StepState) -> StepReport {
        let mut steps = self.shared.steps.lock();
        let Some(entry) = steps.get_mut(at) else { return StepReport::begun("") };
        entry.report.took = entry.begun.elapsed();
        entry.report.state = state;
        entry.report
    }
}

impl Entry {
    fn report(&self) -> StepReport {
        match self.report.state {
            StepState::Running => StepReport { took: self.begun.elapsed(), ..self.report },
            StepState::Done | StepState::Failed => self.report,
        }
    }
}

/// A step whose future is dropped is not running any more.
struct Dropped<'a> {
    start: &'a Start,
    at: usize,
    is_armed: bool,
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            self.start.leave(self.at, StepState::Failed);
        }
    }
}
