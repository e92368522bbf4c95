//! Graceful shutdown: stages in order, a deadline each, and a report of what was cut off.

mod build;
mod closing;
mod error;
mod guard;
mod report;
#[cfg(feature = "signal")]
mod signal;
mod stage;
mod token;

#[cfg(feature = "signal")]
pub use self::signal::SecondSignal;
pub use self::{
    build::ShutdownBuilder,
    error::{CutOff, ShutdownConfigError, Stopping, UnknownStage},
    guard::Guard,
    report::{ClosingReport, ClosingState, DrainReport, StageReport},
    stage::Stage,
    token::Token,
};

use self::closing::Closings;
use std::{
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest time that work which was cut off gets to unwind before the next stage stops.
///
/// Its destructors may need the stages behind it: a dropped request still writes its audit record.
pub(crate) const UNWIND: Duration = Duration::from_millis(500);

/// Stops a program in order. Cheap to clone; every clone is the same shutdown.
///
/// A shutdown is *begun* ([`begin`](Self::begin), or a signal through `listen`), then *drained*
/// ([`drain`](Self::drain)): stage after stage stops taking work, waits for what is in flight, and cuts it off
/// at its deadline. Later stages keep working while earlier ones drain, so put what serves last: `http`
/// before `relay` before `audit`.
///
/// ```
/// use healthcare_resilience::Shutdown;
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shutdown = Shutdown::builder()
///     .stage("http", Duration::from_secs(20))
///     .stage("relay", Duration::from_secs(5))
///     .build()?;
/// let http = shutdown.stage("http")?;
/// let request = http.enter("request")?;
/// shutdown.begin();
/// drop(request); // answered
/// let report = shutdown.drain().await;
/// assert!(report.is_clean());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Shutdown {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    notice: Duration,
    stages: Vec<Stage>,
    begun: CancellationToken,
    begun_at: OnceLock<Instant>,
    hurry: CancellationToken,
    hurried: AtomicBool,
    closings: Closings,
}

impl Shutdown {
    /// Starts describing a shutdown.
    pub fn builder() -> ShutdownBuilder {
        ShutdownBuilder::default()
    }

    fn new(notice: Duration, stages: Vec<Stage>) -> Self {
        Self {
            shared: Arc::new(Shared {
                notice,
                stages,
                begun: CancellationToken::new(),
                begun_at: OnceLock::new(),
                hurry: CancellationToken::new(),
                hurried: AtomicBool::new(false),
                closings: Closings::default(),
            }),
        }
    }

    /// The stage called `name`, to register work with.
    ///
    /// # Errors
    /// [`UnknownStage`] when the builder was given no such stage.
    pub fn stage(&self, name: &'static str) -> Result<Stage, UnknownStage> {
        self.shared.stages.iter().find(|stage| stage.name() == name).cloned().ok_or(UnknownStage { name })
    }

    /// Has `work` done after the last stage, before [`drain`](Self::drain) returns: a pool closed, a log flushed. What was
    /// added last is done first, so add it when the thing to close was opened. It gets `deadline`, or half a second once
    /// the shutdown is in a hurry, and is dropped then.
    ///
    /// # Errors
    /// [`Stopping`] when everything is closed already; `work` is dropped.
    ///
    /// ```
    /// # use healthcare_resilience::Shutdown;
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let shutdown = Shutdown::builder().stage("http", Duration::from_secs(20)).build()?;
    /// shutdown.close("database", Duration::from_secs(2), async { /* pool.close().await */ })?;
    /// shutdown.begin();
    /// let report = shutdown.drain().await;
    /// assert_eq!(report.closings[0].name, "database");
    /// # Ok(()) }
    /// ```
    pub fn close<W>(&self, name: &'static str, deadline: Duration, work: W) -> Result<(), Stopping>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        if self.shared.closings.add(name, deadline, work) { Ok(()) } else { Err(Stopping { stage: name }) }
    }

    /// Work in flight by stage, in the order in which the stages stop.
    #[must_use]
    pub fn in_flight(&self) -> Vec<(&'static str, usize)> {
        self.shared.stages.iter().map(|stage| (stage.name(), stage.in_flight())).collect()
    }

    /// Begins the shutdown. Readiness is to turn false now; nothing is stopped before [`drain`](Self::drain)
    /// has given its notice. Beginning twice is beginning once.
    pub fn begin(&self) {
        self.shared.begun_at.get_or_init(Instant::now);
        self.shared.begun.cancel();
    }

    /// Whether the shutdown has begun: a server that is asked for its readiness answers no.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.shared.begun.is_cancelled()
    }

    /// Resolves when the shutdown has begun. Owned, for servers that want a `'static` future.
    pub fn until_begun(&self) -> impl Future<Output = ()> + Send + 'static {
        self.shared.begun.clone().cancelled_owned()
    }

    /// Ends the shutdown at once: every stage stops and whatever is in flight is cut off, in all of them.
    /// This is what a second signal does.
    pub fn cut_off(&self) {
        self.begin();
        self.shared.hurried.store(true, Ordering::Release);
        for stage in &self.shared.stages {
            stage.stop();
            stage.cut();
        }
        self.shared.hurry.cancel();
    }

    /// Waits until the shutdown has begun, then stops the stages one after the other, closes what is to be
    /// [closed](Self::close), and reports.
    ///
    /// Takes at most the notice, plus each stage's deadline, plus half a second a stage in which work that was
    /// cut off may unwind, plus the deadline of each closing. Dropping this future leaves the shutdown where it is;
    /// calling it again continues, with the deadlines that were running.
    pub async fn drain(&self) -> DrainReport {
        self.shared.begun.cancelled().await;
        let begun_at = *self.shared.begun_at.get_or_init(Instant::now);
        tokio::select! {
            biased;
            () = self.shared.hurry.cancelled() => {}
            () = tokio::time::sleep_until(later(begun_at, self.shared.notice)) => {}
        }
        self.stop_all(begun_at).await
    }

    /// Begins and drains without notice: nobody was told to send anything here.
    pub(crate) async fn stop_now(&self) -> DrainReport {
        self.begin();
        self.stop_all(*self.shared.begun_at.get_or_init(Instant::now)).await
    }

    async fn stop_all(&self, begun_at: Instant) -> DrainReport {
        for stage in &self.shared.stages {
            stage.drain(&self.shared.hurry).await;
        }
        self.shared.closings.run(&self.shared.hurry).await;
        DrainReport {
            stages: self.shared.stages.iter().map(Stage::report).collect(),
            closings: self.shared.closings.reports(),
            took: begun_at.elapsed(),
            hurried: self.shared.hurried.load(Ordering::Acquire),
        }
    }
}

/// `from + by`, or some thirty years ahead where the sum cannot be told.
fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or_else(|| from + Duration::from_secs(86_400 * 365 * 30))
}
