//! Health: whether to send requests here, and what an operator needs to know besides.

mod build;
mod check;
mod component;
#[cfg(feature = "axum")]
mod json;
mod limits;
mod policies;
mod report;
#[cfg(feature = "axum")]
mod router;

pub use self::{
    build::{HealthBuilder, HealthConfigError},
    check::Unhealthy,
    component::{Component, ComponentReport, Condition},
    report::{CheckFailure, CheckReport, FailureClass, HealthDetails, HealthReport, Phase, State},
};

use self::check::Check;
use crate::{Shutdown, Start};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Answers whether the program can serve, and how well. Cheap to clone; clones share the remembered results.
///
/// Liveness is not asked here: a process that answers is alive, and one that is restarted because its database
/// is away only makes the outage worse. So `/livez` answers without looking at any check.
///
/// ```
/// use healthcare_resilience::{Health, State, Unhealthy};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let health = Health::builder()
///     .required("database", Duration::from_millis(500), || async { Ok(()) })
///     .optional("mail", Duration::from_millis(500), || async { Err(Unhealthy::because("no answer")) })
///     .build()?;
/// let report = health.readiness().await;
/// assert_eq!(report.state, State::Degraded);
/// assert!(report.is_ready());
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    checks: Vec<Check>,
    components: Vec<Box<dyn Component>>,
    keep: Duration,
    start: Option<Start>,
    shutdown: Option<Shutdown>,
    since: Instant,
}

impl Health {
    /// Starts describing the checks.
    pub fn builder() -> HealthBuilder {
        HealthBuilder::default()
    }

    fn new(described: HealthBuilder) -> Self {
        let HealthBuilder { checks, components, keep, start, shutdown } = described;
        Self { shared: Arc::new(Shared { checks, components, keep, start, shutdown, since: Instant::now() }) }
    }

    /// Runs the checks whose result is too old, all at once, looks at the components, and sums up.
    ///
    /// Takes no longer than the longest deadline, or twice that when another caller's run was dropped half-way.
    /// Callers that come while a check runs share its result, so a storm of probes asks the database once.
    pub async fn readiness(&self) -> HealthReport {
        let checks = join_all(self.shared.checks.iter().map(|check| check.ask(self.shared.keep))).await;
        let components = self.shared.components.iter().map(|it| ComponentReport::of(&**it)).collect();
        // Last, so that a stop which began while the checks ran is seen.
        HealthReport::of(self.phase(), checks, components)
    }

    /// As [`readiness`](Self::readiness), with uptime, steps of the start, and work in flight.
    pub async fn details(&self) -> HealthDetails {
        HealthDetails {
            report: self.readiness().await,
            uptime: self.shared.since.elapsed(),
            start: self.shared.start.as_ref().map(Start::report),
            in_flight: self.shared.shutdown.as_ref().map(Shutdown::in_flight).unwrap_or_default(),
        }
    }

    /// Where the program is in its life. Asks no check.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.shared.shutdown.as_ref().is_some_and(Shutdown::is_begun) {
            Phase::Stopping
        } else if self.shared.start.as_ref().is_some_and(|start| !start.is_ready()) {
            Phase::Starting
        } else {
            Phase::Serving
        }
    }
}
