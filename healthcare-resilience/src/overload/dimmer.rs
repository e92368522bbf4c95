use super::{
    OverloadConfigError, Priority,
    admit::Admit,
    brightness::{Brightness, Settings},
    error::Check,
    event::OverloadEvent,
    moving::Moving,
};
use crate::{
    AdmitPermit, CallError, Class, Clock, Moment, RejectReason, Rejection,
    listeners::Listeners,
    metrics::{PolicyMetrics, Reading},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use std::{future::IntoFuture, sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// Work that an answer can do without, by how little it would be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Optional {
    /// Left out first: suggestions, statistics, previews.
    Luxury,
    /// Left out next: counts, names that could be shown as numbers.
    Comfort,
    /// Left out last: what people notice at once.
    Useful,
}

impl Optional {
    /// From which level on it is never left out, and up to which always: thirds of the way.
    const fn ramp(self) -> (f64, f64) {
        match self {
            Self::Useful => (0.0, 1.0 / 3.0),
            Self::Comfort => (1.0 / 3.0, 2.0 / 3.0),
            Self::Luxury => (2.0 / 3.0, 1.0),
        }
    }
}

/// Leaves out optional work while answers take too long, so that the rest stays fast: a brown-out instead of a black-out.
/// Cheap to clone; every clone is the same dimmer.
///
/// Once a period a control loop compares a quantile of the measured latencies with the target and moves the level between
/// 1, all work is done, and 0, all optional work is left out. It goes down faster than up. What is left out first is said by
/// [`Optional`]; within its third of the way the share of calls that still do it shrinks evenly, so the load falls by
/// degrees. Emergencies are never dimmed.
///
/// Source: Klein, Maggio, Arzen, Hernandez-Rodriguez, *Brownout: Building More Robust Cloud Applications*, ICSE 2014;
/// their loop is proportional and has no memory of the error, as here.
///
/// ```
/// use healthcare_resilience::{Dimmer, Optional};
/// use std::time::Duration;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dimmer = Dimmer::builder("patient-page").target(Duration::from_millis(300)).build()?;
/// let suggestions = if dimmer.is_on(Optional::Luxury) { vec!["influenza vaccination"] } else { vec![] };
/// dimmer.record(Duration::from_millis(120));
/// # let _ = suggestions; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Dimmer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    clock: Clock,
    /// The level's bits.
    level: Moving,
    /// How often was asked.
    asked: AtomicU64,
    brightness: Mutex<Brightness>,
    metrics: PolicyMetrics,
    listeners: Listeners<OverloadEvent>,
}

impl Dimmer {
    /// Starts describing a dimmer. `name` appears in refusals and metrics.
    pub fn builder(name: &'static str) -> DimmerBuilder {
        let settings = Settings {
            target: Duration::ZERO,
            quantile: 0.95,
            period: Duration::from_secs(1),
            up: 0.05,
            down: 0.2,
        };
        DimmerBuilder { name, clock: Clock::default(), settings }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How much optional work is done: 1 all of it, 0 none.
    #[must_use]
    pub fn level(&self) -> f64 {
        f64::from_bits(self.shared.level.get())
    }

    /// Tells each piece of work that is left out and each move of the level from now on. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<OverloadEvent> {
        self.shared.listeners.listen()
    }

    /// Whether to do this optional work, for a call that is no emergency.
    #[must_use]
    pub fn is_on(&self, optional: Optional) -> bool {
        let (from, to) = optional.ramp();
        let share = (self.level() - from) / (to - from);
        if share >= 1.0 {
            return true;
        }
        let asked = self.shared.asked.fetch_add(1, Ordering::Relaxed);
        if share > 0.0 && spread(asked) < share {
            return true;
        }
        self.shared.metrics.rejected(RejectReason::Dimmed);
        self.shared.listeners.tell(|| OverloadEvent::LeftOut { policy: self.shared.name, optional });
        false
    }

    /// Whether to do this optional work for a call of that priority: always for an emergency.
    #[must_use]
    pub fn is_on_for(&self, optional: Optional, priority: Priority) -> bool {
        priority == Priority::Emergency || self.is_on(optional)
    }

    /// Runs optional work, or leaves it out.
    ///
    /// # Errors
    /// The work's own, or `Dimmed` when it is left out.
    pub async fn call<W, T, E>(&self, optional: Optional, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, E>>,
    {
        if !self.is_on(optional) {
            return Err(CallError::Rejected(Rejection::new(self.shared.name, RejectReason::Dimmed)));
        }
        work.into_future().await.map_err(CallError::Inner)
    }

    /// Tells how long a whole answer took, with or without its optional parts. An [`AdmitLayer`](crate::AdmitLayer) with
    /// this dimmer does it for every call of a service.
    pub fn record(&self, latency: Duration) {
        self.shared.record(self.shared.clock.now(), latency);
    }
}

impl Shared {
    fn record(&self, now: Moment, latency: Duration) {
        let mut brightness = self.brightness.lock();
        let Some(level) = brightness.add(now, latency) else { return };
        // Under the lock, or an older level could overwrite a newer one.
        self.level.swap(level.to_bits());
        drop(brightness);
        self.level.tell(|from, to| self.moved(f64::from_bits(from), f64::from_bits(to)));
    }

    fn moved(&self, from: f64, to: f64) {
        self.metrics.set(Reading::Limit, to);
        if from != to {
            self.listeners.tell(|| OverloadEvent::LevelMoved { policy: self.name, from, to });
        }
    }
}

/// The `n`th of a sequence that fills 0 to 1 evenly, so that a share of the calls is that share of any hundred of them: the
/// fractions of multiples of the golden ratio.
fn spread(n: u64) -> f64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    (n.wrapping_mul(GOLDEN) >> 11) as f64 / (1_u64 << 53) as f64
}

/// What a call of a service holds that a [`Dimmer`] measures.
#[derive(Debug)]
pub struct DimmerPermit {
    shared: Arc<Shared>,
    began: Moment,
}

impl AdmitPermit for DimmerPermit {
    fn record(self, class: Class) {
        // Whoever was refused further in was answered fast, which says nothing of the rest; who left has no answer.
        if !matches!(class, Class::Rejected | Class::Cancelled) {
            let now = self.shared.clock.now();
            self.shared.record(now, now.since(self.began));
        }
    }
}

impl<R> Admit<R> for Dimmer {
    type Permit = DimmerPermit;

    fn admit(&self, _request: &R) -> Result<DimmerPermit, Rejection> {
        Ok(DimmerPermit { shared: self.shared.clone(), began: self.shared.clock.now() })
    }
}

/// Describes a [`Dimmer`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct DimmerBuilder {
    name: &'static str,
    clock: Clock,
    settings: Settings,
}

impl DimmerBuilder {
    /// How long an answer may take, a millisecond to an hour. Must be said.
    pub const fn target(mut self, target: Duration) -> Self {
        self.settings.target = target;
        self
    }

    /// Which share of the answers is to be faster than the target, above 0 and at most 1. 0.95 when never called.
    pub const fn quantile(mut self, quantile: f64) -> Self {
        self.settings.quantile = quantile;
        self
    }

    /// How often the level moves, a millisecond to an hour. A second when never called.
    pub const fn period(mut self, period: Duration) -> Self {
        self.settings.period = period;
        self
    }

    /// How far the level moves at most in a period, up and down, above 0 and at most 1 each. 0.05 and 0.2 when never called.
    pub const fn gains(mut self, up: f64, down: f64) -> Self {
        self.settings.up = up;
        self.settings.down = down;
        self
    }

    /// The clock. The system's when never called.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The dimmer, with everything on.
    ///
    /// # Errors
    /// [`OverloadConfigError`] when the target is missing or a number lies outside of its range.
    pub fn build(self) -> Result<Dimmer, OverloadConfigError> {
        let (check, settings) = (Check(self.name), self.settings);
        let range = Duration::from_millis(1)..=Duration::from_secs(60 * 60);
        check.that(range.contains(&settings.target), "target", "a millisecond to an hour")?;
        check.that(range.contains(&settings.period), "period", "a millisecond to an hour")?;
        check.share("quantile", settings.quantile)?;
        check.share("gains", settings.up)?;
        check.share("gains", settings.down)?;
        Ok(Dimmer {
            shared: Arc::new(Shared {
                name: self.name,
                brightness: Mutex::new(Brightness::new(settings, self.clock.now())),
                clock: self.clock,
                level: Moving::new(1.0_f64.to_bits()),
                asked: AtomicU64::new(0),
                metrics: PolicyMetrics::new("dimmer", self.name),
                listeners: Listeners::new(),
            }),
        })
    }
}
