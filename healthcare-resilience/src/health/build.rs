use super::{Check, Health, Unhealthy};
use crate::Shutdown;
use std::{future::Future, time::Duration};

const CHECKS_MAX: usize = 64;
/// Long enough to keep probes off the database, short enough for a load balancer.
const KEEP: Duration = Duration::from_secs(1);

/// The checks cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HealthConfigError {
    /// Two checks with one name.
    #[error("check {name} is there twice: give each check a name of its own")]
    NameTaken {
        /// The name.
        name: &'static str,
    },
    /// A check without time to answer would always fail.
    #[error("check {name} has no time to answer: give it a deadline above zero")]
    NoTime {
        /// The name.
        name: &'static str,
    },
    /// More checks than a probe should run.
    #[error("more than {max} checks: join some")]
    TooManyChecks {
        /// The limit.
        max: usize,
    },
}

/// Describes a [`Health`].
#[derive(Debug)]
#[must_use = "call build()"]
pub struct HealthBuilder {
    checks: Vec<Check>,
    keep: Duration,
    shutdown: Option<Shutdown>,
}

impl Default for HealthBuilder {
    fn default() -> Self {
        Self { checks: Vec::new(), keep: KEEP, shutdown: None }
    }
}

impl HealthBuilder {
    /// Adds a check without which the program is not ready.
    ///
    /// `ask` makes a fresh future each time; it is dropped at `deadline` and counts as failed then, as it does
    /// when it panics.
    pub fn required<A, F>(self, name: &'static str, deadline: Duration, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        self.add(Check::new(name, true, deadline, ask))
    }

    /// Adds a check without which the program is degraded but serves.
    pub fn optional<A, F>(self, name: &'static str, deadline: Duration, ask: A) -> Self
    where
        A: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Unhealthy>> + Send + 'static,
    {
        self.add(Check::new(name, false, deadline, ask))
    }

    /// How long a result is used again before the check runs anew. One second when never called.
    pub const fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Not ready from the moment this shutdown begins.
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.shutdown = Some(shutdown.clone());
        self
    }

    /// The health.
    ///
    /// # Errors
    /// [`HealthConfigError`] when a name is there twice, a deadline is zero, or there are more than 64 checks.
    pub fn build(self) -> Result<Health, HealthConfigError> {
        if self.checks.len() > CHECKS_MAX {
            return Err(HealthConfigError::TooManyChecks { max: CHECKS_MAX });
        }
        for (at, check) in self.checks.iter().enumerate() {
            let name = check.name();
            if self.checks.iter().take(at).any(|earlier| earlier.name() == name) {
                return Err(HealthConfigError::NameTaken { name });
            }
            if check.deadline().is_zero() {
                return Err(HealthConfigError::NoTime { name });
            }
        }
        Ok(Health::new(self.checks, self.keep, self.shutdown))
    }

    fn add(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }
}
