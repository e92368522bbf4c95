//! Hedging: a second try when the first is slow, paid from the retry budget.

mod build;
mod call;
mod error;
mod latency;
mod layer;
mod run;
mod running;
mod tally;

pub use self::{
    build::{HedgeBuilder, HedgeDelay},
    call::HedgeCall,
    error::HedgeConfigError,
    layer::{HedgeFuture, HedgeLayer, HedgeService},
    tally::HedgeCounts,
};

pub(crate) use self::run::Race;

use self::{latency::Latencies, tally::Tally};
use crate::{
    Causes, Clock, Effect, RetryBudget,
    clock::nanos,
    listeners::Listeners,
    metrics::PolicyMetrics,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// Calls to measure before a quantile is believed.
const SAMPLES_MIN: u32 = 100;
/// The quantile is computed again after so many calls.
const REFRESH: u32 = 32;

/// Sends a call a second time when the first try is slower than usual, and takes the answer that comes first. Cheap to
/// clone; clones share the budget and what was measured.
///
/// - **Effects.** Only reads and idempotent writes are sent again; a plain write runs as if there were no hedge.
/// - **The first answer wins:** a success, or a failure that would not pass. The other tries are dropped before it is
///   handed out.
/// - **A try that failed in a way that may pass** is forgotten while another is under way, and no more are sent: trying
///   again is the business of a [`Retry`](crate::Retry) around it. The last to fail is handed out, but no refusal from
///   further in where another try was sent.
/// - **Budget.** Each further try costs a token. Without one it is not sent; those under way are left alone.
/// - **Deadline.** No further try is sent when the task's [`Deadline`](crate::Deadline) is over.
///
/// A call that is answered before the delay allocates nothing.
///
/// ```
/// use healthcare_resilience::{Effect, Hedge};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let beds = Hedge::builder("beds").after(Duration::from_millis(80)).build()?;
/// let mut tries = 0;
/// let answer = beds
///     .call(Effect::Read, || {
///         tries += 1;
///         let wait = Duration::from_millis(if tries == 1 { 900 } else { 20 });
///         async move {
///             tokio::time::sleep(wait).await;
///             Ok::<_, std::io::Error>(12)
///         }
///     })
///     .await?;
/// assert_eq!((answer, tries, beds.counts().won_extra), (12, 2, 1));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Hedge {
    shared: Arc<Shared>,
}

/// What a [`Hedge`] did. Holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HedgeEvent {
    /// A further try was sent.
    Sent {
        /// The policy.
        policy: &'static str,
        /// Further tries of this call so far.
        extra: u32,
    },
    /// A further try was due and the budget empty.
    Unpaid {
        /// The policy.
        policy: &'static str,
    },
    /// A further try gave the answer.
    Won {
        /// The policy.
        policy: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    Fixed(Duration),
    Observed { quantile: f64, least: Duration, most: Duration, until_known: Option<Duration> },
}

pub(crate) struct Shared {
    name: &'static str,
    pace: Pace,
    max_extra: u32,
    budget: RetryBudget,
    clock: Clock,
    observed: Observed,
    tally: Tally,
    events: Listeners<HedgeEvent>,
    metrics: PolicyMetrics,
}

/// The measured quantile in nanoseconds, zero while it is not known, and what it is computed from.
struct Observed {
    nanos: AtomicU64,
    latencies: Mutex<(Latencies, u32)>,
}

impl Default for Observed {
    fn default() -> Self {
        Self { nanos: AtomicU64::new(0), latencies: Mutex::new((Latencies::new(), 0)) }
    }
}

impl Hedge {
    /// One further try; when it is sent must be said with [`HedgeBuilder::after`].
    pub fn builder(name: &'static str) -> HedgeBuilder {
        HedgeBuilder::new(name, Clock::default())
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// Further tries of a call at most.
    #[must_use]
    pub fn max_extra(&self) -> u32 {
        self.shared.max_extra
    }

    pub(crate) fn pace(&self) -> Pace {
        self.shared.pace
    }

    /// The budget.
    #[must_use]
    pub fn budget(&self) -> &RetryBudget {
        &self.shared.budget
    }

    /// After how long a further try is sent now; none while too few calls were measured.
    #[must_use]
    pub fn delay(&self) -> Option<Duration> {
        match self.shared.pace {
            Pace::Fixed(delay) => Some(delay),
            Pace::Observed { least, most, until_known, .. } => {
                match self.shared.observed.nanos.load(Ordering::Relaxed) {
                    0 => until_known,
                    nanos => Some(Duration::from_nanos(nanos).clamp(least, most)),
                }
            }
        }
    }

    /// What it did so far.
    #[must_use]
    pub fn counts(&self) -> HedgeCounts {
        self.shared.tally.read()
    }

    /// What it does from now on. A receiver that lags behind loses the oldest events.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<HedgeEvent> {
        self.shared.events.listen()
    }

    /// Calls `operation`, and again when it is slow. Errors are classified by [`Causes`].
    ///
    /// # Errors
    /// [`CallError::Inner`](crate::CallError::Inner) with a try's error;
    /// [`CallError::Rejected`](crate::CallError::Rejected) when the task's deadline was over before the first try.
    pub fn call<O, F, T, E>(&self, effect: Effect, operation: O) -> HedgeCall<'_, O, F, Causes>
    where
        O: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
    {
        self.call_with(Causes, effect, operation)
    }

    /// The same with a classifier of one's own. Around another policy, let it know a refusal when it sees one, with
    /// [`Guarded`](crate::Guarded).
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_with<C, O, F, T, E>(
        &self,
        classifier: C,
        effect: Effect,
        operation: O,
    ) -> HedgeCall<'_, O, F, C>
    where
        O: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
    {
        HedgeCall::new(self, effect, operation, classifier)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Shared {
    /// Whether call times are of use.
    fn measures(&self) -> bool {
        matches!(self.pace, Pace::Observed { .. })
    }

    /// A try took so long. One that lost counts with the time it had: it was slower than that.
    fn took(&self, time: Duration) {
        let Pace::Observed { quantile, .. } = self.pace else { return };
        let mut latencies = self.observed.latencies.lock();
        let total = latencies.0.add(nanos(time));
        latencies.1 += 1;
        if total >= SAMPLES_MIN
            && (latencies.1 >= REFRESH || self.observed.nanos.load(Ordering::Relaxed) == 0)
        {
            latencies.1 = 0;
            let measured = latencies.0.quantile(quantile).unwrap_or_default();
            self.observed.nanos.store(measured, Ordering::Relaxed);
        }
    }

    fn send(&self, event: HedgeEvent) {
        self.events.tell(|| event);
    }
}

impl fmt::Debug for Hedge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("name", &self.shared.name)
            .field("delay", &self.delay())
            .field("max_extra", &self.shared.max_extra)
            .field("budget", &self.shared.budget)
            .finish_non_exhaustive()
    }
}
