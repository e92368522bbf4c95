//! Readiness: named checks of what the program needs, each with a deadline and a remembered result.

mod build;
mod check;
mod report;

pub use self::{
    build::{HealthBuilder, HealthConfigError},
    check::Unhealthy,
    report::{CheckReport, HealthReport, State},
};

use self::check::Check;
use crate::Shutdown;
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

/// Answers whether the program can serve. Cheap to clone; clones share the remembered results.
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
    keep: Duration,
    shutdown: Option<Shutdown>,
}

impl Health {
    /// Starts describing the checks.
    pub fn builder() -> HealthBuilder {
        HealthBuilder::default()
    }

    pub(crate) fn new(checks: Vec<Check>, keep: Duration, shutdown: Option<Shutdown>) -> Self {
        Self { shared: Arc::new(Shared { checks, keep, shutdown }) }
    }

    /// Runs the checks whose result is too old, all at once, and sums up.
    ///
    /// Takes no longer than the longest deadline, or twice that when another caller's run was dropped half-way.
    /// Callers that come while a check runs share its result, so a storm of probes asks the database once.
    pub async fn readiness(&self) -> HealthReport {
        let checks = join_all(self.shared.checks.iter().map(|check| check.ask(self.shared.keep))).await;
        let is_stopping = self.shared.shutdown.as_ref().is_some_and(Shutdown::is_begun);
        HealthReport::of(checks, is_stopping)
    }
}
